/**
 * Routes of the Gateway API. Their status is written by whoever serves them and holds the truth; objects are looked up to
 * name the one at fault, and where no status was written.
 */
import { type Evidence, fact, field, missing } from "../findings/evidence.ts";
import type { Observation, RuleTable } from "../findings/finding.ts";
import type { Severity } from "../findings/severity.ts";
import { graceMs, hasSettled, isGoingAway } from "../kube/guards.ts";
import type { Condition, KubeObject } from "../kube/kinds.ts";
import { keyOf, namedRef, type ObjectRef, refOf } from "../kube/object-ref.ts";
import { formatSelector, selectorMatches } from "../kube/selectors.ts";
import { similarNames } from "../kube/similar.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";
import { backendKinds, backendOf, serviceRef, whyNotReady } from "./rules/endpoints.ts";
import {
  conditionFields,
  decidedMs,
  gatewayGroup,
  grantNeeded,
  hasWaited,
  isBehind,
  isReferenceGranted,
  isUnserved,
  isUntouched,
  type ObservedCondition,
  type Trouble,
  troubleIn,
} from "./rules/gateway-api.ts";

const routeKinds = ["HTTPRoute", "GRPCRoute", "TLSRoute"] as const;

type RouteKind = (typeof routeKinds)[number];
type Route = KubeObject<RouteKind>;
type ParentReference = NonNullable<NonNullable<Route["spec"]>["parentRefs"]>[number];
type Listener = NonNullable<NonNullable<KubeObject<"Gateway">["spec"]>["listeners"]>[number];

const describe = "kubectl -n {namespace} describe {kind} {name}";

/** Reasons of `Accepted` (apis/v1/shared_types.go, Gateway API v1.6). */
const attachReasons: Readonly<Record<string, string>> = {
  IncompatibleFilters: "its filters do not go together",
  NoMatchingListenerHostname: "no listener has a hostname that matches",
  NoMatchingParent: "its parent has no such listener or port",
  NotAllowedByListeners: "the listeners do not allow it",
  UnsupportedValue: "a value in it is not supported",
};

/** Reasons of `ResolvedRefs`. */
const referenceReasons: Readonly<Record<string, string>> = {
  BackendNotFound: "a backend does not exist",
  InvalidKind: "a backend is of a kind that is not supported",
  UnsupportedProtocol: "the protocol of a backend is not supported",
};

const rules = {
  "route-not-attached": {
    severity: ["critical", "warning"],
    depth: 5,
    message: "The route is not attached to its parent",
    why: "The route exists but gets no traffic",
    fix: "Compare parentRefs and hostnames of the route with the listeners of the Gateway and the namespaces that they allow",
    source: "concepts/services-networking/gateway/",
    commands: [describe, "kubectl -n {parentNamespace} describe gateway {parent}"],
    silent: [
      "younger than 5 minutes, or refused for less than 2",
      "the status tells of an older spec",
      "one of several listeners accepts it",
      "another parent accepts it (warning)",
      "parents that are not Gateways and say nothing, such as the Services of a mesh",
    ],
  },
  "route-backend-unresolved": {
    severity: ["critical", "warning"],
    depth: 4,
    message: "The route sends traffic to a backend that cannot be found",
    why: "The route exists but gets no traffic through: requests are answered with an error",
    fix: "Create the Service, or name one with its port that exists in the namespace of the reference",
    source: "concepts/services-networking/gateway/",
    commands: ["kubectl -n {backendNamespace} get services", describe],
    silent: [
      "Services could not be read, and the status does not say so either",
      "younger than 60 seconds",
      "backends of other kinds that the status does not complain of",
      "no traffic goes there: weight 0 or a mirror (warning)",
    ],
  },
  "route-ref-not-permitted": {
    severity: "critical",
    depth: 4,
    message: "The route sends traffic to a Service of another namespace, and no ReferenceGrant there permits it",
    why: "The route exists but gets no traffic through: requests are answered with an error",
    fix: "Create a ReferenceGrant in the namespace of the Service, from the kind and namespace of the route",
    source: "concepts/services-networking/gateway/",
    commands: ["kubectl -n {backendNamespace} get referencegrants", describe],
    silent: [
      "ReferenceGrants could not be read, and the status does not say so either",
      "the controller says that all references are resolved",
    ],
  },
  "route-backend-no-endpoints": {
    severity: ["critical", "warning", "info"],
    depth: 7,
    message: "The route sends traffic to a Service behind which nothing takes it",
    why: "The route exists, but requests are answered with an error",
    fix: "Mend the Service that the route sends traffic to; its own finding says what is wrong",
    source: "concepts/services-networking/gateway/",
    commands: ["kubectl -n {backendNamespace} get endpointslice -l kubernetes.io/service-name={service}", describe],
    silent: [
      "ExternalName Services",
      "Pods that are just starting",
      "the workload is scaled to zero (info)",
      "other backends of the same rule take traffic (warning)",
      "the route is not attached anywhere",
    ],
  },
} as const satisfies RuleTable;

export const httpRoute: Analyzer = defineAnalyzer({
  name: "HTTPRoute",
  core: false,
  needs: ["HTTPRoute"],
  uses: ["GRPCRoute", "TLSRoute", "Gateway", "GatewayClass", "ReferenceGrant", "Namespace", ...backendKinds],
  rules,
  *check(snapshot) {
    for (const kind of routeKinds) {
      for (const route of snapshot.list(kind)) {
        if (isGoingAway(snapshot, route)) continue;
        const ref = refOf(kind, route);
        const attachment = attachmentOf(snapshot, route, ref);
        yield* attachment.said;
        yield* backends(snapshot, route, ref, attachment.isRefused);
      }
    }
  },
});

type Said = Observation<keyof typeof rules>;
/** Its severity depends on what the other parents say. */
type Unattached = Observation<"route-not-attached">;

// ---- parents ----------------------------------------------------------------------------------------------------------

/** A parent reference with its defaults filled in. */
interface Parent {
  readonly ref: ObjectRef;
  readonly isGateway: boolean;
  readonly sectionName: string | undefined;
  readonly port: number | undefined;
}

function parentOf(
  { group = gatewayGroup, kind = "Gateway", namespace, name = "", sectionName, port }: ParentReference,
  own: string,
): Parent {
  return {
    ref: namedRef(kind, namespace === undefined || namespace === "" ? own : namespace, name),
    isGateway: group === gatewayGroup && kind === "Gateway",
    sectionName,
    port,
  };
}

function parentKey({ ref, sectionName = "", port }: Parent): string {
  return [keyOf(ref), sectionName, port ?? ""].join("\n");
}

/** Whether both may mean the same place of one parent: a section or port that one leaves out is any. */
function isLike(a: Parent, b: Parent): boolean {
  return (
    keyOf(a.ref) === keyOf(b.ref) &&
    (a.sectionName === undefined || b.sectionName === undefined || a.sectionName === b.sectionName) &&
    (a.port === undefined || b.port === undefined || a.port === b.port)
  );
}

/** What a route's parents say of it. */
function attachmentOf(
  snapshot: Snapshot,
  route: Route,
  ref: ObjectRef,
): { readonly said: readonly Said[]; readonly isRefused: boolean } {
  const own = ref.namespace ?? "";
  const parents = new Map<string, Parent>();
  for (const reference of route.spec?.parentRefs ?? []) {
    const parent = parentOf(reference, own);
    parents.set(parentKey(parent), parent);
  }
  const statuses = route.status?.parents ?? [];
  const entries = statuses.map(({ parentRef, conditions = [] }) => ({
    parent: parentOf(parentRef ?? {}, own),
    conditions,
  }));
  const isNew =
    statuses.length > 0 &&
    statuses.every(({ conditions }) => (conditions ?? []).some((condition) => isBehind(route, condition)));

  let accepted = 0;
  const said: Unattached[] = [];
  for (const [key, parent] of parents) {
    const same = entries.filter((entry) => parentKey(entry.parent) === key);
    // Some controllers write an entry per listener for a reference that names none, or leave the section out.
    const conditions = (same.length > 0 ? same : entries.filter((entry) => isLike(entry.parent, parent))).map(
      (entry) => entry.conditions,
    );
    const isAccepted = conditions.some((list) =>
      list.some(({ type, status }) => type === "Accepted" && status === "True"),
    );
    const gateway = parent.isGateway ? snapshot.get("Gateway", parent.ref.namespace, parent.ref.name) : undefined;
    if (parent.isGateway && gateway === undefined && isMissing(snapshot, parent.ref)) {
      if (hasSettled(snapshot, route, graceMs.pod)) said.push(parentMissing(snapshot, ref, parent));
      continue;
    }
    if (isAccepted) accepted += 1;
    if (isAccepted || (gateway !== undefined && isGoingAway(snapshot, gateway))) continue;
    const refused = conditions
      .map((list) => troubleIn(snapshot, route, list, "Accepted"))
      .find((trouble) => trouble?.condition.status === "False");
    if (refused !== undefined) {
      said.push(refusedBy(snapshot, route, ref, parent, gateway, refused));
    } else if (gateway !== undefined && !isNew && hasWaited(snapshot, route) && !isBeingDecided(conditions)) {
      said.push(unanswered(snapshot, route, ref, parent, gateway));
    }
  }
  const severity: Severity = accepted > 0 ? "warning" : "critical";
  return { said: said.map((entry) => ({ ...entry, severity })), isRefused: accepted === 0 && said.length > 0 };
}

/** Whether a controller has decided against it, too shortly ago to be told. */
function isBeingDecided(conditions: readonly (readonly Condition[])[]): boolean {
  return conditions.some((list) => list.some(({ type, status }) => type === "Accepted" && status === "False"));
}

function isMissing(snapshot: Snapshot, { namespace, name }: ObjectRef): boolean {
  return name !== "" && snapshot.isServed("Gateway") && snapshot.isComplete("Gateway", namespace);
}

function aboutParent(ref: ObjectRef, parent: Parent): Omit<Unattached, "evidence"> {
  const { sectionName, port } = parent;
  return {
    rule: "route-not-attached",
    object: ref,
    discriminator: [keyOf(parent.ref), sectionName, port].filter((part) => part !== undefined).join("/"),
    ...(parent.isGateway && { params: { parent: parent.ref.name, parentNamespace: parent.ref.namespace ?? "" } }),
  };
}

function parentMissing(snapshot: Snapshot, ref: ObjectRef, parent: Parent): Unattached {
  const names = snapshot.inNamespace("Gateway", parent.ref.namespace ?? "").map(({ metadata }) => metadata?.name ?? "");
  const similar = similarNames(parent.ref.name, names);
  const elsewhere = snapshot.list("Gateway").filter(({ metadata }) => metadata?.name === parent.ref.name);
  return {
    ...aboutParent(ref, parent),
    because: "the Gateway does not exist",
    cause: parent.ref,
    evidence: [
      missing(parent.ref),
      field(ref, `spec.parentRefs[${parent.ref.name}].namespace`, parent.ref.namespace),
      ...(similar.length === 0 ? [] : [fact(ref, "similar Gateways in the namespace", similar.join(", "))]),
      ...elsewhere
        .slice(0, 2)
        .map(({ metadata }) => fact(ref, "a Gateway of that name is in namespace", metadata?.namespace ?? "")),
    ],
  };
}

function refusedBy(
  snapshot: Snapshot,
  route: Route,
  ref: ObjectRef,
  parent: Parent,
  gateway: KubeObject<"Gateway"> | undefined,
  { condition, since }: Trouble,
): Unattached {
  const because = attachReasons[condition.reason ?? ""] ?? "its controller refuses it";
  return {
    ...aboutParent(ref, parent),
    because,
    evidence: [
      ...conditionFields(ref, `status.parents[${parent.ref.name}].conditions`, condition),
      ...(gateway === undefined ? [] : listenersAsSeen(snapshot, route, ref, parent, gateway, condition.reason)),
    ].slice(0, 8),
    ...(since !== undefined && { since }),
  };
}

/** Nobody has written a status for this parent. */
function unanswered(
  snapshot: Snapshot,
  route: Route,
  ref: ObjectRef,
  parent: Parent,
  gateway: KubeObject<"Gateway">,
): Unattached {
  const className = gateway.spec?.gatewayClassName ?? "";
  const gatewayClass = snapshot.get("GatewayClass", undefined, className);
  const isClassMissing =
    gatewayClass === undefined && snapshot.isServed("GatewayClass") && snapshot.isComplete("GatewayClass");
  const isIdle = gatewayClass !== undefined && isUnserved(snapshot, gatewayClass);
  const isShut =
    isUntouched(gateway) ||
    gateway.status?.conditions?.some(({ type, status }) => type === "Accepted" && status === "False") === true;
  const cause =
    isIdle || isClassMissing ? namedRef("GatewayClass", undefined, className) : isShut ? parent.ref : undefined;
  const candidates = listenersFor(parent, gateway);
  const isAllowed = candidates.some((listener) => allows(snapshot, listener, gateway, ref) !== false);
  const because =
    cause !== undefined
      ? "its Gateway is not served"
      : candidates.length === 0
        ? "its parent has no such listener or port"
        : isAllowed
          ? "no controller has looked at it"
          : "the listeners do not allow it";
  const reason = candidates.length === 0 ? "NoMatchingParent" : isAllowed ? undefined : "NotAllowedByListeners";
  return {
    ...aboutParent(ref, parent),
    because,
    ...(cause !== undefined && { cause }),
    evidence: [
      field(ref, `status.parents[${parent.ref.name}]`, undefined),
      ...(cause === undefined ? [] : [field(parent.ref, "status.conditions[Accepted].status", acceptedOf(gateway))]),
      ...listenersAsSeen(snapshot, route, ref, parent, gateway, reason),
    ].slice(0, 8),
  };
}

function acceptedOf({ status }: KubeObject<"Gateway">): string | undefined {
  return status?.conditions?.find(({ type }) => type === "Accepted")?.status;
}

/** The listeners that the reference means: those of the section and port that it names, else all. */
function listenersFor({ sectionName, port }: Parent, gateway: KubeObject<"Gateway">): readonly Listener[] {
  return (gateway.spec?.listeners ?? []).filter(
    (listener) =>
      (sectionName === undefined || listener.name === sectionName) && (port === undefined || listener.port === port),
  );
}

/** Whether the listener lets routes of that namespace attach; undefined when the namespace's labels are not known. */
function allows(
  snapshot: Snapshot,
  { allowedRoutes }: Listener,
  gateway: KubeObject<"Gateway">,
  route: ObjectRef,
): boolean | undefined {
  const { from = "Same", selector } = allowedRoutes?.namespaces ?? {};
  if (from === "All") return true;
  if (from !== "Selector") return from === "Same" && route.namespace === gateway.metadata?.namespace;
  const namespace = snapshot.get("Namespace", undefined, route.namespace ?? "");
  return namespace === undefined ? undefined : selectorMatches(selector, namespace.metadata?.labels);
}

/** What a reader compares when a route was not let in: the listeners' side and the route's. */
function listenersAsSeen(
  snapshot: Snapshot,
  route: Route,
  ref: ObjectRef,
  parent: Parent,
  gateway: KubeObject<"Gateway">,
  reason: string | undefined,
): readonly Evidence[] {
  const evidence: Evidence[] = [];
  const gatewayRef = refOf("Gateway", gateway);
  if (reason === "NoMatchingParent") {
    const { sectionName, port } = parent;
    if (sectionName !== undefined)
      evidence.push(field(ref, `spec.parentRefs[${parent.ref.name}].sectionName`, sectionName));
    if (port !== undefined) evidence.push(field(ref, `spec.parentRefs[${parent.ref.name}].port`, port));
    const listeners = (gateway.spec?.listeners ?? []).map(({ name = "", port: number = 0 }) => `${name} (${number})`);
    evidence.push(fact(gatewayRef, "listeners of the Gateway", listeners.slice(0, 12).join(", ")));
  }
  if (reason === "NoMatchingListenerHostname") {
    evidence.push(field(ref, "spec.hostnames", route.spec?.hostnames));
    for (const { name = "", hostname } of listenersFor(parent, gateway).slice(0, 4)) {
      evidence.push(field(gatewayRef, `spec.listeners[${name}].hostname`, hostname));
    }
  }
  if (reason === "NotAllowedByListeners") {
    for (const listener of listenersFor(parent, gateway).slice(0, 3)) {
      const { name = "", allowedRoutes } = listener;
      const { from = "Same", selector } = allowedRoutes?.namespaces ?? {};
      const path = `spec.listeners[${name}].allowedRoutes.namespaces`;
      evidence.push(field(gatewayRef, `${path}.from`, from));
      if (from === "Selector") evidence.push(field(gatewayRef, `${path}.selector`, formatSelector(selector ?? {})));
    }
    const namespace = snapshot.get("Namespace", undefined, ref.namespace ?? "");
    if (namespace !== undefined) {
      evidence.push(field(refOf("Namespace", namespace), "metadata.labels", namespace.metadata?.labels));
    }
  }
  return evidence;
}

// ---- backends ---------------------------------------------------------------------------------------------------------

/** One way from a route to a Service. */
interface Way {
  readonly service: ObjectRef;
  readonly port: number | undefined;
  readonly path: string;
  readonly rule: number;
  /** Whether answers come from it: a mirror or a weight of 0 gets none of the users' requests. */
  readonly isUsed: boolean;
  /** Whether a backend of another kind answers a share of the same rule. */
  readonly isShared: boolean;
}

/** The Services that a route sends traffic to, rule by rule; backends of other kinds have none. */
function waysOf(route: Route, own: string): readonly Way[] {
  const ways: Way[] = [];
  for (const [rule, { backendRefs = [], filters = [] }] of (route.spec?.rules ?? []).entries()) {
    const isShared = backendRefs.some((reference) => !isService(reference) && reference.weight !== 0);
    const add = (reference: BackendReference | undefined, path: string, isUsed: boolean): void => {
      if (reference === undefined || !isService(reference)) return;
      const { namespace, name = "", port } = reference;
      const service = serviceRef(namespace === undefined || namespace === "" ? own : namespace, name);
      ways.push({ service, port, path, rule, isUsed, isShared });
    };
    for (const [index, reference] of backendRefs.entries()) {
      add(reference, `spec.rules[${rule}].backendRefs[${index}]`, reference.weight !== 0);
    }
    for (const [index, { requestMirror }] of filters.entries()) {
      add(requestMirror?.backendRef, `spec.rules[${rule}].filters[${index}].requestMirror.backendRef`, false);
    }
  }
  return ways;
}

type BackendReference = NonNullable<NonNullable<NonNullable<Route["spec"]>["rules"]>[number]["backendRefs"]>[number];

function isService({ group = "", kind = "Service", name = "" }: BackendReference): boolean {
  return group === "" && kind === "Service" && name !== "";
}

function* backends(snapshot: Snapshot, route: Route, ref: ObjectRef, isRefused: boolean): Iterable<Said> {
  const own = ref.namespace ?? "";
  const ways = waysOf(route, own);
  const spoken: readonly (readonly ObservedCondition[])[] = (route.status?.parents ?? []).map(
    ({ conditions }) => conditions ?? [],
  );
  const isResolved =
    spoken.length > 0 &&
    spoken.every((list) =>
      list.some((entry) => entry.type === "ResolvedRefs" && entry.status === "True" && !isBehind(route, entry)),
    );
  const trouble = spoken
    .map((list) => troubleIn(snapshot, route, list, "ResolvedRefs"))
    .find((found) => found?.condition.status === "False");
  const status = trouble === undefined ? [] : conditionFields(ref, "status.parents[].conditions", trouble.condition);
  const since = trouble?.since === undefined ? {} : { since: trouble.since };
  const isDown = downServices(snapshot, ways);
  let isTold = false;

  for (const [key, same] of Map.groupBy(ways, ({ service }) => keyOf(service))) {
    const [first] = same;
    if (first === undefined) continue;
    const { service: target } = first;
    const params = { service: target.name, backendNamespace: target.namespace ?? "" };
    const named = same.slice(0, 3).map(({ path }) => field(ref, `${path}.name`, target.name));
    const reference = {
      from: { kind: ref.kind, namespace: own },
      to: { kind: "Service", namespace: target.namespace ?? "", name: target.name },
    } as const;
    if (isReferenceGranted(snapshot, reference) === false) {
      // Some controllers let every reference pass when told so; their word counts.
      if (isResolved || !hasSettled(snapshot, route, decidedMs)) continue;
      isTold = true;
      yield {
        rule: "route-ref-not-permitted",
        object: ref,
        discriminator: key,
        evidence: [...named, ...grantNeeded(snapshot, ref, reference), ...status].slice(0, 8),
        ...since,
        params,
      };
      continue;
    }
    const severity: Severity = same.some(({ isUsed }) => isUsed) ? "critical" : "warning";
    const service = snapshot.get("Service", target.namespace, target.name);
    if (service === undefined) {
      if (!snapshot.isComplete("Service", target.namespace) || !hasSettled(snapshot, route, graceMs.pod)) continue;
      const names = snapshot.inNamespace("Service", target.namespace ?? "").map(({ metadata }) => metadata?.name ?? "");
      const similar = similarNames(target.name, names);
      isTold = true;
      yield {
        rule: "route-backend-unresolved",
        object: ref,
        severity,
        because: "the Service does not exist",
        cause: target,
        discriminator: key,
        evidence: [
          missing(target),
          ...named,
          ...(similar.length === 0 ? [] : [fact(ref, "similar Services in the namespace", similar.join(", "))]),
          ...status,
        ],
        ...since,
        params,
      };
      continue;
    }
    if (isGoingAway(snapshot, service)) continue;
    const portless = same.filter(({ port }) => !hasPort(service, port));
    const [wrong] = portless;
    if (wrong !== undefined && hasSettled(snapshot, route, graceMs.pod)) {
      isTold = true;
      yield {
        rule: "route-backend-unresolved",
        object: ref,
        severity,
        because: "the Service has no such port",
        related: [refOf("Service", service)],
        discriminator: `${key}:${wrong.port}`,
        evidence: [
          ...portless.slice(0, 3).map(({ path, port }) => field(ref, `${path}.port`, port)),
          fact(refOf("Service", service), "ports of the Service", portsOf(service)),
          ...status,
        ],
        ...since,
        params,
      };
    }
    if (!isRefused) yield* unserved(snapshot, ref, service, same, ways, isDown);
  }
  if (trouble !== undefined && !isTold) yield fromStatus(ref, trouble);
}

/** What only the status tells: a backend that could not be looked up, or is of another kind. */
function fromStatus(ref: ObjectRef, { condition, since }: Trouble): Said {
  const shared = {
    object: ref,
    evidence: conditionFields(ref, "status.parents[].conditions", condition),
    ...(since !== undefined && { since }),
  };
  if (condition.reason === "RefNotPermitted") return { rule: "route-ref-not-permitted", ...shared };
  const because = referenceReasons[condition.reason ?? ""];
  return {
    rule: "route-backend-unresolved",
    severity: "critical",
    ...(because !== undefined && { because }),
    ...shared,
  };
}

function hasPort(service: KubeObject<"Service">, wanted: number | undefined): boolean {
  const { ports = [], type } = service.spec ?? {};
  if (wanted === undefined || (type === "ExternalName" && ports.length === 0)) return true;
  return ports.some(({ port }) => port === wanted);
}

function portsOf(service: KubeObject<"Service">): string {
  return (service.spec?.ports ?? [])
    .map(({ name, port }) => (name === undefined ? `${port}` : `${name} (${port})`))
    .join(", ");
}

/** Whether nothing takes traffic behind a Service of the route, or it does not exist. */
function downServices(snapshot: Snapshot, ways: readonly Way[]): ReadonlySet<string> {
  const down = new Set<string>();
  for (const { service } of ways) {
    const found = snapshot.get("Service", service.namespace, service.name);
    if (found === undefined) {
      if (snapshot.isComplete("Service", service.namespace)) down.add(keyOf(service));
      continue;
    }
    const { state } = backendOf(snapshot, found);
    if (state !== "serving" && state !== "unknown") down.add(keyOf(service));
  }
  return down;
}

function* unserved(
  snapshot: Snapshot,
  ref: ObjectRef,
  service: KubeObject<"Service">,
  same: readonly Way[],
  ways: readonly Way[],
  isDown: ReadonlySet<string>,
): Iterable<Said> {
  const found = backendOf(snapshot, service);
  if (found.state === "serving" || found.state === "unknown") return;
  const cause = refOf("Service", service);
  const pods = found.state === "not-ready" || found.state === "finished" ? found.pods : [];
  const isAsleep = found.state === "asleep";
  // Only where all backends of a rule are down nothing is left of it.
  const isWhole = same.some(
    ({ rule, isUsed, isShared }) =>
      isUsed && !isShared && ways.every((way) => way.rule !== rule || !way.isUsed || isDown.has(keyOf(way.service))),
  );
  yield {
    rule: "route-backend-no-endpoints",
    object: ref,
    severity: isAsleep ? "info" : isWhole ? "critical" : "warning",
    ...(isAsleep && { because: "its workload is meant to have no Pods now" }),
    cause,
    discriminator: keyOf(cause),
    evidence: [
      ...same.slice(0, 3).map(({ path }) => field(ref, `${path}.name`, cause.name)),
      fact(cause, "usable endpoints", 0),
      ...pods.slice(0, 3).map(whyNotReady),
    ],
    related: pods.map((pod) => refOf("Pod", pod)),
    ...(found.state === "not-ready" && found.since !== undefined && { since: found.since }),
    params: { service: cause.name, backendNamespace: cause.namespace ?? "" },
  };
}
