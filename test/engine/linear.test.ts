/**
 * What a run costs grows with the cluster, not with its square: counted, not timed. Every object of a generated cluster
 * counts how often something of it is read; four times the cluster may take little more than four times the reads.
 */
import { describe, expect, it } from "vitest";
import { analyzers } from "../../src/analyzers/index.ts";
import { foldFindings, type Observed } from "../../src/findings/fold.ts";
import { correlate } from "../../src/findings/correlate.ts";
import { type KindName, kindNames } from "../../src/kube/kinds.ts";
import { createSnapshot, type Snapshot } from "../../src/kube/snapshot.ts";

type Json = Record<string, unknown>;
type Objects = Partial<Record<KindName, Json[]>>;

const takenAt = Date.parse("2026-03-01T12:00:00Z");
const longAgo = "2026-03-01T08:00:00Z";
const lately = "2026-03-01T11:40:00Z";

/** `size` applications in two namespaces: most are well, one in ten is broken in one of three ways. */
function cluster(size: number): Objects {
  const objects: Objects = {};
  let uids = 0;
  const add = (kind: KindName, namespace: string | undefined, name: string, rest: Json, owner?: Json): Json => {
    uids += 1;
    const { metadata, ...other } = rest as { metadata?: Json };
    const uid = `uid-${uids}`;
    const own = { name, ...(namespace !== undefined && { namespace }), uid, creationTimestamp: longAgo };
    const references = owner === undefined ? {} : { ownerReferences: [{ ...owner, controller: true }] };
    const object = { metadata: { ...own, ...references, ...metadata }, ...other };
    (objects[kind] ??= []).push(object);
    return { kind, name, uid, apiVersion: "apps/v1" };
  };
  for (const name of ["one", "two"]) {
    add("Namespace", undefined, name, { status: { phase: "Active" } });
    add("ServiceAccount", name, "default", {});
  }
  for (let index = 0; index < size; index += 1) {
    const namespace = index % 2 === 0 ? "one" : "two";
    const name = `app-${index}`;
    const labels = { app: name };
    const trouble = index % 10 === 0 ? ["crash", "image", "pending"][(index / 10) % 3] : undefined;
    if (index % 5 === 0) add("Node", undefined, `node-${index}`, node);
    const containers = [
      {
        name: "app",
        image: `registry.example/${name}:1`,
        ports: [{ name: "http", containerPort: 8080 }],
        envFrom: [{ configMapRef: { name: `${name}-config` } }],
        env: [{ name: "PASSWORD", valueFrom: { secretKeyRef: { name: `${name}-secret`, key: "password" } } }],
        resources: { requests: { cpu: "100m", memory: "64Mi" } },
      },
    ];
    const volumes = [{ name: "data", persistentVolumeClaim: { claimName: `${name}-data` } }];
    const spec = { containers, volumes, serviceAccountName: "default", nodeName: `node-${index - (index % 5)}` };
    add("ConfigMap", namespace, `${name}-config`, {});
    add("Secret", namespace, `${name}-secret`, {});
    add("PersistentVolumeClaim", namespace, `${name}-data`, {
      spec: { volumeName: `volume-${index}`, storageClassName: "fast" },
      status: { phase: "Bound" },
    });
    add("PersistentVolume", undefined, `volume-${index}`, {
      spec: { claimRef: { namespace, name: `${name}-data` }, storageClassName: "fast" },
      status: { phase: "Bound" },
    });
    const template = { metadata: { labels }, spec: { ...spec, nodeName: undefined } };
    const replicas = { replicas: 4, readyReplicas: 4, availableReplicas: 4, updatedReplicas: 4 };
    const workload = { spec: { replicas: 4, selector: { matchLabels: labels }, template }, status: replicas };
    const deployment = add("Deployment", namespace, name, { metadata: { labels }, ...workload });
    const replicaSet = add("ReplicaSet", namespace, `${name}-5f`, { metadata: { labels }, ...workload }, deployment);
    const endpoints: Json[] = [];
    for (let replica = 0; replica < 4; replica += 1) {
      const podName = `${name}-5f-${replica}`;
      const podIP = `10.${index >> 8}.${index & 255}.${replica}`;
      const pod = { metadata: { labels }, spec, status: { podIP, startTime: longAgo, ...podStatus(trouble) } };
      const { uid } = add("Pod", namespace, podName, pod, replicaSet);
      endpoints.push({
        addresses: [podIP],
        conditions: { ready: trouble === undefined },
        targetRef: { kind: "Pod", namespace, name: podName, uid },
      });
      if (trouble === undefined) continue;
      add("Event", namespace, `${podName}.1`, {
        type: "Warning",
        reason: trouble === "pending" ? "FailedScheduling" : trouble === "image" ? "Failed" : "BackOff",
        message: "Back-off restarting failed container",
        regarding: { kind: "Pod", namespace, name: podName, uid },
        lastTimestamp: lately,
      });
    }
    add("Service", namespace, name, { spec: { selector: labels, ports: [{ port: 80, targetPort: "http" }] } });
    add("EndpointSlice", namespace, `${name}-x`, {
      metadata: {
        labels: {
          "kubernetes.io/service-name": name,
          "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        },
      },
      endpoints,
    });
    const backend = { service: { name, port: { number: 80 } } };
    add("Ingress", namespace, name, {
      spec: { rules: [{ host: `${name}.example`, http: { paths: [{ path: "/", backend }] } }] },
    });
    add("PodDisruptionBudget", namespace, name, {
      spec: { minAvailable: 1, selector: { matchLabels: labels } },
      status: { disruptionsAllowed: 3, currentHealthy: 4, desiredHealthy: 1, expectedPods: 4 },
    });
    add("HorizontalPodAutoscaler", namespace, name, {
      spec: { scaleTargetRef: { kind: "Deployment", name, apiVersion: "apps/v1" }, minReplicas: 4, maxReplicas: 8 },
      status: { currentReplicas: 4, desiredReplicas: 4 },
    });
  }
  return objects;
}

const ready = { type: "Ready", status: "True", lastTransitionTime: longAgo };
const node = { spec: {}, status: { conditions: [ready], allocatable: { cpu: "64", memory: "256Gi", pods: "250" } } };

function podStatus(trouble: string | undefined): Json {
  const unready = { ...ready, status: "False" };
  const scheduled = { ...ready, type: "PodScheduled" };
  if (trouble === "pending") return { phase: "Pending", conditions: [scheduled, unready] };
  const container = { name: "app", ready: trouble === undefined, restartCount: trouble === "crash" ? 9 : 0 };
  const ended = { exitCode: 1, reason: "Error", startedAt: lately, finishedAt: lately };
  const state =
    trouble === undefined
      ? { running: { startedAt: longAgo } }
      : { waiting: { reason: trouble === "crash" ? "CrashLoopBackOff" : "ImagePullBackOff" } };
  const lastState = trouble === "crash" ? { terminated: ended } : {};
  return {
    phase: trouble === "image" ? "Pending" : "Running",
    conditions: [scheduled, trouble === undefined ? ready : unready],
    containerStatuses: [{ ...container, state, lastState }],
  };
}

/** How often something of the objects was read. */
interface Counter {
  reads: number;
}

function counted<T>(value: T, counter: Counter, known: WeakMap<object, object>): T {
  if (typeof value !== "object" || value === null) return value;
  const before = known.get(value);
  // A stand-in is what it stands for.
  if (before !== undefined) return before as T;
  const standIn = new Proxy(value, {
    get(target, key, receiver) {
      counter.reads += 1;
      return counted<unknown>(Reflect.get(target, key, receiver), counter, known);
    },
  });
  known.set(value, standIn);
  return standIn;
}

function countedSnapshot(size: number): { readonly snapshot: Snapshot; readonly counter: Counter } {
  const counter: Counter = { reads: 0 };
  const known = new WeakMap<object, object>();
  const objects = Object.fromEntries(
    Object.entries(cluster(size)).map(([kind, list]) => [kind, list.map((each) => counted(each, counter, known))]),
  );
  const snapshot = createSnapshot({
    takenAt,
    cluster: { name: "generated", source: "saved" },
    objects,
    reads: kindNames.map((kind) => ({ kind, state: "complete" })),
  });
  counter.reads = 0;
  return { snapshot, counter };
}

/** The reads of each analyzer, over a snapshot that the others have not looked at, and those of what follows. */
function readsOf(size: number): ReadonlyMap<string, number> {
  const reads = new Map<string, number>();
  for (const analyzer of analyzers) {
    const { snapshot, counter } = countedSnapshot(size);
    for (const _ of analyzer.check(snapshot)) void _;
    reads.set(analyzer.name, counter.reads);
  }
  const { snapshot, counter } = countedSnapshot(size);
  const observed: Observed[] = analyzers.flatMap((analyzer) =>
    [...analyzer.check(snapshot)].map((observation) => ({
      analyzer: analyzer.name,
      rules: analyzer.rules,
      observation,
    })),
  );
  counter.reads = 0;
  const findings = foldFindings(snapshot, observed);
  reads.set("fold", counter.reads);
  counter.reads = 0;
  correlate(snapshot, findings);
  reads.set("correlate", counter.reads);
  return reads;
}

describe("the cost of a run", () => {
  const small = readsOf(60);
  const large = readsOf(240);

  it.each([...small].filter(([, reads]) => reads > 0))("%s reads four times as much of four times as many", (name) => {
    // A little more than four: what grows is compared with the same few fixed objects.
    expect((large.get(name) ?? 0) / (small.get(name) ?? 1)).toBeLessThan(4.5);
  });

  it("would see what looks at every Pod for every Pod", () => {
    const [few = 0, many = 0] = [60, 240].map((size) => {
      const { snapshot, counter } = countedSnapshot(size);
      for (const { spec } of snapshot.list("Pod"))
        for (const other of snapshot.list("Pod")) void (other.spec?.nodeName === spec?.nodeName);
      return counter.reads;
    });
    expect(many / few).toBeGreaterThan(15);
  });

  it("looks at the objects", () => {
    expect(small.get("Pod")).toBeGreaterThan(60 * 4);
    expect(small.get("correlate")).toBeGreaterThan(0);
  });
});
