import { event } from "../../src/analyzers/event.ts";
import { ago, but, cases, type Manifest, yaml } from "./cases.ts";

const warning = (reason: string, changes = "{}", name = "web-1"): Manifest =>
  but(
    yaml`
      apiVersion: v1
      kind: Event
      metadata: { name: ${name}.${reason.toLowerCase()}, namespace: shop }
      involvedObject: { apiVersion: v1, kind: Pod, namespace: shop, name: ${name} }
      type: Warning
      reason: ${reason}
      message: 'Error creating resource "${name}": quota of tenant 4711 is used up'
      source: { component: tenant-controller }
      firstTimestamp: "${ago("50m")}"
      lastTimestamp: "${ago("5m")}"
      count: 12
    `,
    changes,
  );
const once = "count: 1";
const pod = (name = "web-1", status = "False", since = "40m"): readonly Manifest[] => yaml`
  apiVersion: v1
  kind: Pod
  metadata: { name: ${name}, namespace: shop, ownerReferences: [{ apiVersion: apps/v1, kind: ReplicaSet, name: web, uid: rs, controller: true }] }
  spec: { containers: [{ name: web, image: nginx }] }
  status: { phase: Running, conditions: [{ type: Ready, status: "${status}", lastTransitionTime: "${ago(since)}" }] }
`;
const replicaSet = yaml`
  apiVersion: apps/v1
  kind: ReplicaSet
  metadata: { name: web, namespace: shop, uid: rs }
  spec: { selector: { matchLabels: { app: web } }, template: { metadata: { labels: { app: web } }, spec: { containers: [{ name: web, image: nginx }] } } }
`;
const rule = "warning-events-recurring";
const owner = "ReplicaSet/shop/web";

export default cases(event, {
  fires: [
    {
      name: "twelve warnings about a Pod",
      given: [warning("TenantQuota"), pod(), replicaSet],
      expect: [{ rule, object: owner, severity: "info" }],
    },
    {
      name: "one warning each about three Pods of a workload",
      given: ["web-1", "web-2", "web-3"]
        .flatMap((name) => [warning("TenantQuota", once, name), ...pod(name)])
        .concat(replicaSet),
      expect: [{ rule, object: owner }],
    },
    {
      name: "two reasons are two findings",
      given: [warning("TenantQuota"), warning("TenantSuspended"), pod(), replicaSet],
      expect: [
        { rule, object: owner },
        { rule, object: owner },
      ],
    },
    {
      name: "about an object that is not read",
      given: [warning("SyncError", "involvedObject: { apiVersion: example.com/v1, kind: Widget, name: big }")],
      expect: [{ rule, object: "Widget/shop/big" }],
    },
    {
      name: "ready all the while, and the warnings go on",
      given: [warning("TenantQuota"), pod("web-1", "True", "2d"), replicaSet],
      expect: [{ rule, object: owner }],
    },
  ],
  silent: [
    { name: "one warning", given: [warning("TenantQuota", once), pod(), replicaSet] },
    {
      name: "two hours ago",
      given: [
        warning("TenantQuota", `firstTimestamp: "${ago("3h")}"\nlastTimestamp: "${ago("2h")}"`),
        pod(),
        replicaSet,
      ],
    },
    { name: "no warning", given: [warning("Resized", "type: Normal"), pod(), replicaSet] },
    { name: "a reason that a rule explains", given: [warning("BackOff"), pod(), replicaSet] },
    {
      name: "a probe that failed while the Pod started",
      given: [warning("Unhealthy"), pod("web-1", "True"), replicaSet],
    },
    { name: "a reason that healthy clusters show", given: [warning("DNSConfigForming"), pod(), replicaSet] },
    { name: "the Pod is gone", given: [warning("TenantQuota")] },
    {
      name: "a Pod of that name was made anew",
      given: [warning("TenantQuota", "involvedObject: { uid: before }"), pod(), replicaSet],
      notLive: "the uid of a Pod is the server's",
    },
    { name: "the Pod became ready since", given: [warning("TenantQuota"), pod("web-1", "True", "2m"), replicaSet] },
    {
      name: "the Pod has ended",
      given: [warning("TenantQuota"), but(pod(), "status: { phase: Succeeded }"), replicaSet],
    },
  ],
});
