/**
 * The one place where an object of the API becomes an object of a snapshot: cut down to the declared fields, values of
 * Secrets and ConfigMaps left behind. The live reader and the dump reader both go through it, so that the same object
 * gives the same findings wherever it came from.
 */
import { bundleOf } from "./certificates.ts";
import { type KindName, kindDefinition, type KubeObject, type TlsOfSecret } from "./kinds.ts";
import { isRecord, project } from "./wire.ts";

/** What the user allowed beyond the usual. */
export interface KeepOptions {
  /** Keep the certificates of TLS Secrets, which are public, and nothing else of their values. */
  readonly readTls?: boolean;
}

/** `raw` as a snapshot holds it, or undefined when it is not an object with a name. Reads nothing but `raw`. */
export function keepObject<K extends KindName>(
  kind: K,
  raw: unknown,
  { readTls = false }: KeepOptions = {},
): KubeObject<K> | undefined {
  const source = kind === "ConfigMap" ? withDataKeys(raw) : kind === "Secret" && readTls ? withCertificates(raw) : raw;
  const kept = project(source, kindDefinition(kind).fields);
  if (!isRecord(kept) || !isRecord(kept["metadata"]) || typeof kept["metadata"]["name"] !== "string") return undefined;
  return kept;
}

/**
 * Adds the names of a ConfigMap's entries as `dataKeys`. A list of `PartialObjectMetadata` holds no data, but the
 * server's own record of who set which field (`metadata.managedFields[].fieldsV1`, reference/using-api/server-side-apply/)
 * names every key without its value. Without either the keys are not known, and `dataKeys` stays absent.
 */
function withDataKeys(raw: unknown): unknown {
  if (!isRecord(raw)) return raw;
  if (Array.isArray(raw["dataKeys"])) return raw;
  const { data, binaryData, ...rest } = raw;
  if (isRecord(data) || isRecord(binaryData)) {
    const dataKeys = [...keysOf(data), ...keysOf(binaryData)].sort();
    return { ...rest, dataKeys };
  }
  const managers = isRecord(raw["metadata"]) ? raw["metadata"]["managedFields"] : undefined;
  if (!Array.isArray(managers) || managers.length === 0) return rest;
  const keys = new Set<string>();
  for (const manager of managers) {
    const fields = isRecord(manager) ? manager["fieldsV1"] : undefined;
    if (!isRecord(fields)) continue;
    for (const part of ["f:data", "f:binaryData"]) {
      for (const name of keysOf(fields[part])) if (name.startsWith("f:")) keys.add(name.slice(2));
    }
  }
  return { ...rest, dataKeys: [...keys].sort() };
}

/** The type of Secrets whose values are a certificate and its key (concepts/configuration/secret/#tls-secrets). */
export const tlsType = "kubernetes.io/tls";

/** Adds as `tls` what a TLS Secret's certificates are, and which of its two entries are empty. The key stays behind. */
function withCertificates(raw: unknown): unknown {
  if (!isRecord(raw) || raw["type"] !== tlsType || !isRecord(raw["data"])) return raw;
  const { data, stringData: _values, ...rest } = raw;
  const certificate = data["tls.crt"];
  const tls: TlsOfSecret = {
    certificateBundle: typeof certificate === "string" ? bundleOf(certificate) : "",
    lacks: ["tls.crt", "tls.key"].filter((name) => typeof data[name] !== "string" || data[name] === ""),
  };
  return { ...rest, tls };
}

function keysOf(value: unknown): string[] {
  return isRecord(value) ? Object.keys(value) : [];
}
