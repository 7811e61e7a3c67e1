import { describe, expect, it } from "vitest";
import type { Target } from "../../../src/cluster/live/kubeconfig.ts";
import { proxyOf } from "../../../src/cluster/live/proxy.ts";

function target(server: string, cluster: Record<string, unknown> = {}): Target {
  return {
    context: "prod",
    clusterName: "prod",
    cluster,
    server,
    userName: "ci",
    user: {},
    namespace: "default",
    origin: "config",
  };
}

describe("which proxy", () => {
  it("is the kubeconfig's, whatever NO_PROXY says", () => {
    const server = target("https://api.test:6443", { "proxy-url": "http://own:3128" });
    expect(proxyOf(server, { HTTPS_PROXY: "http://other:1", NO_PROXY: "*" })?.host).toBe("own:3128");
  });

  it("is that of the server's scheme, in capitals or not", () => {
    const env = { HTTPS_PROXY: "http://secure:1", http_proxy: "plain:2" };
    expect(proxyOf(target("https://api.test"), env)?.host).toBe("secure:1");
    expect(proxyOf(target("http://api.test"), env)?.host).toBe("plain:2");
    expect(proxyOf(target("https://api.test"), {})).toBeUndefined();
  });

  it.each(["https://localhost:6443", "https://127.0.0.1:6443", "https://127.8.8.8", "https://[::1]:6443"])(
    "is none for this machine: %s",
    (server) => {
      expect(proxyOf(target(server), { HTTPS_PROXY: "http://p:1" })).toBeUndefined();
    },
  );

  it.each([
    ["*", true],
    ["api.corp.test", true],
    ["API.CORP.TEST", true],
    ["corp.test", true],
    [".corp.test", true],
    ["*.corp.test", true],
    ["other.test, corp.test", true],
    ["api.corp.test:6443", true],
    ["api.corp.test:443", false],
    ["orp.test", false],
    ["api.corp", false],
    [".api.corp.test", false],
    ["", false],
    [",", false],
  ])("NO_PROXY=%s exempts api.corp.test: %s", (exceptions, isExempt) => {
    const proxy = proxyOf(target("https://api.corp.test:6443"), { HTTPS_PROXY: "http://p:1", NO_PROXY: exceptions });
    expect(proxy === undefined).toBe(isExempt);
  });

  it.each([
    ["https://10.1.2.3", "10.0.0.0/8", true],
    ["https://10.1.2.3", "10.1.2.3", true],
    ["https://10.1.2.3", "192.168.0.0/16", false],
    ["https://10.1.2.3", "10.0.0.0/99", false],
    ["https://[fd00::1]", "fd00::/8", true],
    ["https://[fd00::1]:6443", "[fd00::1]:6443", true],
    ["https://[fd00::1]", "10.0.0.0/8", false],
  ])("%s with NO_PROXY=%s: %s", (server, exceptions, isExempt) => {
    expect(proxyOf(target(server), { HTTPS_PROXY: "http://p:1", no_proxy: exceptions }) === undefined).toBe(isExempt);
  });
});
