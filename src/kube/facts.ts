/**
 * What a cluster tells beside its objects: how the API server feels, which certificates stand between it and its clients,
 * what a cloud says of it. Each fact is read only when a chosen analyzer looks at it, and holds plain values: no key, no
 * token, no credential ever becomes part of one.
 */
import type { CertificateDates } from "./certificates.ts";
import { isRecord } from "./wire.ts";

/** The certificates of the TLS session with the API server. */
export interface ServedCertificate {
  /** The host that was connected to. */
  readonly host: string;
  /** Its own first, then those that the server sent along. */
  readonly certificates: readonly CertificateDates[];
}

/** Until when the kubeconfig's static credential holds. Of the credential itself nothing is kept. */
export interface CredentialFacts {
  /** The user's name in the kubeconfig. */
  readonly user: string;
  readonly type: "client certificate" | "token";
  /** Milliseconds since the epoch. */
  readonly notBefore?: number;
  readonly notAfter: number;
}

/** One line of `/readyz?verbose`. */
export interface HealthCheck {
  /** `etcd`, `poststarthook/start-apiextensions-controllers`. */
  readonly name: string;
  readonly isPassed: boolean;
}

/** A series of the metric `apiserver_requested_deprecated_apis`: somebody asked for it since the server's start. */
export interface DeprecatedRequest {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  /** `1.37`; absent for what is deprecated without a date. */
  readonly removedRelease?: string;
}

/** What AWS says of the EKS cluster that the context names. */
export interface EksCluster {
  readonly region: string;
  readonly name: string;
  /** `ACTIVE`, `FAILED`, `UPDATING`. */
  readonly status?: string;
  readonly issues: readonly EksIssue[];
}

/** One entry of the cluster's `health.issues`. */
export interface EksIssue {
  /** `SubnetNotFound`. */
  readonly code: string;
  readonly message: string;
  readonly resourceIds: readonly string[];
}

/** All facts there may be; absent is what was not read. */
export interface Facts {
  readonly health?: readonly HealthCheck[];
  readonly deprecatedRequests?: readonly DeprecatedRequest[];
  readonly servedCertificate?: ServedCertificate;
  /** The certificate authorities by which the kubeconfig knows the server. */
  readonly clusterAuthorities?: readonly CertificateDates[];
  readonly credential?: CredentialFacts;
  readonly eks?: EksCluster;
}

export type FactName = keyof Facts;

/** What each fact is called where it is missing, and what it takes to read it. */
export const factDefinitions: {
  readonly [Name in FactName]: {
    readonly words: string;
    /** The path of the API server that it is read from, when that is no resource. */
    readonly path?: string;
  };
} = {
  health: { words: "health of the API server (/readyz)", path: "/readyz" },
  deprecatedRequests: { words: "requests for deprecated APIs (/metrics)", path: "/metrics" },
  servedCertificate: { words: "certificate of the API server" },
  clusterAuthorities: { words: "certificate authority of the kubeconfig" },
  credential: { words: "credential of the kubeconfig" },
  eks: { words: "EKS cluster" },
};

/** All facts, in their order. */
export const factNames: readonly FactName[] = [
  "health",
  "deprecatedRequests",
  "servedCertificate",
  "clusterAuthorities",
  "credential",
  "eks",
];

/**
 * Why a fact is not there.
 * - `unread`: it should have been, and was not: a gap.
 * - `skipped`: nobody counts on it: it does not exist for this cluster, or other evidence stands where it is refused.
 */
export interface FactRead {
  readonly fact: FactName;
  readonly state: "unread" | "skipped";
  /** In one sentence. */
  readonly reason: string;
  readonly next?: string;
}

/** Reads facts back from a file; what does not have the form of a fact is left out. */
export function parseFacts(value: unknown): Facts {
  if (!isRecord(value)) return {};
  const served = value["servedCertificate"];
  const credential = value["credential"];
  const eks = value["eks"];
  const { health, deprecatedRequests, clusterAuthorities } = value;
  return {
    ...(Array.isArray(health) && { health: health.filter(isHealthCheck) }),
    ...(Array.isArray(deprecatedRequests) && { deprecatedRequests: deprecatedRequests.filter(isDeprecatedRequest) }),
    ...(isServed(served) && { servedCertificate: served }),
    ...(Array.isArray(clusterAuthorities) && { clusterAuthorities: clusterAuthorities.filter(isCertificate) }),
    ...(isCredential(credential) && { credential }),
    ...(isEks(eks) && { eks }),
  };
}

/** Reads one entry back; undefined when it is none. */
export function parseFactRead(value: unknown): FactRead | undefined {
  if (!isRecord(value)) return undefined;
  const { reason, next } = value;
  const fact = factNames.find((name) => name === value["fact"]);
  const state = (["unread", "skipped"] as const).find((name) => name === value["state"]);
  if (fact === undefined || state === undefined || typeof reason !== "string") return undefined;
  return {
    fact,
    state,
    reason,
    ...(typeof next === "string" && { next }),
  };
}

function hasTexts(value: unknown, ...keys: readonly string[]): value is Record<string, unknown> {
  return isRecord(value) && keys.every((key) => typeof value[key] === "string");
}

function isTextList(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function isHealthCheck(value: unknown): value is HealthCheck {
  return hasTexts(value, "name") && typeof value["isPassed"] === "boolean";
}

function isDeprecatedRequest(value: unknown): value is DeprecatedRequest {
  if (!hasTexts(value, "group", "version", "resource")) return false;
  return value["removedRelease"] === undefined || typeof value["removedRelease"] === "string";
}

function isCertificate(value: unknown): value is CertificateDates {
  return (
    hasTexts(value, "subject", "issuer") &&
    isTextList(value["names"]) &&
    typeof value["isAuthority"] === "boolean" &&
    typeof value["notBefore"] === "number" &&
    typeof value["notAfter"] === "number"
  );
}

function isServed(value: unknown): value is ServedCertificate {
  return hasTexts(value, "host") && Array.isArray(value["certificates"]) && value["certificates"].every(isCertificate);
}

function isCredential(value: unknown): value is CredentialFacts {
  return (
    hasTexts(value, "user") &&
    (value["type"] === "client certificate" || value["type"] === "token") &&
    typeof value["notAfter"] === "number" &&
    (value["notBefore"] === undefined || typeof value["notBefore"] === "number")
  );
}

function isEks(value: unknown): value is EksCluster {
  return (
    hasTexts(value, "region", "name") &&
    (value["status"] === undefined || typeof value["status"] === "string") &&
    Array.isArray(value["issues"]) &&
    value["issues"].every((issue) => hasTexts(issue, "code", "message") && isTextList(issue["resourceIds"]))
  );
}
