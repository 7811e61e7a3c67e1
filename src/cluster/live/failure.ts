/**
 * Why a request to the API server got no answer that can be used, in words for a person. The door throws these; whoever
 * asked knows which object it was about, and makes a coverage line or a `Fault` of it.
 */
import { Fault } from "../../fault.ts";
import { isRecord } from "../../kube/wire.ts";

/** What went wrong, by what can be done about it. */
export type FailureType =
  /** The server answered with an error. */
  | "refused"
  /** No connection could be made: trying again at once will not help. */
  | "unreachable"
  /** The connection broke before the whole answer was here. */
  | "cut"
  | "timeout"
  /** It was never sent: a policy does not allow it. */
  | "policy"
  /** The caller ended it. */
  | "stopped";

interface FailureOptions {
  readonly type: FailureType;
  readonly status?: number | undefined;
  readonly serverReason?: string | undefined;
  readonly next?: string | undefined;
  readonly cause?: unknown;
}

/** One failed request. `message` is the why, in words that go on after a colon: `forbidden for user "ci"`. */
export class RequestFailure extends Error {
  readonly type: FailureType;
  /** HTTP status of the answer, when there was one. */
  readonly status: number | undefined;
  /** `reason` of the server's Status: `Expired`, `Forbidden`. */
  readonly serverReason: string | undefined;
  /** The step to take, when it does not depend on what was asked. */
  readonly next: string | undefined;

  constructor(message: string, { type, status, serverReason, next, cause }: FailureOptions) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "RequestFailure";
    this.type = type;
    this.status = status;
    this.serverReason = serverReason;
    this.next = next;
  }
}

/** `failure` as the `Fault` that a user sees. `what` says what was tried: `Cannot list Pods of context "prod"`. */
export function faultOf(what: string, failure: RequestFailure, next?: string): Fault {
  const step = next ?? failure.next;
  return new Fault(`${what}: ${failure.message}`, { cause: failure, ...(step !== undefined && { next: step }) });
}

/** A Kubernetes `Status`, as far as it is of use here. */
export interface ServerStatus {
  readonly message: string;
  readonly reason: string;
  readonly retryAfterSeconds?: number;
}

/**
 * Reads the body of an error answer: a `Status` as JSON or as protobuf, depending on what was asked for. Undefined when it
 * is neither: a proxy's page, the plain `404 page not found` of a group that is not served.
 */
export function readStatus(body: Uint8Array): ServerStatus | undefined {
  return Buffer.from(body).toString("latin1", 0, 4) === "k8s\0" ? protobufStatus(body.subarray(4)) : jsonStatus(body);
}

function jsonStatus(body: Uint8Array): ServerStatus | undefined {
  try {
    const status: unknown = JSON.parse(Buffer.from(body).toString("utf8"));
    if (!isRecord(status) || status["kind"] !== "Status") return undefined;
    const details = isRecord(status["details"]) ? status["details"] : {};
    const seconds = details["retryAfterSeconds"];
    return {
      message: typeof status["message"] === "string" ? status["message"] : "",
      reason: typeof status["reason"] === "string" ? status["reason"] : "",
      ...(typeof seconds === "number" && { retryAfterSeconds: seconds }),
    };
  } catch {
    return undefined;
  }
}

/** runtime.Unknown { raw = 2 } around meta.v1.Status { message = 3, reason = 4, details = 5 { retryAfterSeconds = 5 } } */
function protobufStatus(envelope: Uint8Array): ServerStatus | undefined {
  const raw = fieldsOf(envelope).get(2);
  if (!(raw instanceof Uint8Array)) return undefined;
  const status = fieldsOf(raw);
  const details = status.get(5);
  const seconds = details instanceof Uint8Array ? fieldsOf(details).get(5) : undefined;
  return {
    message: textOf(status.get(3)),
    reason: textOf(status.get(4)),
    ...(typeof seconds === "number" && { retryAfterSeconds: seconds }),
  };
}

function textOf(value: number | Uint8Array | undefined): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString("utf8") : "";
}

/** The last value of each field of a protobuf message. A cut message gives the fields before the cut. */
function fieldsOf(message: Uint8Array): Map<number, number | Uint8Array> {
  const fields = new Map<number, number | Uint8Array>();
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = message[at] ?? 0;
      at += 1;
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const wire = tag & 7;
    if (wire === 0) fields.set(tag >>> 3, varint());
    else if (wire === 2) {
      const length = varint();
      fields.set(tag >>> 3, message.subarray(at, at + length));
      at += length;
    } else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else break;
  }
  return fields;
}

/** What an error answer means. `body` is the start of it; `what` the host, for pages that are not the API server's. */
export function refusal(status: number, body: Uint8Array, credentialHint: string | undefined): RequestFailure {
  const told = readStatus(body);
  const said = oneLine(told?.message ?? "");
  const options = { type: "refused", status, serverReason: told?.reason } as const;
  const page = pageText(body);
  switch (status) {
    case 401:
      return new RequestFailure(credentialHint ?? "the server does not accept the credentials", {
        ...options,
        next: "Log in again, or check the user of this context with `kubectl config view --minify`",
      });
    case 403:
      return new RequestFailure(forbidden(said || page), options);
    case 404:
      return new RequestFailure(said || "not found", options);
    case 407:
      return new RequestFailure("the proxy asks for credentials", {
        ...options,
        next: "Put them into the proxy's address: http://user:password@host:port",
      });
    case 410:
      return new RequestFailure("the list changed for so long that its next page expired", options);
    case 429:
      return new RequestFailure("the server is too busy (429)", {
        ...options,
        next: "Try again, with a lower --max-concurrency",
      });
    default:
      break;
  }
  if (status >= 300 && status < 400) {
    return new RequestFailure(`the answer is a redirect (${status}), which an API server does not send`, {
      ...options,
      next: "Check the server's address in the kubeconfig",
    });
  }
  const message = said || page;
  return new RequestFailure(
    message === ""
      ? `the server answered with status ${status}`
      : `the server answered with status ${status}: ${message}`,
    options,
  );
}

/** `forbidden for user "ci"`, out of `pods is forbidden: User "ci" cannot list resource …`. */
function forbidden(message: string): string {
  const user = /User "([^"]*)"/.exec(message)?.[1];
  if (user !== undefined) return user === "" ? "forbidden" : `forbidden for user "${user}"`;
  return message === "" || message === "Forbidden" ? "forbidden" : `forbidden: ${message}`;
}

/** The first line of a plain text answer, short; nothing of an HTML page. */
function pageText(body: Uint8Array): string {
  const text = Buffer.from(body.subarray(0, 2048)).toString("utf8").trim();
  if (text.startsWith("<") || text.startsWith("{") || text.startsWith("k8s\0")) return "";
  return oneLine(text.split("\n")[0] ?? "");
}

/** Text from the server, which is data: on one line, not too long, without control characters. */
function oneLine(text: string): string {
  const line = text
    .replace(/\s+/g, " ")
    .replace(/\p{Cc}/gu, "")
    .trim();
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}

/** Where a connection was to go, for the words of an error. */
export interface Destination {
  /** `https://host:port` */
  readonly server: string;
  readonly host: string;
  /** The host and port of the proxy on the way, without its credentials. */
  readonly proxy?: string | undefined;
  /** Whether the kubeconfig names a certificate authority for this cluster. */
  readonly hasOwnAuthority: boolean;
}

/** What an error of a socket, of TLS or of HTTP means. A `RequestFailure` is given back as it is. */
export function networkFailure(error: unknown, destination: Destination): RequestFailure {
  if (error instanceof RequestFailure) return error;
  const code = codeOf(error);
  const detail = error instanceof Error ? error.message : String(error);
  const unreachable = (message: string, next?: string) =>
    new RequestFailure(message, { type: "unreachable", cause: error, next });
  const { host, server, proxy } = destination;
  const peer = proxy === undefined ? server : `the proxy ${proxy}`;
  switch (code) {
    case "ECONNREFUSED":
      return unreachable(
        proxy === undefined ? "connection refused" : `connection refused by ${peer}`,
        proxy === undefined
          ? "Check that the cluster runs and that its address is right: `kubectl cluster-info`"
          : "Check proxy-url in the kubeconfig, HTTPS_PROXY and NO_PROXY",
      );
    case "ENOTFOUND":
    case "EAI_AGAIN":
    case "EAI_NODATA":
      return unreachable(
        `the name ${nameIn(error) ?? host} cannot be resolved`,
        "Check the server's address in the kubeconfig, and whether a VPN is needed",
      );
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "EADDRNOTAVAIL":
      return unreachable(`there is no route to ${peer}`, "Check the network, and whether a VPN is needed");
    case "ETIMEDOUT":
      return new RequestFailure(`no connection to ${peer} in time`, {
        type: "timeout",
        cause: error,
        next: "Check the network, and whether a VPN is needed",
      });
    case "CERT_HAS_EXPIRED":
      return unreachable(
        "the server's certificate has expired",
        "Renew the API server's certificate (`kubeadm certs check-expiration` on a kubeadm cluster), and check the clock of this machine",
      );
    case "CERT_NOT_YET_VALID":
      return unreachable("the server's certificate is not valid yet", "Check the clock of this machine");
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return unreachable(
        `the server's certificate is not for ${host}${namesIn(error)}`,
        "Use one of these names in the server's address, or set tls-server-name in the kubeconfig",
      );
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "CERT_SIGNATURE_FAILURE":
      return unreachable(
        destination.hasOwnAuthority
          ? "the server's certificate is not signed by the certificate authority in the kubeconfig"
          : "the server's certificate is not signed by a certificate authority that this machine trusts",
        destination.hasOwnAuthority
          ? "The cluster may have been made anew, or a proxy intercepts TLS: fetch the kubeconfig again, or set certificate-authority"
          : "Set certificate-authority in the kubeconfig's cluster entry",
      );
    default:
      break;
  }
  if (/wrong version number|packet length too long|http request/i.test(detail)) {
    return unreachable(`${server} does not speak TLS`, "Check whether the server's address should start with http://");
  }
  if (code?.startsWith("ERR_SSL_") === true && /alert/i.test(detail)) {
    return unreachable(
      `the server refused the TLS handshake (${(/alert ([a-z ]+)/i.exec(detail)?.[1] ?? "alert").trim()})`,
      "Check the client certificate of this context's user",
    );
  }
  return new RequestFailure(`the connection to ${peer} broke${code === undefined ? `: ${detail}` : ` (${code})`}`, {
    type: "cut",
    cause: error,
    next: "Try again; if it happens each time, look at the proxies and load balancers on the way",
  });
}

/** The code of an error or of its cause, `ECONNRESET`. */
export function codeOf(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ("code" in at && typeof at.code === "string") return at.code;
  }
  return undefined;
}

function nameIn(error: unknown): string | undefined {
  return error instanceof Error && "hostname" in error && typeof error.hostname === "string"
    ? error.hostname
    : undefined;
}

function namesIn(error: unknown): string {
  const certificate = error instanceof Error && "cert" in error ? error.cert : undefined;
  const names = isRecord(certificate) ? certificate["subjectaltname"] : undefined;
  if (typeof names !== "string") return "";
  return `, but for ${names
    .split(", ")
    .map((name) => name.replace(/^(DNS|IP Address):/, ""))
    .join(", ")}`;
}
