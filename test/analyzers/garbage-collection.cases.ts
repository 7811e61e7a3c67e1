import { garbageCollection } from "../../src/analyzers/garbage-collection.ts";
import { ago, but, cases, type Manifest, yaml } from "./cases.ts";

const deleted = (since: string, ...finalizers: readonly string[]): string =>
  `metadata: { deletionTimestamp: "${ago(since)}", finalizers: [${finalizers.join(", ")}] }`;
const service = (changes: string): Manifest =>
  but(
    yaml`{ apiVersion: v1, kind: Service, metadata: { name: web, namespace: shop }, spec: { type: LoadBalancer, ports: [{ port: 80 }] } }`,
    changes,
  );
const claim = (changes: string): Manifest =>
  but(
    yaml`
      apiVersion: v1
      kind: PersistentVolumeClaim
      metadata: { name: data, namespace: shop }
      spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 10Gi } } }
      status: { phase: Bound }
    `,
    changes,
  );
const volume = (phase: string): Manifest =>
  but(
    yaml`
      apiVersion: v1
      kind: PersistentVolume
      metadata: { name: disk-1 }
      spec: { accessModes: [ReadWriteOnce], capacity: { storage: 10Gi }, hostPath: { path: /disk } }
      status: { phase: ${phase} }
    `,
    deleted("1h", "kubernetes.io/pv-protection"),
  );
const template =
  "template: { metadata: { labels: { app: web } }, spec: { containers: [{ name: web, image: nginx }] } }";
const workload = (kind: "Deployment" | "ReplicaSet", name: string, changes = "{}"): Manifest =>
  but(
    yaml`{ apiVersion: apps/v1, kind: ${kind}, metadata: { name: ${name}, namespace: shop }, spec: { selector: { matchLabels: { app: web } }, ${template} } }`,
    changes,
  );
const pod = (changes = "{}"): Manifest =>
  but(
    yaml`
      apiVersion: v1
      kind: Pod
      metadata: { name: web-1, namespace: shop }
      spec: { containers: [{ name: web, image: nginx }], volumes: [{ name: data, persistentVolumeClaim: { claimName: data } }] }
      status: { phase: Running }
    `,
    changes,
  );
const ownedBy = (kind: string, name: string, uid: string, apiVersion = "apps/v1"): string =>
  `metadata: { ownerReferences: [{ apiVersion: ${apiVersion}, kind: ${kind}, name: ${name}, uid: ${uid}, controller: true }] }`;
const protection = "kubernetes.io/pvc-protection";
const collector = "a server's garbage collector, or its absence, decides what is left";
const stuck = "object-stuck-finalizer";

export default cases(garbageCollection, {
  fires: [
    {
      name: "a load balancer is not cleaned up",
      given: [service(deleted("1h", "service.kubernetes.io/load-balancer-cleanup"))],
      expect: [
        {
          rule: stuck,
          object: "Service/shop/web",
          severity: "warning",
          because: "the load balancer outside the cluster is not removed yet",
        },
      ],
    },
    {
      name: "a finalizer that nobody knows",
      given: [service(deleted("1h", "example.com/keep"))],
      expect: [{ rule: stuck, object: "Service/shop/web" }],
    },
    {
      name: "a claim that a live Pod uses",
      given: [claim(deleted("1h", protection)), pod()],
      expect: [
        {
          rule: stuck,
          object: "PersistentVolumeClaim/shop/data",
          severity: "info",
          because: "Pods still use the claim",
        },
      ],
    },
    {
      name: "a claim that only a finished Pod names",
      given: [claim(deleted("1h", protection)), pod("status: { phase: Succeeded }")],
      expect: [{ rule: stuck, object: "PersistentVolumeClaim/shop/data", severity: "warning" }],
    },
    {
      name: "a volume that is bound",
      given: [volume("Bound")],
      expect: [{ rule: stuck, object: "PersistentVolume/disk-1", severity: "info" }],
    },
    {
      name: "a volume that nobody has",
      given: [volume("Released")],
      expect: [{ rule: stuck, object: "PersistentVolume/disk-1", severity: "warning" }],
    },
    {
      name: "an object of the cluster's own kind",
      given: [
        yaml`{ apiVersion: example.com/v1, kind: Widget, metadata: { name: big, namespace: shop, deletionTimestamp: "${ago("1h")}", finalizers: [example.com/keep] } }`,
      ],
      expect: [{ rule: stuck, object: "Widget/shop/big", severity: "warning" }],
      notLive: "the server has no such kind",
    },
    {
      name: "the owner was made anew, and the old ReplicaSet stays",
      given: [
        workload("Deployment", "web", "metadata: { uid: new }"),
        workload("ReplicaSet", "web-1", ownedBy("Deployment", "web", "old")),
      ],
      expect: [
        {
          rule: "owner-missing",
          object: "ReplicaSet/shop/web-1",
          severity: "warning",
          because: "another object of the same name has taken its place",
          cause: "Deployment/shop/web",
        },
      ],
      notLive: collector,
    },
    {
      name: "the owner is gone",
      given: [pod(ownedBy("ReplicaSet", "web-1", "gone"))],
      expect: [
        { rule: "owner-missing", object: "Pod/shop/web-1", severity: "info", because: "no object of that name exists" },
      ],
      notLive: collector,
    },
  ],
  silent: [
    { name: "deleted five minutes ago", given: [service(deleted("5m", "example.com/keep"))] },
    {
      name: "not deleted",
      given: [
        service("metadata: { finalizers: [service.kubernetes.io/load-balancer-cleanup] }"),
        claim(`metadata: { finalizers: [${protection}] }`),
      ],
    },
    {
      name: "what it owns goes first",
      given: [
        workload("Deployment", "web", deleted("1h", "foregroundDeletion").replace("}", ", uid: web }")),
        workload(
          "ReplicaSet",
          "web-1",
          `metadata: { deletionTimestamp: "${ago("1m")}", finalizers: [foregroundDeletion], ownerReferences: [{ apiVersion: apps/v1, kind: Deployment, name: web, uid: web, controller: true }] }`,
        ),
      ],
      notLive: collector,
    },
    {
      name: "its owner is there",
      given: [workload("ReplicaSet", "web-1", "metadata: { uid: rs }"), pod(ownedBy("ReplicaSet", "web-1", "rs"))],
      notLive: collector,
    },
    {
      name: "one of two owners is there",
      given: [
        workload("ReplicaSet", "web-1", "metadata: { uid: rs }"),
        pod(
          "metadata: { ownerReferences: [{ apiVersion: apps/v1, kind: ReplicaSet, name: web-1, uid: rs }, { apiVersion: apps/v1, kind: ReplicaSet, name: web-0, uid: gone }] }",
        ),
      ],
      notLive: collector,
    },
    {
      name: "owners could not be read",
      given: [pod(ownedBy("ReplicaSet", "web-1", "gone-2"))],
      unread: ["ReplicaSet"],
      notLive: collector,
    },
    {
      name: "its owner is of a kind that is not known",
      given: [pod(ownedBy("Rollout", "web", "gone", "argoproj.io/v1alpha1"))],
      notLive: collector,
    },
    {
      name: "its owner has the name of a known kind, and is of another group",
      given: [pod(ownedBy("Deployment", "web", "gone", "example.com/v1"))],
      notLive: collector,
    },
    { name: "a Pod of a node", given: [pod(ownedBy("Node", "node-1", "gone", "v1"))], notLive: collector },
    {
      name: "made five minutes ago",
      given: [
        pod(
          `metadata: { creationTimestamp: "${ago("5m")}", ownerReferences: [{ apiVersion: apps/v1, kind: ReplicaSet, name: web-1, uid: gone }] }`,
        ),
      ],
      notLive: collector,
    },
  ],
});
