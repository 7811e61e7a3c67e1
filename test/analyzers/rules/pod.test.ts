import { expect, test } from "vitest";
import { pod } from "../../../src/analyzers/pod.ts";
import { failingContainers } from "../../../src/analyzers/rules/failing-containers.ts";
import { keepObject } from "../../../src/kube/keep.ts";
import { createSnapshot, type Snapshot } from "../../../src/kube/snapshot.ts";
import { foldFindings } from "../../../src/findings/fold.ts";
import { ago, type Case, type Manifest, takenAt } from "../cases.ts";
import {
  containerStatus,
  crashed,
  healthyPod,
  job,
  node,
  ofJob,
  ofReplicaSet,
  podEvent,
  podWith,
  replicaSet,
  statusWith,
  terminated,
  waiting,
} from "../pod-objects.ts";
import { snapshotOf } from "../run-cases.ts";

function snapshotWith(given: Case["given"], more: Partial<Case> = {}) {
  return snapshotOf(pod, { name: "test", given, ...more });
}

function findingsOf(given: Case["given"], more: Partial<Case> = {}) {
  const snapshot = snapshotWith(given, more);
  const observed = [...pod.check(snapshot)].map((observation) => ({
    analyzer: pod.name,
    rules: pod.rules,
    observation,
  }));
  return foldFindings(snapshot, observed);
}

test("500 Pods of one ReplicaSet with one cause are one finding of their owner", () => {
  const pods: Manifest[] = Array.from({ length: 500 }, (_, index) =>
    podWith({ name: `web-${index}`, metadata: ofReplicaSet, status: statusWith([crashed(127)]) }),
  );
  const findings = findingsOf([replicaSet(), ...pods]);
  expect(findings).toHaveLength(1);
  expect(findings[0]?.objects).toHaveLength(500);
  expect(findings[0]?.owner?.name).toBe("web");
  expect(findings[0]?.title).toBe(
    "A container ends and is started again and again: exit code 127, command or interpreter not found",
  );
});

test("out of memory: limit, exit code, restarts and log stand in the evidence, at most eight entries", () => {
  const limited = { containers: [{ name: "app", image: "x", resources: { limits: { memory: "128Mi" } } }] };
  const [finding] = findingsOf([podWith({ spec: limited, status: statusWith([crashed(137, "OOMKilled")]) })], {
    logs: [
      { namespace: "shop", pod: "web-1", container: "app", previous: true, lines: ["allocating", "allocating more"] },
    ],
  });
  expect(finding?.evidence.length).toBeLessThanOrEqual(8);
  expect(finding?.evidence).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ path: "spec.containers[app].resources.limits.memory", value: "128Mi" }),
      expect.objectContaining({ path: "status.containerStatuses[app].lastState.terminated.exitCode", value: 137 }),
      expect.objectContaining({ path: "status.containerStatuses[app].restartCount", value: 8 }),
      expect.objectContaining({ type: "log", lines: ["allocating", "allocating more"] }),
    ]),
  );
  expect(finding?.commands).toContain("kubectl -n shop logs web-1 -c app --previous --tail=50");
});

test("a Pod that fits nowhere: request, largest free amount and the best node", () => {
  const [finding] = findingsOf([
    podWith({
      spec: { nodeName: undefined, containers: [{ name: "app", image: "x", resources: { requests: { cpu: "3" } } }] },
      status: {
        phase: "Pending",
        conditions: [
          {
            type: "PodScheduled",
            status: "False",
            reason: "Unschedulable",
            message: "0/2 nodes are available: 2 Insufficient cpu.",
            lastTransitionTime: ago("5m"),
          },
        ],
      },
    }),
    node(),
    node("worker-2"),
    healthyPod({
      name: "a",
      spec: { containers: [{ name: "app", image: "x", resources: { requests: { cpu: "3500m" } } }] },
    }),
    healthyPod({
      name: "b",
      spec: { nodeName: "worker-2", containers: [{ name: "app", image: "x", resources: { requests: { cpu: "2" } } }] },
    }),
  ]);
  expect(finding?.evidence).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ label: "requested cpu", value: "3000m" }),
      expect.objectContaining({ label: "largest free cpu", value: "2000m" }),
    ]),
  );
  expect(finding?.commands).toContain("kubectl describe node worker-2");
});

test("Multi-Attach names both nodes", () => {
  const volumes = [{ name: "data", persistentVolumeClaim: { claimName: "data" } }];
  const [finding] = findingsOf([
    podWith({
      spec: { nodeName: "worker-2", volumes },
      status: {
        phase: "Pending",
        startTime: ago("10m"),
        containerStatuses: [containerStatus(waiting("ContainerCreating"))],
      },
    }),
    healthyPod({ name: "web-0", spec: { volumes } }),
    {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "data", namespace: "shop" },
      spec: { accessModes: ["ReadWriteOnce"], volumeName: "pv-7" },
      status: { phase: "Bound", accessModes: ["ReadWriteOnce"] },
    },
    podEvent("FailedAttachVolume", 'Multi-Attach error for volume "pv-7" Volume is already used by pod(s) web-0'),
  ]);
  const nodes = finding?.evidence.flatMap((one) =>
    one.type === "field" && one.path === "spec.nodeName" ? [one.value] : [],
  );
  expect(nodes).toEqual(["worker-2", "worker-1"]);
});

test("which logs are worth reading: crash loops first, one per owner and container, no finished work", () => {
  const entries = failingContainers(
    snapshotWith([
      replicaSet(),
      job("Complete"),
      podWith({ name: "web-1", metadata: ofReplicaSet, status: statusWith([crashed(1)]) }),
      podWith({
        name: "web-2",
        metadata: ofReplicaSet,
        status: statusWith([crashed(1, "Error", { restartCount: 20 })]),
      }),
      podWith({
        name: "migrate-1",
        metadata: ofJob,
        status: statusWith([{ state: terminated(1, "Error") }], { phase: "Failed" }),
      }),
      podWith({ name: "alone", status: statusWith([{ state: terminated(3, "Error") }], { phase: "Failed" }) }),
      podWith({
        name: "init",
        spec: { initContainers: [{ name: "wait", image: "x" }] },
        status: statusWith([{ state: { waiting: { reason: "PodInitializing" } } }], {
          phase: "Pending",
          initContainerStatuses: [containerStatus({ name: "wait", state: { running: { startedAt: ago("30m") } } })],
        }),
      }),
      healthyPod(),
    ]),
  );
  expect(entries).toEqual([
    { namespace: "shop", pod: "web-2", container: "app", previous: true },
    { namespace: "shop", pod: "alone", container: "app", previous: false },
    { namespace: "shop", pod: "init", container: "wait", previous: false },
  ]);
});

test("at most twenty logs", () => {
  const pods = Array.from({ length: 30 }, (_, index) =>
    podWith({ name: `p-${index}`, status: statusWith([crashed(1)]) }),
  );
  expect(failingContainers(snapshotWith(pods))).toHaveLength(20);
});

test("nothing is said of Pods in a namespace that is being deleted", () => {
  const crashing = keepObject(
    "Pod",
    podWith({ metadata: { creationTimestamp: ago("1h") }, status: statusWith([crashed(1)]) }),
  );
  const going = keepObject("Namespace", { metadata: { name: "shop", deletionTimestamp: ago("1m") } });
  const snapshot = (namespaces: readonly (typeof going)[]): Snapshot =>
    createSnapshot({
      takenAt,
      cluster: { name: "test", source: "saved" },
      objects: {
        Pod: [crashing].filter((one) => one !== undefined),
        Namespace: namespaces.filter((one) => one !== undefined),
      },
      reads: [],
    });
  expect([...pod.check(snapshot([]))]).toHaveLength(1);
  expect([...pod.check(snapshot([going]))]).toEqual([]);
});
