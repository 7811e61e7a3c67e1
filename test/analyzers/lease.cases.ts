import { lease } from "../../src/analyzers/lease.ts";
import { ago, but, cases, type Manifest, yaml } from "./cases.ts";

const leaseOf = (namespace: string, name: string, renewed: string, holder: string, changes = "{}"): Manifest =>
  but(
    yaml`
      apiVersion: coordination.k8s.io/v1
      kind: Lease
      metadata: { name: ${name}, namespace: ${namespace} }
      spec: { holderIdentity: "${holder}", leaseDurationSeconds: 15, renewTime: "${ago(renewed).replace("Z", ".000000Z")}" }
    `,
    changes,
  );
const scheduler = (renewed: string, changes = "{}"): Manifest =>
  leaseOf("kube-system", "kube-scheduler", renewed, "cp-1_3f2a", changes);
const fresh = leaseOf("kube-node-lease", "node-1", "10s", "node-1");
const controlPlanePod = (args: string): readonly Manifest[] => yaml`
  apiVersion: v1
  kind: Pod
  metadata: { name: kube-scheduler-cp-1, namespace: kube-system, labels: { component: kube-scheduler } }
  spec: { containers: [{ name: kube-scheduler, image: kube-scheduler, command: [kube-scheduler, ${args}] }] }
  status: { phase: Running }
`;
const operator = (changes = "{}"): Manifest =>
  but(
    yaml`
      apiVersion: v1
      kind: Pod
      metadata: { name: operator-5d9c-x2x, namespace: ops, creationTimestamp: "${ago("2d")}" }
      spec: { containers: [{ name: operator, image: operator }] }
      status: { phase: Running, conditions: [{ type: Ready, status: "True" }] }
    `,
    changes,
  );
const operatorLease = leaseOf("ops", "operator.example.com", "30m", "operator-5d9c-x2x_77aa");
const rule = "leader-lease-stale";

export default cases(lease, {
  fires: [
    {
      name: "the scheduler has not renewed for ten minutes",
      given: [scheduler("10m"), fresh],
      expect: [{ rule, object: "Lease/kube-system/kube-scheduler", severity: "critical" }],
    },
    {
      name: "the controller manager, with its Pod there",
      given: [
        leaseOf("kube-system", "kube-controller-manager", "10m", "cp-1_1"),
        fresh,
        controlPlanePod("--leader-elect=true"),
      ],
      expect: [{ rule, object: "Lease/kube-system/kube-controller-manager", severity: "critical" }],
    },
    {
      name: "a control plane that the provider runs",
      given: [scheduler("10m"), fresh, operator()],
      serverVersion: "v1.33.2-eks-b707fbb",
      expect: [{ rule, object: "Lease/kube-system/kube-scheduler", severity: "info" }],
    },
    {
      name: "the Pod that holds it runs and is ready",
      given: [operatorLease, operator(), fresh],
      expect: [{ rule, object: "Lease/ops/operator.example.com", severity: "warning" }],
    },
    {
      name: "left behind by a Pod that is gone",
      given: [operatorLease, fresh],
      expect: [{ rule, object: "Lease/ops/operator.example.com", severity: "info" }],
    },
    {
      name: "the Pod of that name was made anew since",
      given: [operatorLease, operator(`metadata: { creationTimestamp: "${ago("5m")}" }`), fresh],
      expect: [{ rule, object: "Lease/ops/operator.example.com", severity: "info" }],
    },
    {
      name: "its container was started anew since",
      given: [
        operatorLease,
        operator(
          `status: { containerStatuses: [{ name: operator, image: operator, imageID: x, ready: true, restartCount: 1, state: { running: { startedAt: "${ago("5m")}" } } }] }`,
        ),
        fresh,
      ],
      expect: [{ rule, object: "Lease/ops/operator.example.com", severity: "info" }],
    },
  ],
  silent: [
    { name: "renewed ten seconds ago", given: [scheduler("10s")] },
    { name: "renewed a minute ago", given: [scheduler("1m"), fresh] },
    { name: "released", given: [scheduler("1h", 'spec: { holderIdentity: "" }'), fresh] },
    { name: "of a node", given: [fresh, leaseOf("kube-node-lease", "node-9", "2d", "node-9")] },
    {
      name: "of an API server",
      given: [
        fresh,
        leaseOf(
          "kube-system",
          "apiserver-x7",
          "2d",
          "apiserver-x7_1",
          "metadata: { labels: { apiserver.kubernetes.io/identity: kube-apiserver } }",
        ),
      ],
    },
    {
      name: "a scheduler that does not elect",
      given: [scheduler("10m"), fresh, controlPlanePod("--leader-elect=false")],
    },
    {
      name: "no lease of the snapshot is fresh: its time is off",
      given: [scheduler("10m"), leaseOf("kube-node-lease", "node-1", "9m", "node-1")],
    },
    { name: "without a duration", given: [scheduler("10m", "spec: { leaseDurationSeconds: null }"), fresh] },
  ],
});
