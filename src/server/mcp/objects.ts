/**
 * Objects of any kind, one page at a time. A live cluster is asked for exactly the page, as the table that `kubectl get`
 * prints where that is enough; a saved one is asked for what it holds. Secrets and ConfigMaps are read as metadata, so
 * that their values never reach the process.
 */
import type { AnyRequest, ApiResource, ClusterSource } from "../../cluster/source.ts";
import { Fault } from "../../fault.ts";
import { isKindName, kindDefinition, kindNames } from "../../kube/kinds.ts";
import { compareText } from "../../kube/object-ref.ts";
import { selectorMatches } from "../../kube/selectors.ts";
import type { Snapshot } from "../../kube/snapshot.ts";
import { formatDuration, parseTime } from "../../kube/time.ts";
import { cursorText, fitting, readCursor } from "./answer.ts";
import type { McpContext } from "./context.ts";
import { cleanObject, cleanValue, isPlain, type Plain, valueAt } from "./hygiene.ts";
import { allowsNamespace, checkKind, checkNamespace } from "./policy.ts";

/** Kinds whose values stay on the server. */
const valueKinds = new Set(["Secret", "ConfigMap"]);

const verbs = ["get", "list"];

/** What can be listed: the server's own word, or the kinds that a dump holds. */
export async function resourcesOf(context: McpContext, again = false): Promise<readonly ApiResource[]> {
  return (await context.discovery(again)) ?? savedResources(await everything(context));
}

/** A dump as a whole, read once: it does not change. */
const wholes = new WeakMap<ClusterSource, Promise<Snapshot>>();

async function everything(context: McpContext): Promise<Snapshot> {
  const source = await context.source();
  const known = wholes.get(source);
  if (known !== undefined) return known;
  // What is not open is left out of each answer: views of one cluster share this.
  const read = context.read({ kinds: kindNames, scope: {} });
  wholes.set(source, read);
  return read;
}

function savedResources(snapshot: Snapshot): readonly ApiResource[] {
  return kindNames
    .filter((kind) => snapshot.list(kind).length > 0)
    .map((kind) => {
      const { group, version, plural, namespaced, shortNames } = kindDefinition(kind);
      return { group, version, kind, plural, singular: kind.toLowerCase(), shortNames, namespaced, verbs };
    });
}

/**
 * The resource that a client names: `pod`, `po`, `Pod`, `deployments.apps`, `apps/v1/Deployment`. Kinds that k8sgpt knows
 * win over others of the same name, as with kubectl.
 *
 * @throws Fault when there is none, or when several groups have one
 */
export async function resolveResource(context: McpContext, text: string): Promise<ApiResource> {
  let candidates = matching(text, await resourcesOf(context));
  // A CustomResourceDefinition may be younger than our list.
  if (candidates.length === 0) candidates = matching(text, await resourcesOf(context, true));
  const own = candidates.filter(({ kind, group }) => isKindName(kind) && kindDefinition(kind).group === group);
  const [first, ...more] = own.length === 1 ? own : candidates;
  if (first === undefined) {
    throw new Fault(`${context.isSaved ? "The saved cluster holds" : "The server serves"} no kind "${text}"`, {
      next: "`get-api-resources` lists the kinds; write `kind`, `plural`, a short name, `plural.group` or `group/version/Kind`",
    });
  }
  if (more.length > 0) {
    const names = [first, ...more].map(({ plural, group }) => (group === "" ? plural : `${plural}.${group}`));
    throw new Fault(`"${text}" is the name of ${names.length} kinds`, {
      next: `Name the group: ${names.join(" or ")}`,
    });
  }
  checkKind(context.policy, first);
  return first;
}

function matching(text: string, resources: readonly ApiResource[]): readonly ApiResource[] {
  const wanted = text.trim().toLowerCase();
  const readable = resources.filter((resource) => resource.verbs.includes("list") || resource.verbs.includes("get"));
  return readable.filter(({ group, version, kind, plural, singular, shortNames }) => {
    const names = [kind.toLowerCase(), plural.toLowerCase(), singular.toLowerCase(), ...shortNames];
    return names.some((name) =>
      [
        name,
        `${name}.${group}`,
        `${name}.${version}.${group}`,
        `${group}/${version}/${name}`,
        `${group}/${name}`,
        ...(group === "" ? [`${version}/${name}`] : []),
      ].includes(wanted),
    );
  });
}

/** What to list. */
export interface ListQuestion {
  readonly resource: ApiResource;
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** `table`: kubectl's columns; `names`; `objects`: whole; `fields`: the paths named. */
  readonly output: "table" | "names" | "objects" | "fields";
  readonly fields: readonly string[];
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly budgetBytes: number;
}

/** One page of an answer. */
export interface ListPage {
  readonly items: readonly Plain[];
  readonly nextCursor?: string | undefined;
  /** How many more there are, where the server says. */
  readonly remaining?: number | undefined;
}

interface Row {
  readonly key: string;
  readonly namespace: string | undefined;
  readonly raw: Plain;
  readonly shown: Plain;
}

/** A page as it was read. */
interface Rows {
  readonly rows: readonly Row[];
  readonly token?: string;
  readonly remaining?: number;
}

/** @throws Fault when it may not be listed, or the cursor is none of ours */
export async function listPage(context: McpContext, question: ListQuestion): Promise<ListPage> {
  const { resource, namespace, cursor, limit } = question;
  checkNamespace(context.policy, namespace);
  const at = cursor === undefined ? {} : readCursor(cursor);
  if (at === undefined)
    throw new Fault(`The cursor is not one of this server's`, { next: "Leave it out to start anew" });
  const source = await context.source();
  // One by one: whoever may see some namespaces is often not allowed to list all.
  const parts: readonly (string | undefined)[] =
    resource.namespaced && namespace === undefined ? (context.policy.scope.include ?? [undefined]) : [namespace];
  const part = at.part ?? 0;
  const { rows, token, remaining } =
    source.listAny === undefined
      ? await savedRows(context, question, parts)
      : await liveRows(context, question, parts[part], at.token);
  const open = rows.filter((row) =>
    allowsNamespace(context.policy, resource.kind === "Namespace" ? row.key.slice(1) : row.namespace),
  );
  // The page is told by its token, the place in it by the last object shown: both stay true while the cluster changes.
  const after = at.after;
  const exact = after === undefined ? -1 : open.findIndex(({ key }) => key === after);
  const left =
    after === undefined
      ? open
      : exact >= 0
        ? open.slice(exact + 1)
        : open.filter(({ key }) => compareText(key, after) > 0);
  const count = Math.min(
    limit,
    fitting(
      left.slice(0, limit).map(({ shown }) => shown),
      question.budgetBytes,
    ),
  );
  const shown = left.slice(0, count);
  context.masking.learnObjects(
    resource.kind,
    shown.map(({ raw }) => raw),
  );
  const last = shown.at(-1);
  const base = { ...(part > 0 && { part }) };
  const next =
    count < left.length && last !== undefined
      ? { ...base, ...(at.token !== undefined && { token: at.token }), after: last.key }
      : token !== undefined
        ? { ...base, token }
        : source.listAny !== undefined && part + 1 < parts.length
          ? { part: part + 1 }
          : undefined;
  const unseen = left.length - count + (remaining ?? 0);
  return {
    items: shown.map((row) => row.shown),
    ...(next !== undefined && { nextCursor: cursorText(next) }),
    ...(unseen > 0 && { remaining: unseen }),
  };
}

async function liveRows(
  context: McpContext,
  question: ListQuestion,
  namespace: string | undefined,
  continueToken: string | undefined,
): Promise<Rows> {
  const { resource, output, limit, labelSelector, fieldSelector } = question;
  const source = await context.source();
  const isWhole = output === "objects" || output === "fields";
  const form: AnyRequest["form"] =
    output === "table" ? "table" : isWhole && !valueKinds.has(resource.kind) ? "whole" : "metadata";
  const answer =
    (await source.listAny?.(
      { resource, namespace, form, limit, continueToken, labelSelector, fieldSelector },
      context.signal,
    )) ?? {};
  const metadata = isPlain(answer["metadata"]) ? answer["metadata"] : {};
  const token = metadata["continue"];
  const remaining = metadata["remainingItemCount"];
  const rows = Array.isArray(answer["rows"])
    ? tableRows(resource, answer)
    : records(answer["items"]).map((raw) => rowOf(resource, raw, question));
  return {
    rows,
    ...(typeof token === "string" && token !== "" && { token }),
    ...(typeof remaining === "number" && { remaining }),
  };
}

/** The server's table with each row as an object: what `kubectl get` prints without `-o wide`. */
function tableRows({ kind, namespaced }: ApiResource, answer: Plain): readonly Row[] {
  const columns = records(answer["columnDefinitions"]).map(({ name, priority }, index) => ({
    name: typeof name === "string" ? keyFor(name) : `column${index}`,
    isShown: priority === 0 || priority === undefined,
  }));
  return records(answer["rows"]).map((row) => {
    const object = isPlain(row["object"]) ? row["object"] : {};
    const cells: readonly unknown[] = Array.isArray(row["cells"]) ? row["cells"] : [];
    const named = { ...object, kind };
    const shown = cells.flatMap((cell, index): readonly (readonly [string, unknown])[] => {
      const column = columns[index];
      return column === undefined || !column.isShown || cell === "" || cell === null
        ? []
        : [[column.name, cleanValue(cell)]];
    });
    const { key, namespace, name } = placeOf(object);
    return {
      key,
      namespace,
      raw: named,
      shown: { ...(namespaced && { namespace }), name, ...Object.fromEntries(shown) },
    };
  });
}

/** `Nominated Node` as `nominatedNode`. */
function keyFor(column: string): string {
  return column
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== "")
    .map((word, index) =>
      index === 0 ? word.toLowerCase() : `${word.slice(0, 1).toUpperCase()}${word.slice(1).toLowerCase()}`,
    )
    .join("");
}

function rowOf(resource: ApiResource, given: Plain, { output, fields }: ListQuestion): Row {
  const raw = typed(resource, given);
  const { key, namespace, name } = placeOf(raw);
  const named = { ...(namespace !== undefined && { namespace }), name };
  if (output === "names" || output === "table") return { key, namespace, raw, shown: named };
  const clean = cleanObject(raw);
  if (output === "objects") return { key, namespace, raw, shown: clean };
  const chosen = fields.flatMap((path): readonly (readonly [string, unknown])[] => {
    const value = valueAt(clean, path);
    return value === undefined ? [] : [[path, value]];
  });
  return { key, namespace, raw, shown: { ...named, ...Object.fromEntries(chosen) } };
}

async function savedRows(
  context: McpContext,
  question: ListQuestion,
  parts: readonly (string | undefined)[],
): Promise<Rows> {
  const { resource, labelSelector, fieldSelector } = question;
  const snapshot = await everything(context);
  if (!isKindName(resource.kind)) return { rows: [] };
  const selector = labelSelector === undefined ? undefined : context.parseLabels(labelSelector);
  const wanted = fieldTests(fieldSelector);
  const rows = snapshot
    .list(resource.kind)
    .filter(({ metadata }) => parts.some((part) => part === undefined || part === metadata?.namespace))
    .filter(({ metadata }) => selector === undefined || selectorMatches(selector, metadata?.labels))
    .map((object): Plain => ({ ...object }))
    .filter((object) =>
      wanted.every(({ path, value, isEqual }) => (textOf(valueAt(object, path)) === value) === isEqual),
    )
    .map((object) => {
      const row = rowOf(resource, object, question);
      return question.output === "table"
        ? { ...row, shown: { ...row.shown, ...summaryOf(object, snapshot.takenAt) } }
        : row;
    });
  return { rows };
}

/** A field selector, as kubectl takes it. @throws Fault for what is none: to leave it out would answer another question */
export function fieldTests(text: string | undefined): readonly { path: string; value: string; isEqual: boolean }[] {
  if (text === undefined || text.trim() === "") return [];
  return text.split(",").map((part) => {
    const [, path, sign, value] = /^\s*([\w.]+)\s*(!=|==?)\s*(.*?)\s*$/.exec(part) ?? [];
    if (path === undefined || value === undefined) {
      throw new Fault(`"${part}" is not a field selector`, { next: "Write it as `status.phase=Running`" });
    }
    return { path, value, isEqual: sign !== "!=" };
  });
}

/** What kubectl's columns tell most often, of an object that no server prints. */
function summaryOf(object: Plain, now: number): Plain {
  const metadata = isPlain(object["metadata"]) ? object["metadata"] : {};
  const created =
    typeof metadata["creationTimestamp"] === "string" ? parseTime(metadata["creationTimestamp"]) : undefined;
  const read = (path: string): unknown => valueAt(object, path);
  const containers = [read("status.containerStatuses")].flat().filter(isPlain);
  const waiting = containers.map((one) => valueAt(one, "state.waiting.reason")).find((reason) => reason !== undefined);
  const wanted = read("spec.replicas") ?? read("status.desiredNumberScheduled");
  const ready = read("status.readyReplicas") ?? read("status.numberReady") ?? (wanted === undefined ? undefined : 0);
  const condition = [read("status.conditions")]
    .flat()
    .filter(isPlain)
    .find(({ type }) => type === "Ready");
  const rows: readonly (readonly [string, unknown])[] = [
    [
      "ready",
      containers.length > 0
        ? `${containers.filter((one) => one["ready"] === true).length}/${containers.length}`
        : wanted === undefined
          ? condition?.["status"]
          : `${textOf(ready)}/${textOf(wanted)}`,
    ],
    ["status", waiting ?? read("status.phase")],
    [
      "restarts",
      containers.length > 0 ? containers.reduce((sum, one) => sum + Number(one["restartCount"] ?? 0), 0) : undefined,
    ],
    ["node", read("spec.nodeName")],
    ["type", read("spec.type") ?? read("type")],
    ["age", created === undefined ? undefined : formatDuration(Math.max(0, now - created))],
  ];
  return Object.fromEntries(rows.filter(([, value]) => value !== undefined && value !== ""));
}

/** One object, cleaned. @throws Fault when there is none */
export async function getObject(
  context: McpContext,
  resource: ApiResource,
  name: string,
  namespace: string | undefined,
): Promise<Plain> {
  const place = resource.namespaced ? (namespace ?? "default") : undefined;
  checkNamespace(context.policy, resource.kind === "Namespace" ? name : place);
  const source = await context.source();
  const found =
    source.getAny === undefined
      ? savedObject(await everything(context), resource, place, name)
      : await source.getAny(
          { resource, namespace: place, name, form: valueKinds.has(resource.kind) ? "metadata" : "whole" },
          context.signal,
        );
  if (found === undefined) {
    const where = place === undefined ? "" : ` in namespace "${place}"`;
    throw new Fault(`${resource.kind} "${name}" does not exist${where}`, {
      next: `\`list-resources\` with resourceType ${resource.plural} shows which there are`,
    });
  }
  const raw = typed(resource, found);
  context.masking.learnObjects(resource.kind, [raw]);
  return cleanObject(raw);
}

function savedObject(
  snapshot: Snapshot,
  { kind }: ApiResource,
  namespace: string | undefined,
  name: string,
): Plain | undefined {
  if (!isKindName(kind)) return undefined;
  const found = snapshot.get(kind, namespace, name);
  return found === undefined ? undefined : { ...found };
}

/** Items of lists do not say what they are, and PartialObjectMetadata says something else. */
function typed({ group, version, kind }: ApiResource, raw: Plain): Plain {
  const type = { apiVersion: group === "" ? version : `${group}/${version}`, kind };
  // First, as people know it.
  return { ...type, ...raw, ...type };
}

function placeOf(object: Plain): {
  readonly key: string;
  readonly namespace: string | undefined;
  readonly name: string;
} {
  const metadata = isPlain(object["metadata"]) ? object["metadata"] : {};
  const name = typeof metadata["name"] === "string" ? metadata["name"] : "";
  const namespace = typeof metadata["namespace"] === "string" ? metadata["namespace"] : undefined;
  return { key: `${namespace ?? ""}/${name}`, namespace, name };
}

/** A scalar as text; empty for anything else. */
function textOf(value: unknown): string {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? String(value) : "";
}

function records(value: unknown): readonly Plain[] {
  return Array.isArray(value) ? value.filter(isPlain) : [];
}
