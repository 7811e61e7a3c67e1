import { describe, expect, it } from "vitest";
import { networkFailure, readStatus, refusal } from "../../../src/cluster/live/failure.ts";

const destination = { server: "https://api.test:6443", host: "api.test", hasOwnAuthority: true };
const failed = (code: string, message = "", more: Record<string, unknown> = {}) =>
  networkFailure(Object.assign(new Error(message), { code, ...more }), destination);

const body = (text: string): Uint8Array => Buffer.from(text);

const field = (number: number, value: Uint8Array | string): Buffer => {
  const content = Buffer.from(value);
  return Buffer.concat([Buffer.from([number * 8 + 2, content.length]), content]);
};

describe("network errors in words", () => {
  it.each([
    ["ECONNREFUSED", "", "connection refused", "kubectl cluster-info"],
    ["EHOSTUNREACH", "", "there is no route to https://api.test:6443", "VPN"],
    ["ETIMEDOUT", "", "no connection to https://api.test:6443 in time", "VPN"],
    ["EPROTO", "ssl3_get_record:wrong version number", "https://api.test:6443 does not speak TLS", "http://"],
    ["CERT_NOT_YET_VALID", "", "the server's certificate is not valid yet", "clock"],
    [
      "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED",
      "ssl3_read_bytes:tlsv13 alert certificate required:SSL alert number 116",
      "the server refused the TLS handshake (certificate required)",
      "client certificate",
    ],
    ["ECONNRESET", "socket hang up", "the connection to https://api.test:6443 broke (ECONNRESET)", "Try again"],
  ])("%s", (code, text, message, next) => {
    const failure = failed(code, text);
    expect(failure.message).toBe(message);
    expect(failure.next).toContain(next);
  });

  it("names the host that cannot be resolved, be it the proxy's", () => {
    expect(failed("ENOTFOUND", "", { hostname: "proxy.test" }).message).toBe("the name proxy.test cannot be resolved");
    expect(failed("EAI_AGAIN").message).toBe("the name api.test cannot be resolved");
  });

  it("looks at the cause, too", () => {
    const error = new Error("outer", { cause: Object.assign(new Error("inner"), { code: "ECONNREFUSED" }) });
    expect(networkFailure(error, destination).type).toBe("unreachable");
  });

  it("says which broke: only a cut connection is worth another try", () => {
    expect(failed("ECONNRESET").type).toBe("cut");
    expect(failed("DEPTH_ZERO_SELF_SIGNED_CERT").type).toBe("unreachable");
    expect(failed("ETIMEDOUT").type).toBe("timeout");
  });
});

describe("answers that refuse", () => {
  it("names the user", () => {
    const told = (message: string) =>
      refusal(403, body(JSON.stringify({ kind: "Status", message })), undefined).message;
    expect(told('pods is forbidden: User "ci" cannot list')).toBe('forbidden for user "ci"');
    expect(told("pods is forbidden: quota")).toBe("forbidden: pods is forbidden: quota");
    expect(refusal(403, body("Forbidden"), undefined).message).toBe("forbidden");
  });

  it("shows nothing of a page", () => {
    expect(refusal(502, body("<html><script>x</script></html>"), undefined).message).toBe(
      "the server answered with status 502",
    );
    expect(refusal(400, body("Client sent an HTTP request to an HTTPS server.\n"), undefined).message).toBe(
      "the server answered with status 400: Client sent an HTTP request to an HTTPS server.",
    );
  });

  it("takes what the server says for data", () => {
    const message = `a\n\tb\u001b[31m ${"x".repeat(500)}`;
    const told = refusal(500, body(JSON.stringify({ kind: "Status", message })), undefined).message;
    expect(told).toMatch(/: a b\[31m x+…$/);
    expect(told.length).toBeLessThan(360);
  });

  it("does not follow a redirect", () => {
    expect(refusal(302, body(""), undefined).message).toContain("redirect (302)");
  });

  it("asks to log in to the proxy", () => {
    expect(refusal(407, body(""), undefined).message).toBe("the proxy asks for credentials");
  });
});

describe("Status in protobuf", () => {
  const status = Buffer.concat([
    field(2, "Failure"),
    field(3, 'pods is forbidden: User "ci"'),
    field(4, "Forbidden"),
    field(5, Buffer.from([0x28, 17])),
    Buffer.from([0x30, 0x93, 0x03]),
  ]);
  const whole = Buffer.concat([Buffer.from("k8s\0"), field(1, field(1, "v1")), field(2, status)]);

  it("is read", () => {
    expect(readStatus(whole)).toEqual({
      message: 'pods is forbidden: User "ci"',
      reason: "Forbidden",
      retryAfterSeconds: 17,
    });
    expect(refusal(403, whole, undefined).message).toBe('forbidden for user "ci"');
  });

  it("is read as far as it goes, wherever it is cut", () => {
    for (let end = 0; end < whole.length; end += 1) {
      expect(refusal(403, whole.subarray(0, end), undefined).message).toMatch(/^forbidden/);
    }
  });
});
