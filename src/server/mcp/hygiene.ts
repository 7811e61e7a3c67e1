/**
 * What leaves the server of an object: no value of a Secret or ConfigMap, no literal of an environment variable, no
 * credential that can be told by its form or by its key, no bookkeeping. Names of keys stay: rules and people need them.
 */
import { redactCredentials, redacted } from "../../kube/credentials.ts";
import { lastApplied } from "../../kube/wire.ts";

/** Any JSON object. */
export type Plain = Readonly<Record<string, unknown>>;

/** Keys whose text is a secret whatever it looks like. */
const secretKey =
  /(?:^|[._/-])(?:password|passwd|passphrase|token|credentials?)$|(?:Password|Passphrase|Token|Credentials?|clientSecret|ClientSecret|secretAccessKey|apiKey|ApiKey|api_key|accessKey|access_key|secret_key|privateKey|private_key|client_secret)$/;

/** Maps of which only the keys are shown, by kind. */
const valueMaps = new Set(["data", "stringData", "binaryData"]);

const bookkeeping = new Set(["managedFields", "selfLink"]);

/** The object as clients may see it. */
export function cleanObject(raw: Plain): Plain {
  const isStore = raw["kind"] === "Secret" || raw["kind"] === "ConfigMap";
  const entries = Object.entries(raw).map(([key, value]): [string, unknown] =>
    isStore && valueMaps.has(key) ? [key, keysOnly(value)] : [key, cleanValue(value, key)],
  );
  const keys = isStore ? ownedKeys(raw) : [];
  return { ...Object.fromEntries(entries), ...(keys.length > 0 && raw["data"] === undefined && { dataKeys: keys }) };
}

/** Any value of an object, cleaned; `key` is the name under which it stands. */
export function cleanValue(value: unknown, key = ""): unknown {
  if (typeof value === "string") {
    if (value === "") return value;
    if (key === "caBundle" || key === "certificate-authority-data") return `[certificates, ${value.length} characters]`;
    return secretKey.test(key) ? redacted : redactCredentials(value);
  }
  if (Array.isArray(value)) return value.map((item) => (key === "env" ? cleanVariable(item) : cleanValue(item, key)));
  if (!isPlain(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !bookkeeping.has(name) && name !== lastApplied)
      .map(([name, inner]) => [name, cleanValue(inner, name)]),
  );
}

/** A variable's literal may be anything; where it comes from is worth knowing. */
function cleanVariable(variable: unknown): unknown {
  if (!isPlain(variable) || typeof variable["value"] !== "string" || variable["value"] === "") {
    return cleanValue(variable);
  }
  return { ...variable, value: redacted };
}

function keysOnly(value: unknown): unknown {
  if (!isPlain(value)) return {};
  return Object.fromEntries(Object.keys(value).map((key) => [key, redacted]));
}

/** The entries of a Secret or ConfigMap that was read as metadata, after the server's record of who owns which field. */
function ownedKeys(raw: Plain): readonly string[] {
  const { managedFields, dataKeys } = isPlain(raw["metadata"])
    ? { dataKeys: raw["dataKeys"], ...raw["metadata"] }
    : raw;
  if (Array.isArray(dataKeys)) return dataKeys.filter((key) => typeof key === "string");
  const keys = new Set<string>();
  for (const entry of Array.isArray(managedFields) ? managedFields : []) {
    const fields: unknown = isPlain(entry) ? entry["fieldsV1"] : undefined;
    for (const map of valueMaps) {
      const owned: unknown = isPlain(fields) ? fields[`f:${map}`] : undefined;
      for (const name of isPlain(owned) ? Object.keys(owned) : []) if (name.startsWith("f:")) keys.add(name.slice(2));
    }
  }
  return [...keys].sort();
}

/** Whether the value is a JSON object. */
export function isPlain(value: unknown): value is Plain {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value at a path such as `spec.containers` or `metadata.labels.app`; undefined where there is none. */
export function valueAt(object: unknown, path: string): unknown {
  const direct = isPlain(object) ? object[path] : undefined;
  if (direct !== undefined) return direct;
  const at = path.indexOf(".");
  const [head, rest] = at < 0 ? [path, ""] : [path.slice(0, at), path.slice(at + 1)];
  if (Array.isArray(object)) return object.map((item) => valueAt(item, path)).filter((item) => item !== undefined);
  if (!isPlain(object)) return undefined;
  return rest === "" ? object[head] : valueAt(object[head], rest);
}
