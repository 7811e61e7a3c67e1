/**
 * `k8sgpt rbac`: the smallest role that the chosen analyzers need, from the same table that the reader asks by, and what
 * the current user lacks of it, from a real read. No SelfSubjectAccessReview is asked: that would be a POST.
 */
import type { Analyzer } from "../analyzers/define.ts";
import { factsFor, kindsFor, requestFor } from "../engine/analyze.ts";
import { Fault } from "../fault.ts";
import { factDefinitions } from "../kube/facts.ts";
import { type KindName, kindDefinition, resourceName } from "../kube/kinds.ts";
import { compareText } from "../kube/object-ref.ts";
import type { SnapshotInput } from "../kube/snapshot.ts";
import { padTo, wrap } from "../report/layout.ts";
import { counted } from "../report/words.ts";
import { isColored, paletteFor, reportWidth } from "./display.ts";
import { exitCodes } from "./exit-codes.ts";
import type { RbacFlags } from "./flags.ts";
import { checkNamespaces, chooseAnalyzers, openSource } from "./reading.ts";
import { exitCodeOfStop, listenForStop } from "./stop.ts";
import type { Terminal } from "./terminal.ts";
import { parseConcurrency, parseDuration, parseScope } from "./values.ts";

/** A PolicyRule of rbac.authorization.k8s.io/v1: for resources, or for paths that are none. */
interface PolicyRule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly verbs: readonly string[];
}

/** A resource that is read. */
interface Resource {
  readonly group: string;
  readonly plural: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
}

/** Prints the roles as YAML, or as a JSON list. */
export async function printRoles(flags: RbacFlags, terminal: Terminal): Promise<void> {
  const { include, exclude = [] } = parseScope(flags.namespace);
  if (exclude.length > 0) {
    throw new Fault("RBAC can only add rights: it cannot leave out a namespace", {
      usage: true,
      next: "Name those that may be read: -n shop,web; or keep it out with a policy (--policy)",
    });
  }
  const subjects = flags.bind === undefined ? [] : [subjectOf(flags.bind)];
  checkName(flags.name);
  const { analyzers } = await chooseAnalyzers(flags, terminal);
  const readsCustom = analyzers.some(({ customResources }) => customResources === true);
  const custom = flags.customKinds === true ? await customResources(flags, terminal) : [];
  const resources = [...resourcesFor(analyzers, flags.logs === true), ...custom];
  const objects = rolesFor(resources, {
    name: flags.name,
    subjects,
    paths: factsFor(analyzers).flatMap((fact) => factDefinitions[fact].path ?? []),
    ...(include !== undefined && { namespaces: include }),
  });
  if (flags.output === "json") {
    await terminal.print(`${JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }, undefined, 2)}\n`);
    return;
  }
  const { dump } = await import("js-yaml");
  const width = 100;
  const readsTls =
    flags.readTls === true && resources.some(({ plural, group }) => group === "" && plural === "secrets");
  const head = [
    `What k8sgpt reads for ${counted(analyzers.length, "filter")}: ${analyzers.map(({ name }) => name).join(", ")}.`,
    ...(resources.some(({ plural, group }) => group === "" && plural === "secrets")
      ? [
          "Secrets and ConfigMaps are listed as metadata only, but RBAC knows no such right: whoever holds the token of this role could read their values. Leave `secrets` out, and what depends on it is told as not checked.",
        ]
      : []),
    ...(readsTls
      ? ["With --read-tls the Secrets of the type kubernetes.io/tls are listed whole; of them only tls.crt is kept."]
      : []),
    ...(readsCustom && flags.customKinds !== true
      ? ["CustomResource also looks at the cluster's own kinds: add them with --custom-kinds."]
      : []),
  ];
  const comment = head.flatMap((text) => wrap(text, width)).map((line) => `# ${line}\n`);
  const documents = objects.map((object) => dump(object, { lineWidth: width, noRefs: true }));
  await terminal.print(`${comment.join("")}${documents.join("---\n")}`);
}

/** Everything that these analyzers have read, in the order of groups and names. */
function resourcesFor(analyzers: readonly Analyzer[], logs: boolean): readonly Resource[] {
  const kinds = kindsFor(analyzers).map((kind): Resource => {
    const { group, plural, namespaced, read } = kindDefinition(kind);
    // One object by name would come with its values.
    return { group, plural, namespaced, verbs: read === "metadata" ? ["list"] : ["get", "list"] };
  });
  // The Log filter asks for them as well.
  const wantsLogs = logs || analyzers.some(({ name }) => name === "Log");
  return wantsLogs ? [...kinds, { group: "", plural: "pods/log", namespaced: true, verbs: ["get"] }] : kinds;
}

/** The kinds that the cluster (or dump) defines itself, as the reader would list them. */
async function customResources(flags: RbacFlags, terminal: Terminal): Promise<readonly Resource[]> {
  parseConcurrency(flags.maxConcurrency);
  parseDuration("--request-timeout", flags.requestTimeout);
  const stop = listenForStop(flags.timeout === undefined ? undefined : parseDuration("--timeout", flags.timeout));
  try {
    const source = await stop.bounded(
      openSource(flags, terminal, stop.signal, (note) => terminal.tell(`note: ${note}`)),
    );
    try {
      const kinds: readonly KindName[] = ["CustomResourceDefinition"];
      const { objects, reads } = await stop.bounded(source.read({ kinds, scope: {}, signal: stop.signal }));
      // Of a saved cluster, what there is has to do.
      const failed = reads.find(
        ({ state }) => state === "unread" || (state === "partial" && source.info.source === "live"),
      );
      if (failed !== undefined) {
        throw new Fault(
          `Cannot list the CustomResourceDefinitions of "${source.info.name}": ${failed.reason ?? "unknown"}`,
          {
            next: failed.next ?? "Leave --custom-kinds out",
          },
        );
      }
      const { wantedOf } = await import("../cluster/live/custom.ts");
      return (objects.CustomResourceDefinition ?? []).flatMap((definition): Resource[] => {
        const wanted = wantedOf(definition);
        if (wanted === undefined) return [];
        const { group, plural, namespaced } = wanted;
        return [{ group, plural, namespaced, verbs: ["get", "list"] }];
      });
    } finally {
      await stop.bounded(source.close()).catch(() => undefined);
    }
  } finally {
    stop.release();
  }
}

interface RoleOptions {
  readonly name: string;
  readonly subjects: readonly Subject[];
  /** Paths of the API server that are no resources. */
  readonly paths: readonly string[];
  /** Absent: all. */
  readonly namespaces?: readonly string[];
}

const apiGroup = "rbac.authorization.k8s.io";
const apiVersion = `${apiGroup}/v1`;

/** The ClusterRole; with namespaces, one for what has none and a Role in each of them. */
function rolesFor(
  resources: readonly Resource[],
  { name, subjects, paths, namespaces }: RoleOptions,
): readonly object[] {
  const bound = (kind: "Role" | "ClusterRole", namespace?: string): readonly object[] =>
    subjects.length === 0
      ? []
      : [
          {
            apiVersion,
            kind: `${kind}Binding`,
            metadata: { name, ...(namespace !== undefined && { namespace }) },
            roleRef: { apiGroup, kind, name },
            subjects,
          },
        ];
  const wide = namespaces === undefined ? resources : resources.filter(({ namespaced }) => !namespaced);
  const narrow = resources.filter(({ namespaced }) => namespaced);
  return [
    { apiVersion, kind: "ClusterRole", metadata: { name }, rules: [...rulesFor(wide), ...pathRules(paths)] },
    ...bound("ClusterRole"),
    ...(namespaces ?? []).flatMap((namespace) => [
      { apiVersion, kind: "Role", metadata: { name, namespace }, rules: rulesFor(narrow) },
      ...bound("Role", namespace),
    ]),
  ];
}

function pathRules(paths: readonly string[]): readonly PolicyRule[] {
  return paths.length === 0 ? [] : [{ nonResourceURLs: [...paths].sort(compareText), verbs: ["get"] }];
}

/** One rule per group and verbs, so that nothing is granted that is not named. */
function rulesFor(resources: readonly Resource[]): readonly PolicyRule[] {
  const groups = Map.groupBy(resources, ({ group, verbs }) => `${group}\n${verbs.join(",")}`);
  return [...groups]
    .sort(([a], [b]) => compareText(a, b))
    .map(([, members]) => ({
      apiGroups: [members[0]?.group ?? ""],
      resources: [...new Set(members.map(({ plural }) => plural))].sort(compareText),
      verbs: members[0]?.verbs ?? [],
    }));
}

type Subject = Readonly<Record<"kind" | "name", string>> & { readonly namespace?: string; readonly apiGroup?: string };

function subjectOf(text: string): Subject {
  const [, form, rest = ""] = /^(user|group):(.+)$/.exec(text) ?? [];
  if (form === "user") return { apiGroup, kind: "User", name: rest };
  if (form === "group") return { apiGroup, kind: "Group", name: rest };
  const [, namespace, name] = /^([a-z0-9][-a-z0-9]*)\/([a-z0-9][-.a-z0-9]*)$/.exec(text) ?? [];
  if (namespace !== undefined && name !== undefined) return { kind: "ServiceAccount", name, namespace };
  throw new Fault(`--bind cannot read "${text}"`, {
    usage: true,
    next: "Write namespace/name of a ServiceAccount, user:NAME or group:NAME",
  });
}

function checkName(name: string): void {
  if (/^[a-z0-9][-.:a-z0-9]{0,251}[a-z0-9]$|^[a-z0-9]$/.test(name)) return;
  throw new Fault(`"${name}" cannot be the name of a role`, { usage: true, next: "Leave --name out for `k8sgpt`" });
}

/** Something that was refused, and what it costs. */
interface Refusal {
  readonly resource: string;
  readonly namespace?: string;
  readonly reason: string;
  /** Filters that cannot run. */
  readonly blinds: readonly string[];
  /** Filters that say less. */
  readonly weakens: readonly string[];
  readonly check?: string;
}

/** Reads once, and tells what was refused. Gives the exit code. */
export async function checkRights(flags: RbacFlags, terminal: Terminal): Promise<number> {
  if (flags.from.length > 0) {
    throw new Fault("rbac check asks a live cluster: a saved one refuses nothing", {
      usage: true,
      next: "Leave --from out",
    });
  }
  const scope = parseScope(flags.namespace);
  parseConcurrency(flags.maxConcurrency);
  parseDuration("--request-timeout", flags.requestTimeout);
  const { analyzers } = await chooseAnalyzers(flags, terminal);
  const stop = listenForStop(flags.timeout === undefined ? undefined : parseDuration("--timeout", flags.timeout));
  try {
    const source = await stop.bounded(
      openSource(flags, terminal, stop.signal, (note) => terminal.tell(`note: ${note}`)),
    );
    try {
      await stop.bounded(checkNamespaces(source, scope, stop.signal));
      const request = requestFor(analyzers);
      const read = await stop.bounded(source.read({ ...request, scope, signal: stop.signal }));
      const reason = stop.reason();
      if (reason === "timeout") {
        throw new Fault(`--timeout ${flags.timeout ?? ""} passed before everything was asked`, {
          next: "Give more time",
        });
      }
      if (reason !== undefined) {
        terminal.tell("Stopped before everything was asked");
        return exitCodeOfStop(reason);
      }
      const refusals = refusalsIn(read, analyzers);
      const seen = new Set(read.reads.filter(({ state }) => state !== "unread").map(({ kind }) => kind));
      await tellRights(source.info.name, request.kinds.length, refusals, flags, terminal);
      const isBlind = seen.size === 0;
      return isBlind || (flags.strict === true && refusals.length > 0) ? exitCodes.incomplete : exitCodes.done;
    } finally {
      await stop.bounded(source.close()).catch(() => undefined);
    }
  } finally {
    stop.release();
  }
}

function refusalsIn(
  { reads, customReads = [], factReads = [], notes = [] }: SnapshotInput,
  analyzers: readonly Analyzer[],
): readonly Refusal[] {
  const kinds = reads.flatMap(({ kind, namespace, state, reason, next }): Refusal[] => {
    if (state !== "unread" && state !== "partial") return [];
    const blinds = analyzers.filter(({ needs }) => needs.includes(kind)).map(({ name }) => name);
    const weakens = analyzers.filter(({ needs, uses }) => uses.includes(kind) && !needs.includes(kind));
    // Where a part could be read, nobody is blind.
    const isRead = state === "partial" || reads.some((other) => other.kind === kind && other.state === "complete");
    return [
      {
        resource: resourceName(kindDefinition(kind)),
        ...(namespace !== undefined && { namespace }),
        reason: reason ?? "could not be read",
        blinds: isRead ? [] : blinds,
        weakens: [...(isRead ? blinds : []), ...weakens.map(({ name }) => name)],
        ...(next !== undefined && { check: next }),
      },
    ];
  });
  const readers = analyzers.filter(({ customResources }) => customResources === true).map(({ name }) => name);
  const custom = customReads.flatMap(({ resource, namespace, state, reason, next }): Refusal[] =>
    state === "skipped"
      ? []
      : [
          {
            resource,
            ...(namespace !== undefined && { namespace }),
            reason,
            blinds: [],
            weakens: readers,
            ...(next !== undefined && { check: next }),
          },
        ],
  );
  const facts = factReads.flatMap(({ fact, reason, next }): Refusal[] => {
    // A cluster that is none of EKS, a kubeconfig without a credential: nothing was refused.
    const needing = analyzers.filter(({ needsFacts = [] }) => needsFacts.includes(fact)).map(({ name }) => name);
    const using = analyzers.filter(({ usesFacts = [] }) => usesFacts.includes(fact)).map(({ name }) => name);
    const { words: resource, path } = factDefinitions[fact];
    if (path === undefined) return [];
    return [
      {
        resource,
        reason,
        blinds: needing,
        weakens: using,
        ...(next !== undefined && { check: next }),
      },
    ];
  });
  const kept = notes.map(({ what, reason }): Refusal => ({ resource: what, reason, blinds: [], weakens: [] }));
  return [...kinds, ...custom, ...facts, ...kept].sort(
    (a, b) => compareText(a.resource, b.resource) || compareText(a.namespace ?? "", b.namespace ?? ""),
  );
}

async function tellRights(
  context: string,
  total: number,
  refusals: readonly Refusal[],
  flags: RbacFlags,
  terminal: Terminal,
): Promise<void> {
  if (flags.output === "json") {
    await terminal.print(
      `${JSON.stringify({ context, kinds: total, complete: refusals.length === 0, refused: refusals }, undefined, 2)}\n`,
    );
    return;
  }
  const palette = await paletteFor(isColored(flags.color, terminal));
  if (refusals.length === 0) {
    await terminal.print(`Context ${context}: all ${total} kinds that the filters ask for can be read\n`);
    return;
  }
  const width = reportWidth(terminal);
  const blind = [...new Set(refusals.flatMap(({ blinds }) => blinds))].sort(compareText);
  const weak = [...new Set(refusals.flatMap(({ weakens }) => weakens))]
    .filter((name) => !blind.includes(name))
    .sort(compareText);
  const column = Math.min(Math.max(...refusals.map(({ resource }) => resource.length)) + 2, 44);
  const lines = refusals.flatMap(({ resource, namespace, reason, blinds, weakens }) => {
    const cost = [
      ...(blinds.length > 0 ? [`cannot run: ${blinds.join(", ")}`] : []),
      ...(weakens.length > 0 ? [`say less: ${weakens.join(", ")}`] : []),
    ];
    const text = [`${namespace === undefined ? "" : `in ${namespace}: `}${reason}`, ...cost];
    const rows = text.flatMap((part) => wrap(part, Math.max(30, width - column - 2)));
    return rows.map(
      (row, index) => `  ${index === 0 ? palette.strong(padTo(resource, column)) : " ".repeat(column)}${row}`,
    );
  });
  const say = (label: string, names: readonly string[]): readonly string[] =>
    names.length === 0 ? [] : wrap(`${label}: ${names.join(", ")}`, width);
  await terminal.print(
    [
      `Context ${context}: ${counted(refusals.length, "read")} refused, of ${total} kinds that the filters ask for`,
      "",
      ...lines,
      "",
      ...say("Filters that cannot run", blind),
      ...say("Filters that say less", weak),
      palette.dim("`k8sgpt rbac` writes the role that lets all of them run"),
      "",
    ].join("\n"),
  );
}
