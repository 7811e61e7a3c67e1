import { type Evidence, fact, field, missing } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import { graceMs, hasSettled, isGoingAway } from "../kube/guards.ts";
import type { KubeObject } from "../kube/kinds.ts";
import { namedRef, type ObjectRef, refOf } from "../kube/object-ref.ts";
import { similarNames } from "../kube/similar.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { minuteMs } from "../kube/time.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";
import {
  absentControllers,
  conditionFields,
  controllerAbsent,
  decidedMs,
  grantNeeded,
  hasWaited,
  isReferenceGranted,
  isUnserved,
  isUntouched,
  type Trouble,
  troubleIn,
} from "./rules/gateway-api.ts";
import { certificateAt, hostnameMismatch, namesEvidence, uncoveredHosts } from "./rules/tls-secret.ts";

type Gateway = KubeObject<"Gateway">;
type Listener = NonNullable<NonNullable<Gateway["spec"]>["listeners"]>[number];

const describe = "kubectl -n {namespace} describe gateway {name}";

/** Reasons of `Accepted` and `Programmed` (apis/v1/gateway_types.go, Gateway API v1.6). */
const gatewayReasons: Readonly<Record<string, string>> = {
  AddressNotAssigned: "it has no address",
  AddressNotUsable: "the address that it asks for cannot be used",
  Invalid: "its spec is invalid",
  InvalidParameters: "its parameters are missing or invalid",
  ListenersNotValid: "its listeners are not valid",
  NoResources: "there are no resources to run it",
  NotReconciled: "no controller has looked at it",
  Pending: "its controller has not finished",
  UnsupportedAddress: "the kind of address that it asks for is not supported",
};

/** Reasons of a listener's conditions. */
const listenerReasons: Readonly<Record<string, string>> = {
  HostnameConflict: "another listener has the same port and hostname",
  Invalid: "its configuration is invalid",
  InvalidCertificateRef: "its certificate cannot be used",
  InvalidRouteKinds: "it allows kinds of routes that are not supported",
  Pending: "its controller has not finished",
  PortUnavailable: "its port is not available",
  ProtocolConflict: "another listener has the same port with another protocol",
  RefNotPermitted: "it may not use a certificate of another namespace",
  UnsupportedProtocol: "its protocol is not supported",
};

export const gateway: Analyzer = defineAnalyzer({
  name: "Gateway",
  core: false,
  needs: ["Gateway"],
  uses: ["GatewayClass", "Secret", "ReferenceGrant"],
  rules: {
    "gateway-class-missing": {
      severity: "critical",
      depth: 4,
      message: "The Gateway names a GatewayClass that does not exist",
      why: "No controller serves the Gateway, and the data plane ignores its listeners",
      fix: "Name a GatewayClass that exists, or install the controller that brings this one",
      source: "concepts/services-networking/gateway/",
      commands: ["kubectl get gatewayclasses", describe],
      silent: ["GatewayClasses could not be read", "younger than 60 seconds"],
    },
    "gateway-not-accepted": {
      severity: "critical",
      depth: 5,
      message: "The controller does not accept the Gateway",
      why: "The data plane ignores the listeners of the Gateway",
      fix: "Read the reason in status.conditions[Accepted], and change what it names in the Gateway",
      source: "concepts/services-networking/gateway/",
      commands: [describe, "kubectl get gatewayclasses"],
      silent: [
        "less than 2 minutes, or 5 while the controller is at work",
        "the status tells of an older spec",
        "nobody serves its class (gateway-controller-absent)",
        "a listener is the reason (gateway-listener-broken)",
      ],
    },
    "gateway-not-programmed": {
      severity: "critical",
      depth: 5,
      message: "The Gateway is accepted, but the data plane does not serve it",
      why: "The data plane ignores the listeners of the Gateway",
      fix: "Read the reason in status.conditions[Programmed]; without an address, look at the Service of the Gateway",
      source: "concepts/services-networking/gateway/",
      commands: [describe, "kubectl -n {namespace} get services"],
      silent: [
        "less than 2 minutes, or 5 while the controller is at work or waits for an address",
        "the status tells of an older spec",
        "the Gateway is not accepted, or a listener is the reason",
      ],
    },
    "gateway-listener-broken": {
      severity: "critical",
      depth: 4,
      message: "A listener of the Gateway does not work",
      why: "The data plane ignores the listener",
      fix: "Mend what the listener refers to: the Secret of its certificate, the ReferenceGrant beside it, its port or hostname",
      source: "concepts/services-networking/gateway/",
      commands: [
        "kubectl -n {secretNamespace} get secret {secret}",
        "kubectl -n {secretNamespace} get referencegrants",
        describe,
      ],
      silent: [
        "less than 2 minutes, or 5 while the controller is at work",
        "the status tells of an older spec",
        "only what the whole Gateway already says",
        "its certificate is being issued (10 minutes)",
      ],
    },
    "gateway-controller-absent": controllerAbsent,
    "tls-hostname-mismatch": hostnameMismatch,
  },
  *check(snapshot) {
    for (const object of snapshot.list("Gateway")) {
      if (isGoingAway(snapshot, object)) continue;
      yield* judge(snapshot, object);
      yield* mismatchedNames(snapshot, object);
    }
    yield* absentControllers(snapshot);
  },
});

type Said = Observation<
  | "gateway-class-missing"
  | "gateway-not-accepted"
  | "gateway-not-programmed"
  | "gateway-listener-broken"
  | "tls-hostname-mismatch"
>;

/** Listeners whose hostname none of their certificates is for, when the certificates were read. */
function* mismatchedNames(snapshot: Snapshot, object: Gateway): Iterable<Said> {
  if (!hasSettled(snapshot, object, graceMs.workload)) return;
  const ref = refOf("Gateway", object);
  for (const { name = "", hostname = "", tls } of object.spec?.listeners ?? []) {
    if (hostname === "" || tls?.mode === "Passthrough") continue;
    const shown = (tls?.certificateRefs ?? []).map(
      ({ group = "", kind = "Secret", namespace = ref.namespace, name: secret = "" }) => ({
        ...certificateAt(snapshot, namespace, secret),
        isSecret: group === "" && kind === "Secret",
      }),
    );
    const [first] = shown;
    // Only a Secret that the Gateway may use is shown; for others the controller says that it may not.
    if (first === undefined || !shown.every(({ isSecret }) => isSecret)) continue;
    const uncovered = uncoveredHosts(
      shown.map(({ certificate }) => certificate),
      [hostname],
    );
    if (uncovered.length === 0) continue;
    yield {
      rule: "tls-hostname-mismatch",
      object: ref,
      cause: first.ref,
      discriminator: name,
      evidence: [
        field(ref, `spec.listeners[${name}].hostname`, hostname),
        field(ref, `spec.listeners[${name}].tls.certificateRefs[].name`, first.ref.name),
        ...namesEvidence(shown.slice(0, 4)),
      ],
      params: { secret: first.ref.name, secretNamespace: first.ref.namespace ?? "" },
    };
  }
}

function* judge(snapshot: Snapshot, object: Gateway): Iterable<Said> {
  const ref = refOf("Gateway", object);
  const listeners = [...brokenListeners(snapshot, object, ref)];
  yield* listeners;

  const className = object.spec?.gatewayClassName ?? "";
  const gatewayClass = snapshot.get("GatewayClass", undefined, className);
  if (gatewayClass === undefined && className !== "" && isProvenMissing(snapshot)) {
    if (hasSettled(snapshot, object, graceMs.pod)) yield classMissing(snapshot, ref, className);
    return;
  }
  if (isUntouched(object)) {
    if (!hasWaited(snapshot, object) || (gatewayClass !== undefined && isUnserved(snapshot, gatewayClass))) return;
    const isRefused = gatewayClass !== undefined && !isUntouched(gatewayClass) && isClassRefused(gatewayClass);
    yield {
      rule: "gateway-not-accepted",
      object: ref,
      because: isRefused ? "its GatewayClass is not accepted" : "no controller has looked at it",
      ...(isRefused && { cause: refOf("GatewayClass", gatewayClass) }),
      evidence: [
        field(ref, "status.conditions[Accepted].status", statusOf(object)),
        field(ref, "spec.gatewayClassName", className),
        ...(gatewayClass === undefined
          ? []
          : [field(refOf("GatewayClass", gatewayClass), "spec.controllerName", gatewayClass.spec?.controllerName)]),
      ],
    };
    return;
  }
  const conditions = object.status?.conditions;
  const refused = troubleIn(snapshot, object, conditions, "Accepted");
  const idle = troubleIn(snapshot, object, conditions, "Programmed");
  const isListeners = ({ condition }: Trouble): boolean =>
    listeners.length > 0 && ["ListenersNotValid", "Invalid", "ListenersNotReady"].includes(condition.reason ?? "");
  if (refused !== undefined) {
    if (!isListeners(refused)) yield said("gateway-not-accepted", object, ref, refused);
  } else if (idle !== undefined && statusOf(object) === "True" && !isListeners(idle)) {
    yield said("gateway-not-programmed", object, ref, idle);
  }
}

function said(
  rule: "gateway-not-accepted" | "gateway-not-programmed",
  object: Gateway,
  ref: ObjectRef,
  trouble: Trouble,
): Said {
  const { condition, since } = trouble;
  const because = gatewayReasons[condition.reason ?? ""];
  const addresses = (object.status?.addresses ?? []).map(({ value = "" }) => value);
  return {
    rule,
    object: ref,
    ...(because !== undefined && { because }),
    evidence: [
      ...conditionFields(ref, "status.conditions", condition),
      field(ref, "spec.gatewayClassName", object.spec?.gatewayClassName),
      ...(addresses.length === 0 ? [] : [field(ref, "status.addresses", addresses)]),
    ],
    ...(since !== undefined && { since }),
  };
}

function isProvenMissing(snapshot: Snapshot): boolean {
  return snapshot.isServed("GatewayClass") && snapshot.isComplete("GatewayClass");
}

function classMissing(snapshot: Snapshot, ref: ObjectRef, className: string): Said {
  const cause = namedRef("GatewayClass", undefined, className);
  const names = snapshot.list("GatewayClass").map(({ metadata }) => metadata?.name ?? "");
  const similar = similarNames(className, names);
  const known = similar.length > 0 ? similar : names.slice(0, 5);
  return {
    rule: "gateway-class-missing",
    object: ref,
    cause,
    evidence: [
      missing(cause),
      field(ref, "spec.gatewayClassName", className),
      fact(ref, similar.length > 0 ? "similar GatewayClasses" : "GatewayClasses that exist", known.join(", ")),
    ],
  };
}

function isClassRefused({ status }: KubeObject<"GatewayClass">): boolean {
  return (
    status?.conditions?.some((condition) => condition.type === "Accepted" && condition.status === "False") === true
  );
}

function statusOf({ status }: Gateway): string | undefined {
  return status?.conditions?.find(({ type }) => type === "Accepted")?.status;
}

// ---- listeners --------------------------------------------------------------------------------------------------------

function* brokenListeners(snapshot: Snapshot, object: Gateway, ref: ObjectRef): Iterable<Said> {
  // An issuer needs a few minutes from the Gateway to the Secret.
  const isIssued = Object.keys(object.metadata?.annotations ?? {}).some((name) => name.startsWith("cert-manager.io/"));
  const isSettled = hasSettled(snapshot, object, isIssued ? 10 * minuteMs : decidedMs);
  const isServing =
    object.status?.conditions?.some(({ type, status }) => type === "Programmed" && status === "True") === true;
  for (const listener of object.spec?.listeners ?? []) {
    const { name = "" } = listener;
    const status = object.status?.listeners?.find((entry) => entry.name === name);
    const trouble = listenerTrouble(snapshot, object, status?.conditions, isServing);
    const isCertificate = trouble?.condition.type === "ResolvedRefs";
    // Without a word from the controller the references themselves are looked at.
    const culprits = (trouble === undefined ? status === undefined : isCertificate)
      ? certificates(snapshot, ref, listener)
      : [];
    const [culprit] = culprits;
    if ((trouble === undefined && culprit === undefined) || ((isCertificate || trouble === undefined) && !isSettled))
      continue;
    const because = culprit?.because ?? listenerReasons[trouble?.condition.reason ?? ""];
    const cause = culprits.find(({ cause: absent }) => absent !== undefined)?.cause;
    yield {
      rule: "gateway-listener-broken",
      object: ref,
      discriminator: name,
      ...(because !== undefined && { because }),
      ...(cause !== undefined && { cause }),
      evidence: [
        ...culprits.slice(0, 2).flatMap(({ evidence }) => evidence),
        ...(trouble === undefined
          ? []
          : conditionFields(ref, `status.listeners[${name}].conditions`, trouble.condition)),
        field(ref, `spec.listeners[${name}].port`, listener.port),
        ...(listener.hostname === undefined ? [] : [field(ref, `spec.listeners[${name}].hostname`, listener.hostname)]),
      ].slice(0, 8),
      related: culprits.map(({ secret }) => secret),
      ...(trouble?.since !== undefined && { since: trouble.since }),
      ...(culprit !== undefined && {
        params: { secret: culprit.secret.name, secretNamespace: culprit.secret.namespace ?? "" },
      }),
    };
  }
}

/** The most telling of the listener's bad conditions. */
function listenerTrouble(
  snapshot: Snapshot,
  object: Gateway,
  conditions: Parameters<typeof troubleIn>[2],
  isServing: boolean,
): Trouble | undefined {
  const decided =
    troubleIn(snapshot, object, conditions, "Conflicted", "False") ??
    troubleIn(snapshot, object, conditions, "ResolvedRefs") ??
    troubleIn(snapshot, object, conditions, "Accepted");
  // A listener is not programmed where its whole Gateway is not: that is said once.
  return decided ?? (isServing ? troubleIn(snapshot, object, conditions, "Programmed") : undefined);
}

interface Culprit {
  readonly because: string;
  readonly secret: ObjectRef;
  /** The Secret, when it does not exist. */
  readonly cause?: ObjectRef;
  readonly evidence: readonly Evidence[];
}

/** The certificates of the listener that it cannot use, as far as they were read. */
function certificates(snapshot: Snapshot, ref: ObjectRef, { name: listener = "", tls }: Listener): readonly Culprit[] {
  const culprits: Culprit[] = [];
  const { namespace: own = "" } = ref;
  for (const [index, { group = "", kind = "Secret", namespace = own, name = "" }] of (
    tls?.certificateRefs ?? []
  ).entries()) {
    if (group !== "" || kind !== "Secret" || name === "" || tls?.mode === "Passthrough") continue;
    const secret = namedRef("Secret", namespace, name);
    const path = field(ref, `spec.listeners[${listener}].tls.certificateRefs[${index}].name`, name);
    const reference = { from: { kind: "Gateway", namespace: own }, to: { kind: "Secret", namespace, name } } as const;
    if (isReferenceGranted(snapshot, reference) === false) {
      culprits.push({
        because: "no ReferenceGrant lets it use the Secret of another namespace",
        secret,
        evidence: [path, ...grantNeeded(snapshot, ref, reference)],
      });
    } else if (snapshot.get("Secret", namespace, name) === undefined && snapshot.isComplete("Secret", namespace)) {
      const names = snapshot.inNamespace("Secret", namespace).map(({ metadata }) => metadata?.name ?? "");
      const similar = similarNames(name, names);
      culprits.push({
        because: "the Secret of its certificate does not exist",
        secret,
        cause: secret,
        evidence: [
          missing(secret),
          path,
          ...(similar.length === 0 ? [] : [fact(ref, "similar Secrets in the namespace", similar.join(", "))]),
        ],
      });
    }
  }
  return culprits;
}
