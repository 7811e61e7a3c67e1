import { type Evidence, fact, field, missing } from "../findings/evidence.ts";
import type { Observation } from "../findings/finding.ts";
import { backendsOf, type IngressBackend } from "../kube/graph.ts";
import { ageOfObject, graceMs, hasSettled, isGoingAway, isReady } from "../kube/guards.ts";
import type { KubeObject } from "../kube/kinds.ts";
import { compareRefs, keyOf, namedRef, type ObjectRef, qualifiedName, refOf } from "../kube/object-ref.ts";
import { oncePerSnapshot } from "../kube/relations.ts";
import { similarNames } from "../kube/similar.ts";
import type { Snapshot } from "../kube/snapshot.ts";
import { minuteMs, parseTime } from "../kube/time.ts";
import { certificateAt, hostnameMismatch, namesEvidence, uncoveredHosts } from "./rules/tls-secret.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";
import { backendKinds, backendOf, serviceRef, whyNotReady } from "./rules/endpoints.ts";
import { builtInClasses, controllerFacts, controllerPods, isClassServedByFlag } from "./rules/ingress-controllers.ts";

type Ingress = KubeObject<"Ingress">;

const describe = "kubectl -n {namespace} describe ingress {name}";

export const ingress: Analyzer = defineAnalyzer({
  name: "Ingress",
  needs: ["Ingress", "Service"],
  uses: [...backendKinds.filter((kind) => kind !== "Service"), "IngressClass", "Secret"],
  rules: {
    "ingress-backend-missing": {
      severity: "critical",
      depth: 4,
      message: "The Ingress routes to a Service that does not exist",
      why: "Users get 404 or 503 for that host and path",
      fix: "Create the Service, or name one that exists in the namespace of the Ingress",
      source: "concepts/services-networking/ingress/#resource-backend",
      commands: ["kubectl -n {namespace} get services", describe],
      silent: [
        "resource backends",
        "backends that are actions of the controller (annotations)",
        "Services could not be read",
        "younger than 60 seconds",
      ],
    },
    "ingress-backend-port-missing": {
      severity: "critical",
      depth: 5,
      message: "The Ingress routes to a port that the Service does not have",
      why: "Users get 404 or 503 for that host and path",
      fix: "Use a port number or name of the Service, not of its Pods",
      source: "reference/kubernetes-api/service-resources/ingress-v1/#IngressBackend",
      commands: ["kubectl -n {namespace} get service {service} -o yaml", describe],
      silent: ["ExternalName Services without ports"],
    },
    "ingress-backend-no-endpoints": {
      severity: ["critical", "info"],
      depth: 7,
      message: "The Ingress routes to a Service behind which nothing takes traffic",
      why: "Users get 503 for that host and path",
      fix: "Mend the Service that the Ingress routes to; its own finding says what is wrong",
      source: "concepts/services-networking/ingress/",
      commands: ["kubectl -n {namespace} get endpointslice -l kubernetes.io/service-name={service}", describe],
      silent: ["ExternalName Services", "Pods that are just starting", "the workload is scaled to zero (info)"],
    },
    "ingress-class-missing": {
      severity: ["critical", "warning"],
      depth: 4,
      message: "The Ingress names a class that does not exist",
      why: "No controller serves the route",
      fix: "Name an IngressClass that exists, or install the controller that brings this one",
      source: "concepts/services-networking/ingress/#ingress-class",
      commands: ["kubectl get ingressclass", describe],
      silent: [
        "IngressClasses could not be read",
        "classes that a provider serves without an object (gce, gce-internal)",
        "an annotation that a controller is told to serve",
      ],
    },
    "ingress-class-none": {
      severity: "warning",
      depth: 4,
      message: "The Ingress names no class, and no IngressClass is the default",
      why: "No controller serves the route",
      fix: "Set spec.ingressClassName, or mark one IngressClass as the default",
      source: "concepts/services-networking/ingress/#default-ingress-class",
      commands: ["kubectl get ingressclass", describe],
      silent: ["a default IngressClass exists", "a controller has given it an address", "younger than 5 minutes"],
    },
    "ingress-class-default-duplicate": {
      severity: "warning",
      depth: 4,
      message: "More than one IngressClass is the default",
      why: "Older servers refuse an Ingress without a class, newer ones give it the newest class",
      fix: "Keep the annotation ingressclass.kubernetes.io/is-default-class on one IngressClass",
      source: "concepts/services-networking/ingress/#default-ingress-class",
      commands: ["kubectl get ingressclass"],
    },
    "ingress-controller-absent": {
      severity: "critical",
      depth: 2,
      message: "No ready controller serves the IngressClass",
      why: "No Ingress of this class gets traffic",
      fix: "Start or mend the controller that the class names",
      source: "concepts/services-networking/ingress-controllers/",
      commands: ["kubectl describe ingressclass {name}", "kubectl get pods -A"],
      silent: [
        "an Ingress of the class has an address",
        "a controller whose Pods cannot be recognised, or that runs outside the cluster",
        "Pods of all namespaces could not be read",
      ],
    },
    "ingress-no-address": {
      severity: "warning",
      depth: 5,
      message: "The controller has not given the Ingress an address",
      why: "The route is not served, or its name resolves to nothing",
      fix: "Look at the events of the Ingress and at the log of the controller: it may have refused it",
      source: "concepts/services-networking/ingress/",
      commands: [describe],
      silent: ["younger than 10 minutes", "the controller publishes no addresses (no Ingress of the class has one)"],
    },
    "ingress-duplicate-route": {
      severity: ["critical", "warning"],
      depth: 5,
      message: "Two Ingresses claim the same host and path",
      why: "Which backend answers depends on age or luck",
      fix: "Keep the route in one of them",
      source: "concepts/services-networking/ingress/#multiple-matches",
      commands: ["kubectl get ingress -A", describe],
      silent: [
        "canaries",
        "groups that the controller merges",
        "ACME solvers",
        "different classes",
        "a load balancer per Ingress",
      ],
    },
    "ingress-tls-secret-missing": {
      severity: ["critical", "warning"],
      depth: 4,
      message: "The Ingress names a TLS Secret that does not exist",
      why: "Browsers and clients refuse the site",
      fix: "Create the Secret with tls.crt and tls.key, or look at what should issue it (Certificate, external secret)",
      source: "concepts/services-networking/ingress/#tls",
      commands: ["kubectl -n {namespace} get secret {secret}", describe],
      silent: [
        "an empty name",
        "Secrets could not be read",
        "controllers that take certificates from elsewhere",
        "still being issued",
      ],
    },
    "ingress-tls-secret-invalid": {
      severity: "critical",
      depth: 4,
      message: "The TLS Secret of the Ingress holds no certificate that can be used",
      why: "Browsers and clients refuse the site, or get the controller's own certificate",
      fix: "Put a PEM certificate into tls.crt and its key into tls.key, or look at what should issue them",
      source: "concepts/configuration/secret/#tls-secrets",
      commands: ["kubectl -n {namespace} describe secret {secret}", describe],
      silent: [
        "without --read-tls, or a Secret of another type than kubernetes.io/tls",
        "controllers that take certificates from elsewhere",
        "younger than 2 minutes",
      ],
    },
    "tls-hostname-mismatch": hostnameMismatch,
  },
  *check(snapshot) {
    for (const object of snapshot.list("Ingress")) {
      // An ACME solver lives for the minutes of one challenge.
      if (isGoingAway(snapshot, object) || isSolver(object) || !hasSettled(snapshot, object, graceMs.pod)) continue;
      yield* backends(snapshot, object);
      yield* tlsSecrets(snapshot, object);
      yield* certificates(snapshot, object);
      yield* classOf(snapshot, object);
    }
    yield* classes(snapshot);
    yield* duplicates(snapshot);
  },
});

type Said = Iterable<
  Observation<
    | "ingress-backend-missing"
    | "ingress-backend-port-missing"
    | "ingress-backend-no-endpoints"
    | "ingress-class-missing"
    | "ingress-class-none"
    | "ingress-class-default-duplicate"
    | "ingress-controller-absent"
    | "ingress-no-address"
    | "ingress-duplicate-route"
    | "ingress-tls-secret-missing"
    | "ingress-tls-secret-invalid"
    | "tls-hostname-mismatch"
  >
>;

function isSolver(object: Ingress): boolean {
  return object.metadata?.labels?.["acme.cert-manager.io/http01-solver"] !== undefined;
}

/** Backends that the controller makes up from an annotation: `use-annotation`, `…/actions.<name>`. */
function isAction(object: Ingress, { service, port }: IngressBackend): boolean {
  if (port === "use-annotation") return true;
  return Object.keys(object.metadata?.annotations ?? {}).some((name) => name.endsWith(`/actions.${service}`));
}

function* backends(snapshot: Snapshot, object: Ingress): Said {
  const ref = refOf("Ingress", object);
  const { namespace } = object.metadata ?? {};
  const routed = backendsOf(object).filter((backend) => !isAction(object, backend));
  for (const [name, ways] of Map.groupBy(routed, ({ service }) => service)) {
    const cause = serviceRef(namespace, name);
    const service = snapshot.get("Service", namespace, name);
    if (service === undefined) {
      if (!snapshot.isComplete("Service", namespace)) continue;
      const names = snapshot.inNamespace("Service", namespace ?? "").map(({ metadata }) => metadata?.name ?? "");
      const similar = similarNames(name, names);
      yield {
        rule: "ingress-backend-missing",
        object: ref,
        cause,
        discriminator: name,
        evidence: [
          missing(cause),
          ...ways.slice(0, 5).map((way) => field(ref, `${way.field}.name`, name)),
          fact(ref, "routes to it", ways.map(routeOf).slice(0, 12).join(", ")),
          ...(similar.length === 0 ? [] : [fact(ref, "similar Services in the namespace", similar.join(", "))]),
        ],
      };
      continue;
    }
    if (isGoingAway(snapshot, service)) continue;
    const broken = ways.filter((way) => !hasPort(service, way.port));
    if (broken.length > 0) {
      const ports = (service.spec?.ports ?? []).map(({ name: portName, port }) =>
        portName === undefined ? `${port}` : `${portName} (${port})`,
      );
      yield {
        rule: "ingress-backend-port-missing",
        object: ref,
        related: [cause],
        discriminator: `${name}:${broken[0]?.port}`,
        evidence: [
          ...broken.slice(0, 5).map((way) => field(ref, `${way.field}.port`, way.port)),
          fact(cause, "ports of the Service", ports.join(", ")),
        ],
        params: { service: name },
      };
    }
    yield* unserved(snapshot, ref, service, ways);
  }
}

function* unserved(
  snapshot: Snapshot,
  ref: ObjectRef,
  service: KubeObject<"Service">,
  ways: readonly IngressBackend[],
): Said {
  const found = backendOf(snapshot, service);
  if (found.state === "serving" || found.state === "unknown") return;
  const cause = refOf("Service", service);
  const pods = found.state === "not-ready" || found.state === "finished" ? found.pods : [];
  yield {
    rule: "ingress-backend-no-endpoints",
    object: ref,
    severity: found.state === "asleep" ? "info" : "critical",
    ...(found.state === "asleep" && { because: "its workload is meant to have no Pods now" }),
    cause,
    discriminator: cause.name,
    evidence: [
      fact(ref, "routes to it", ways.map(routeOf).slice(0, 12).join(", ")),
      ...ways.slice(0, 3).map((way) => field(ref, `${way.field}.name`, cause.name)),
      fact(cause, "usable endpoints", 0),
      ...pods.slice(0, 3).map(whyNotReady),
    ],
    related: pods.map((pod) => refOf("Pod", pod)),
    ...(found.state === "not-ready" && found.since !== undefined && { since: found.since }),
    params: { service: cause.name },
  };
}

function hasPort(service: KubeObject<"Service">, wanted: number | string | undefined): boolean {
  const { ports = [], type } = service.spec ?? {};
  if (wanted === undefined || (type === "ExternalName" && ports.length === 0)) return true;
  return ports.some(({ port, name }) => (typeof wanted === "number" ? port === wanted : name === wanted));
}

function routeOf({ host, path }: IngressBackend): string {
  return path === undefined ? "default backend" : `${host === "" ? "*" : host}${path}`;
}

/** The class that an Ingress names: the field, else the old annotation. */
function classNameOf(object: Ingress): { readonly name: string; readonly path: string } | undefined {
  const annotation = "kubernetes.io/ingress.class";
  const { ingressClassName } = object.spec ?? {};
  if (ingressClassName !== undefined && ingressClassName !== "")
    return { name: ingressClassName, path: "spec.ingressClassName" };
  const name = object.metadata?.annotations?.[annotation];
  return name === undefined || name === "" ? undefined : { name, path: `metadata.annotations[${annotation}]` };
}

function controllerOfClass(snapshot: Snapshot, object: Ingress): string | undefined {
  const name = classNameOf(object)?.name;
  if (name !== undefined) {
    return name.startsWith("gce")
      ? "k8s.io/ingress-gce"
      : snapshot.get("IngressClass", undefined, name)?.spec?.controller;
  }
  const defaults = defaultClasses(snapshot);
  return defaults.length === 1 ? defaults[0]?.spec?.controller : undefined;
}

function* tlsSecrets(snapshot: Snapshot, object: Ingress): Said {
  const ref = refOf("Ingress", object);
  const { namespace, annotations = {} } = object.metadata ?? {};
  if (!snapshot.isComplete("Secret", namespace)) return;
  const facts = controllerFacts(controllerOfClass(snapshot, object));
  if (facts?.ignoresSecrets === true) return;
  // An issuer needs a few minutes from the Ingress to the Secret.
  const isIssued = Object.keys(annotations).some((name) => /^cert-manager\.io\/|^kubernetes\.io\/tls-acme$/.test(name));
  if (!hasSettled(snapshot, object, isIssued ? 10 * minuteMs : graceMs.workload)) return;
  const entries = (object.spec?.tls ?? []).map((entry, index) => ({ ...entry, path: `spec.tls[${index}].secretName` }));
  for (const [name = "", uses] of Map.groupBy(entries, ({ secretName }) => secretName)) {
    if (name === "" || snapshot.get("Secret", namespace, name) !== undefined) continue;
    const cause = namedRef("Secret", namespace, name);
    const hosts = [...new Set(uses.flatMap(({ hosts = [] }) => hosts))];
    const names = snapshot.inNamespace("Secret", namespace ?? "").map(({ metadata }) => metadata?.name ?? "");
    const similar = similarNames(name, names);
    yield {
      rule: "ingress-tls-secret-missing",
      object: ref,
      severity: facts?.hasDefaultCertificate === false ? "critical" : "warning",
      ...(isIssued && { because: "its issuer has not made it" }),
      cause,
      discriminator: name,
      evidence: [
        missing(cause),
        ...uses.slice(0, 3).map(({ path }) => field(ref, path, name)),
        ...(hosts.length === 0 ? [] : [fact(ref, "hosts", hosts.slice(0, 12).join(", "))]),
        ...(similar.length === 0 ? [] : [fact(ref, "similar Secrets in the namespace", similar.join(", "))]),
      ],
      params: { secret: name },
    };
  }
}

/** Annotations by which a controller does not end TLS itself, but the Pods behind it do. */
const passThrough = /\/ssl-passthrough$/;

/** What the certificates themselves say, when they were read. */
function* certificates(snapshot: Snapshot, object: Ingress): Said {
  const ref = refOf("Ingress", object);
  const { namespace, annotations = {} } = object.metadata ?? {};
  const { tls = [], rules = [] } = object.spec ?? {};
  if (controllerFacts(controllerOfClass(snapshot, object))?.ignoresSecrets === true) return;
  if (Object.entries(annotations).some(([name, value]) => passThrough.test(name) && value === "true")) return;
  if (!hasSettled(snapshot, object, graceMs.workload)) return;
  const entries = tls.map(({ secretName = "", hosts = [] }, index) => ({
    ...certificateAt(snapshot, namespace, secretName),
    path: `spec.tls[${index}].secretName`,
    hosts: hosts.length > 0 ? hosts : rules.map(({ host = "" }) => host),
  }));
  for (const [name, [first]] of Map.groupBy(entries, ({ ref: secret }) => secret.name)) {
    if (first?.certificate?.state !== "invalid") continue;
    yield {
      rule: "ingress-tls-secret-invalid",
      object: ref,
      because: first.certificate.because,
      cause: first.ref,
      discriminator: name,
      evidence: [field(ref, first.path, name), ...first.certificate.evidence],
      params: { secret: name },
    };
  }
  const [uncovered] = entries
    .map((entry) => ({
      entry,
      // A controller may hold several certificates and show the one that fits.
      hosts: uncoveredHosts(
        [entry, ...entries].map(({ certificate }) => certificate),
        entry.hosts,
      ),
    }))
    .filter(({ hosts }) => hosts.length > 0);
  if (uncovered === undefined) return;
  const { entry, hosts } = uncovered;
  yield {
    rule: "tls-hostname-mismatch",
    object: ref,
    cause: entry.ref,
    discriminator: hosts.join(","),
    evidence: [
      fact(ref, "hosts that no certificate is for", hosts.slice(0, 12).join(", ")),
      field(ref, entry.path, entry.ref.name),
      ...namesEvidence(entries.slice(0, 4)),
    ],
    params: { secret: entry.ref.name, secretNamespace: namespace ?? "" },
  };
}

const defaultAnnotation = "ingressclass.kubernetes.io/is-default-class";

const defaultClasses = oncePerSnapshot((snapshot) =>
  snapshot.list("IngressClass").filter(({ metadata }) => metadata?.annotations?.[defaultAnnotation] === "true"),
);

/** Ingresses by the class that they name, those of the default class under its name. */
const ingressesByClass = oncePerSnapshot((snapshot) => {
  const defaults = defaultClasses(snapshot);
  const implied = defaults.length === 1 ? (defaults[0]?.metadata?.name ?? "") : "";
  return Map.groupBy(snapshot.list("Ingress"), (object) => classNameOf(object)?.name ?? implied);
});

function hasAddress(object: Ingress): boolean {
  return (object.status?.loadBalancer?.ingress ?? []).length > 0;
}

function* classOf(snapshot: Snapshot, object: Ingress): Said {
  if (!snapshot.isComplete("IngressClass")) return;
  const ref = refOf("Ingress", object);
  const named = classNameOf(object);
  const classes = snapshot.list("IngressClass").map(({ metadata }) => metadata?.name ?? "");
  const existing = fact(ref, "existing classes", classes.length === 0 ? "none" : classes.slice(0, 12).join(", "));
  if (named === undefined) {
    if (defaultClasses(snapshot).length > 0 || hasAddress(object) || !hasSettled(snapshot, object, 5 * minuteMs))
      return;
    yield {
      rule: "ingress-class-none",
      object: ref,
      evidence: [field(ref, "spec.ingressClassName", undefined), existing],
    };
    return;
  }
  const isField = named.path === "spec.ingressClassName";
  if (!classes.includes(named.name)) {
    if (builtInClasses.has(named.name)) return;
    // The annotation is a plain word: controllers serve it without an object when they are told to.
    if (!isField && (hasAddress(object) || isClassServedByFlag(snapshot, named.name))) return;
    const similar = similarNames(named.name, classes);
    const cause = namedRef("IngressClass", undefined, named.name);
    yield {
      rule: "ingress-class-missing",
      object: ref,
      severity: isField && !hasAddress(object) ? "critical" : "warning",
      cause,
      evidence: [
        missing(cause),
        field(ref, named.path, named.name),
        existing,
        ...(similar.length === 0 ? [] : [fact(ref, "similar classes", similar.join(", "))]),
      ],
    };
    return;
  }
  if (hasAddress(object) || !hasSettled(snapshot, object, 10 * minuteMs)) return;
  const others = ingressesByClass(snapshot).get(named.name) ?? [];
  const other = others.find(hasAddress);
  if (other === undefined) return;
  yield {
    rule: "ingress-no-address",
    object: ref,
    evidence: [
      field(ref, "status.loadBalancer.ingress", undefined),
      field(ref, named.path, named.name),
      fact(ref, "Ingress of the class that has one", qualifiedName(refOf("Ingress", other))),
    ],
  };
}

/** Faults of the classes themselves: one finding for all Ingresses that suffer. */
function* classes(snapshot: Snapshot): Said {
  if (!snapshot.isComplete("IngressClass")) return;
  const defaults = defaultClasses(snapshot);
  if (defaults.length > 1) {
    const byAge = [...defaults].sort(
      (a, b) => (parseTime(b.metadata?.creationTimestamp) ?? 0) - (parseTime(a.metadata?.creationTimestamp) ?? 0),
    );
    const refs = byAge.map((entry) => refOf("IngressClass", entry));
    const [newest] = refs;
    if (newest !== undefined) {
      yield {
        rule: "ingress-class-default-duplicate",
        object: newest,
        evidence: [
          fact(newest, "newest, taken by newer servers", newest.name),
          ...refs.slice(0, 6).map((ref) => field(ref, `metadata.annotations[${defaultAnnotation}]`, "true")),
        ],
        related: refs.slice(1),
      };
    }
  }
  if (!snapshot.isComplete("Pod")) return;
  for (const entry of snapshot.list("IngressClass")) {
    const { controller } = entry.spec ?? {};
    const all = ingressesByClass(snapshot).get(entry.metadata?.name ?? "") ?? [];
    if (controller === undefined || all.length === 0 || all.some(hasAddress)) continue;
    const waiting = all.filter(
      (object) => !isGoingAway(snapshot, object) && hasSettled(snapshot, object, 10 * minuteMs),
    );
    if (waiting.length === 0 || !hasSettled(snapshot, entry, 10 * minuteMs)) continue;
    const pods = controllerPods(snapshot, controller);
    if (pods === undefined || pods.some(isReady) || pods.some((pod) => !hasSettled(snapshot, pod, graceMs.pod)))
      continue;
    const ref = refOf("IngressClass", entry);
    yield {
      rule: "ingress-controller-absent",
      object: ref,
      because: pods.length === 0 ? "it has no Pods" : "none of its Pods is ready",
      // What keeps the Pod from being ready keeps the class from being served.
      ...(pods[0] !== undefined && { cause: refOf("Pod", pods[0]) }),
      evidence: [
        field(ref, "spec.controller", controller),
        fact(ref, "Ingresses of the class without an address", waiting.length),
        ...pods.slice(0, 4).map(whyNotReady),
      ],
      related: [...pods.map((pod) => refOf("Pod", pod)), ...waiting.map((object) => refOf("Ingress", object))],
    };
  }
}

interface Route {
  readonly object: Ingress;
  readonly ref: ObjectRef;
  readonly label: string;
  /** All that tells one backend from another. */
  readonly target: string;
  readonly backend: string;
  readonly field: string;
}

/** Annotations by which a controller merges several Ingresses into one on purpose. */
const mergeMarks = /\/(canary|group\.name|mergeable-ingress-type|group)$/;

function* duplicates(snapshot: Snapshot): Said {
  const routes = new Map<string, Route[]>();
  for (const object of snapshot.list("Ingress")) {
    if (isGoingAway(snapshot, object) || isSolver(object)) continue;
    if (Object.keys(object.metadata?.annotations ?? {}).some((name) => mergeMarks.test(name))) continue;
    if (controllerFacts(controllerOfClass(snapshot, object))?.isPerIngress === true) continue;
    const ref = refOf("Ingress", object);
    const className = classNameOf(object)?.name ?? "";
    for (const [ruleIndex, { host = "", http }] of (object.spec?.rules ?? []).entries()) {
      for (const [pathIndex, { path = "/", pathType = "", backend }] of (http?.paths ?? []).entries()) {
        const key = JSON.stringify([className, host, path, pathType]);
        const target = JSON.stringify([
          ref.namespace,
          backend?.service?.name,
          backend?.service?.port,
          backend?.resource,
        ]);
        const route = {
          object,
          ref,
          label: `${host === "" ? "*" : host}${path}`,
          target,
          backend: backend?.service?.name ?? backend?.resource?.name ?? "",
          field: `spec.rules[${ruleIndex}].http.paths[${pathIndex}].backend.service.name`,
        };
        const found = routes.get(key);
        if (found === undefined) routes.set(key, [route]);
        else found.push(route);
      }
    }
  }
  // One finding per Ingress that came later, with all routes that an older one already held.
  const later = new Map<
    string,
    { ref: ObjectRef; evidence: Evidence[]; older: Map<string, ObjectRef>; differs: boolean }
  >();
  for (const same of routes.values()) {
    const [first, ...others] = [...same].sort(
      (a, b) => createdAt(a.object) - createdAt(b.object) || compareRefs(a.ref, b.ref),
    );
    if (first === undefined) continue;
    for (const route of others) {
      if (keyOf(route.ref) === keyOf(first.ref)) continue;
      // A rename or a move leaves both for a moment.
      if ((ageOfObject(snapshot, route.object) ?? Infinity) < graceMs.workload) continue;
      const entry = later.get(keyOf(route.ref)) ?? {
        ref: route.ref,
        evidence: [],
        older: new Map<string, ObjectRef>(),
        differs: false,
      };
      later.set(keyOf(route.ref), entry);
      entry.older.set(keyOf(first.ref), first.ref);
      entry.differs ||= route.target !== first.target;
      if (entry.evidence.length < 6) {
        entry.evidence.push(
          fact(route.ref, "claimed twice", route.label),
          field(first.ref, first.field, first.backend),
          field(route.ref, route.field, route.backend),
        );
      }
    }
  }
  for (const { ref, evidence, older, differs } of later.values()) {
    yield {
      rule: "ingress-duplicate-route",
      object: ref,
      severity: differs ? "critical" : "warning",
      because: differs ? "their backends differ" : "with the same backend",
      evidence,
      related: [...older.values()],
    };
  }
}

function createdAt(object: Ingress): number {
  return parseTime(object.metadata?.creationTimestamp) ?? 0;
}
