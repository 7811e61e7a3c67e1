/**
 * Writes src/cluster/codec/schema.generated.ts: how the kinds of src/kube/kinds.ts look on the wire in protobuf, and
 * what Kubernetes' JSON makes of it. Two sources in the Go modules of the API are joined: `generated.proto` knows the
 * types, and the struct tags of the Go types know the JSON name, whether a field is inline, a pointer, or left out when
 * empty. Nothing of it is written by hand, so that both encodings of one object read equal.
 *
 * Needs `go` (for the module download only) and runs when the API version or the set of kinds changes; its output is
 * committed. `node scripts/gen-protobuf.ts --check` writes nothing and fails when the output differs.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { kindDefinition, kindNames } from "../src/kube/kinds.ts";

const version = "v0.34.4";
const output = path.join(import.meta.dirname, "../src/cluster/codec/schema.generated.ts");
const modules = [
  "k8s.io/apimachinery",
  "k8s.io/api",
  "k8s.io/apiextensions-apiserver",
  "k8s.io/kube-aggregator",
] as const;

/** Where the types of a group stand, when that is not a folder of k8s.io/api called like the group. */
const groupPackages: Readonly<Record<string, string>> = {
  "": "k8s.io.api.core",
  "apiextensions.k8s.io": "k8s.io.apiextensions_apiserver.pkg.apis.apiextensions",
  "apiregistration.k8s.io": "k8s.io.kube_aggregator.pkg.apis.apiregistration",
  "rbac.authorization.k8s.io": "k8s.io.api.rbac",
};

/** Messages whose JSON is not an object of their fields, and the word that stands for them in the table. */
const forms: Readonly<Record<string, string>> = {
  "k8s.io.apimachinery.pkg.apis.meta.v1.Time": "time",
  "k8s.io.apimachinery.pkg.apis.meta.v1.MicroTime": "microTime",
  "k8s.io.apimachinery.pkg.apis.meta.v1.FieldsV1": "json",
  "k8s.io.apimachinery.pkg.api.resource.Quantity": "quantity",
  "k8s.io.apimachinery.pkg.util.intstr.IntOrString": "intOrString",
  // The schema of a custom resource: most of its definition, and never kept.
  "k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps": "unread",
  // What an authenticator says of who asked for a certificate: a list in Go without fields of its own, and never kept.
  "k8s.io.api.certificates.v1.ExtraValue": "unread",
};

const scalars: Readonly<Record<string, string>> = {
  string: "string",
  bytes: "bytes",
  bool: "bool",
  int32: "int",
  int64: "int",
};

const meta = "k8s.io.apimachinery.pkg.apis.meta.v1";

/** Messages that are read besides the kinds: what stands around the items. */
const frame = ["k8s.io.apimachinery.pkg.runtime.TypeMeta", `${meta}.ListMeta`];

/** A field as `generated.proto` has it. */
interface ProtoField {
  readonly number: number;
  readonly name: string;
  readonly repeated: boolean;
  /** The value of a map whose keys are text. */
  readonly map: boolean;
  /** A scalar's name, or the full name of a message. */
  readonly type: string;
}

/** A field as the Go struct has it, in the order of the struct, which is the order in JSON. */
interface GoField {
  readonly number: number;
  /** Undefined for an embedded struct, whose fields stand among those of its owner. */
  readonly jsonName: string | undefined;
  readonly pointer: boolean;
  readonly omitEmpty: boolean;
  readonly omitZero: boolean;
}

const messages = new Map<string, readonly ProtoField[]>();
const structs = new Map<string, readonly GoField[]>();
for (const module of modules) readModule(module, directoryOf(module));

// Custom resources have no form in protobuf: servers send them as JSON.
const roots = new Map(
  kindNames.flatMap((kind) => {
    const root = rootOf(kind);
    return messages.has(root) ? [[kind, root] as const] : [];
  }),
);
const table = new Map<string, readonly string[]>();
for (const name of frame) addMessage(name);
for (const name of new Set(roots.values())) {
  checkList(name);
  addMessage(name);
}
finish(render());

/** Where the Go tool keeps the module; downloads it when it is not there. */
function directoryOf(module: string): string {
  const answer: unknown = JSON.parse(
    execFileSync("go", ["mod", "download", "-json", `${module}@${version}`], { encoding: "utf8" }),
  );
  if (typeof answer !== "object" || answer === null || !("Dir" in answer) || typeof answer.Dir !== "string") {
    throw new Error(`go mod download names no folder for ${module}@${version}`);
  }
  return answer.Dir;
}

function readModule(module: string, directory: string): void {
  for (const entry of readdirSync(directory, { recursive: true, encoding: "utf8" })) {
    if (path.basename(entry) !== "generated.proto") continue;
    const folder = path.dirname(entry);
    const packageName = `${module}/${folder}`.replaceAll("/", ".").replaceAll("-", "_");
    readProto(packageName, readFileSync(path.join(directory, entry), "utf8"));
    for (const file of readdirSync(path.join(directory, folder))) {
      if (!file.endsWith(".go") || file.endsWith("_test.go") || /generated/.test(file)) continue;
      readStructs(packageName, readFileSync(path.join(directory, folder, file), "utf8"));
    }
  }
}

function readProto(packageName: string, text: string): void {
  if (!text.includes(`\npackage ${packageName};`)) throw new Error(`${packageName}: the file is of another package`);
  const plain = text.replaceAll(/^\s*\/\/.*$/gm, "");
  for (const [, name = "", body = ""] of plain.matchAll(/^message (\w+) \{\n([\s\S]*?)^\}/gm)) {
    const fields: ProtoField[] = [];
    for (const line of body.split("\n")) {
      if (line.trim() === "") continue;
      const map = /^ {2}map<string, ([\w.]+)> (\w+) = (\d+);$/.exec(line);
      const single = /^ {2}(optional|repeated) ([\w.]+) (\w+) = (\d+);$/.exec(line);
      const [type, field, number] = map?.slice(1) ?? single?.slice(2) ?? [];
      if (type === undefined || field === undefined || number === undefined) {
        throw new Error(`${packageName}.${name}: cannot read the line ${line}`);
      }
      fields.push({
        number: Number(number),
        name: field,
        repeated: single?.[1] === "repeated",
        map: map !== null,
        type: type in scalars ? type : type.startsWith(".") ? type.slice(1) : `${packageName}.${type}`,
      });
    }
    messages.set(`${packageName}.${name}`, fields);
  }
}

function readStructs(packageName: string, text: string): void {
  for (const [, name = "", body = ""] of text.matchAll(/^type (\w+) struct \{\n([\s\S]*?)^\}/gm)) {
    const fields: GoField[] = [];
    for (const [, declaration = "", tag = ""] of body.matchAll(/^\t([^/`\n][^`\n]*?)\s*`([^`\n]*)`/gm)) {
      const number = /protobuf:"[^",]*,(\d+),/.exec(tag)?.[1];
      const json = /json:"([^"]*)"/.exec(tag)?.[1];
      // A field that is not in both encodings is noticed by its missing line, if its message is needed at all.
      if (number === undefined || json === undefined || json === "-") continue;
      const [jsonName = "", ...options] = json.split(",");
      const type = declaration.split(/\s+/).at(-1) ?? "";
      const inline = options.includes("inline");
      if (inline !== (jsonName === "")) throw new Error(`${packageName}.${name}: cannot read the tag ${tag}`);
      if (inline && type.startsWith("*")) throw new Error(`${packageName}.${name}: inline pointer ${type}`);
      fields.push({
        number: Number(number),
        jsonName: inline ? undefined : jsonName,
        pointer: type.startsWith("*"),
        omitEmpty: options.includes("omitempty"),
        omitZero: options.includes("omitzero"),
      });
    }
    structs.set(`${packageName}.${name}`, fields);
  }
}

/** The message of a kind: only its metadata for kinds whose values are never read. */
function rootOf(kind: (typeof kindNames)[number]): string {
  const { group, version, read } = kindDefinition(kind);
  if (read === "metadata") return `${meta}.PartialObjectMetadata`;
  const groupPackage = groupPackages[group] ?? `k8s.io.api.${group.replace(/\.k8s\.io$/, "")}`;
  return `${groupPackage}.${version}.${kind}`;
}

/** The reader of lists knows two fields: 1, the list's metadata, and 2, its items. */
function checkList(root: string): void {
  const list = (messages.get(`${root}List`) ?? []).map(({ number, repeated, type }) => `${number} ${repeated} ${type}`);
  const expected = [`1 false ${meta}.ListMeta`, `2 true ${root}`];
  if (list.join() !== expected.join()) throw new Error(`${root}List has another form: ${list.join(", ")}`);
}

function addMessage(name: string): void {
  if (table.has(shortName(name))) return;
  const fields = messages.get(name);
  const goFields = structs.get(name) ?? (fields?.length === 0 ? [] : undefined);
  if (fields === undefined || goFields === undefined) throw new Error(`${name} is not among the API's types`);
  const lines: string[] = [];
  table.set(shortName(name), lines);
  for (const goField of goFields) {
    const field = fields.find(({ number }) => number === goField.number);
    if (field === undefined) throw new Error(`${name}: field ${goField.number} is not in generated.proto`);
    lines.push(lineOf(name, field, goField));
  }
  if (lines.length !== fields.length)
    throw new Error(`${name}: ${fields.length} fields in proto, ${lines.length} in Go`);
  for (const { type } of fields) if (!(type in scalars) && !(type in forms)) addMessage(type);
}

/** One line of the table; the generated file says what its parts mean. */
function lineOf(message: string, field: ProtoField, { jsonName, pointer, omitEmpty, omitZero }: GoField): string {
  const type = scalars[field.type] ?? forms[field.type] ?? shortName(field.type);
  if (jsonName === undefined) return `- ${field.number} ${type}`;
  const many = field.repeated ? "[]" : field.map ? "{}" : "";
  if (many !== "" && pointer) throw new Error(`${message}.${jsonName}: a pointer to a list or map`);
  const isStruct = many === "" && !pointer && !(field.type in scalars);
  if (omitZero && !(isStruct && type === "time")) throw new Error(`${message}.${jsonName}: omitzero on ${type}`);
  // encoding/json never finds a struct empty: only omitzero leaves one out.
  const always = isStruct ? !omitZero : !omitEmpty;
  return `${jsonName} ${field.number} ${pointer ? "*" : ""}${many}${type}${always ? "!" : ""}`;
}

/** `k8s.io.api.core.v1.Pod` as `core.v1.Pod`. */
function shortName(name: string): string {
  return name.replace(/^k8s\.io\.(?:api\.|\w+\.pkg\.(?:apis\.)?)/, "");
}

function render(): string {
  const rows = [...table].sort(([a], [b]) => (a < b ? -1 : 1));
  return `// Generated by scripts/gen-protobuf.ts from ${modules.map((module) => `${module}@${version}`).join(" and ")}.
// Do not edit; make it anew with \`node scripts/gen-protobuf.ts\`.

/** The message of each kind. */
export const roots: Readonly<Record<string, string>> = {
${[...roots].map(([kind, name]) => `  ${kind}: ${JSON.stringify(shortName(name))},`).join("\n")}
};

/**
 * The fields of every message that those messages can hold, in the order of Kubernetes' JSON. A line is the JSON name,
 * the field number and the type. A type may be led by \`[]\` (list), \`{}\` (map by text) or \`*\` (a pointer in Go). JSON
 * leaves out a pointer that was not sent and any other value that is zero or empty; where \`!\` ends the line, JSON shows
 * such a value too, a missing pointer, list or map as null. The name \`-\` stands for an embedded struct, whose fields
 * are those of its owner in JSON.
 */
export const schema: Readonly<Record<string, readonly string[]>> = {
${rows.map(([name, lines]) => `  ${JSON.stringify(name)}: [${lines.length === 0 ? "" : `\n${lines.map((line) => `    ${JSON.stringify(line)},\n`).join("")}  `}],`).join("\n")}
};
`;
}

function finish(text: string): void {
  if (!process.argv.includes("--check")) {
    writeFileSync(output, text);
    process.stdout.write(`${path.basename(output)}: ${roots.size} kinds, ${table.size} messages\n`);
  } else if (readFileSync(output, "utf8") !== text) {
    process.stderr.write(`${path.basename(output)} is not up to date: run \`node scripts/gen-protobuf.ts\`\n`);
    process.exitCode = 1;
  }
}
