import { catalogSource } from "../../src/analyzers/catalog-source.ts";
import { ago, but, cases, type Manifest, yaml } from "./cases.ts";

const hub = yaml`
  apiVersion: operators.coreos.com/v1alpha1
  kind: CatalogSource
  metadata: { name: operatorhubio-catalog, namespace: olm }
  spec: { sourceType: grpc, image: "quay.io/operatorhubio/catalog:latest" }
  status: { connectionState: { address: "operatorhubio-catalog.olm.svc:50051", lastObservedState: READY, lastConnect: "${ago("50m")}" } }
`;

function inState(state: string, since: string): Manifest {
  return but(hub, `status: { connectionState: { lastObservedState: ${state}, lastConnect: "${ago(since)}" } }`);
}

/** The Pod that serves the catalog. */
function pod(ready: boolean, since: string): Manifest {
  return but(
    yaml`
      apiVersion: v1
      kind: Pod
      metadata: { name: operatorhubio-catalog-q6mzb, namespace: olm, labels: { olm.catalogSource: operatorhubio-catalog } }
      spec: { nodeName: node-1, containers: [{ name: registry-server, image: "quay.io/operatorhubio/catalog:latest" }] }
    `,
    `
      status:
        phase: ${ready ? "Running" : "Pending"}
        conditions: [{ type: Ready, status: "${ready ? "True" : "False"}", lastTransitionTime: "${ago(since)}" }]
        containerStatuses:
          - { name: registry-server, image: "quay.io/operatorhubio/catalog:latest", imageID: "", ready: ${ready}, restartCount: 0, state: ${
            ready ? `{ running: { startedAt: "${ago(since)}" } }` : "{ waiting: { reason: ImagePullBackOff } }"
          } }
    `,
  );
}

const object = "CatalogSource/olm/operatorhubio-catalog";
const unhealthy = { rule: "catalogsource-unhealthy", object } as const;

export default cases(catalogSource, {
  fires: [
    {
      name: "the connection fails for ten minutes, and its Pod is down",
      given: [inState("TRANSIENT_FAILURE", "10m"), pod(false, "12m")],
      expect: [{ ...unhealthy, severity: "warning", because: "its Pod is not ready" }],
    },
    {
      name: "the connection was tried again a moment ago, and its Pod is down for long",
      given: [inState("TRANSIENT_FAILURE", "20s"), pod(false, "12m")],
      expect: [{ ...unhealthy, because: "its Pod is not ready" }],
    },
    {
      name: "connecting, while its Pod is down for long",
      given: [inState("CONNECTING", "20s"), pod(false, "12m")],
      expect: [unhealthy],
    },
    {
      name: "the address of a catalog without a Pod does not answer",
      given: [but(inState("TRANSIENT_FAILURE", "10m"), `spec: { image: null, address: "catalog.example.com:50051" }`)],
      expect: [{ ...unhealthy, because: "the connection fails" }],
    },
    {
      name: "the state in small letters",
      given: [inState("transient_failure", "10m"), pod(true, "50m")],
      expect: [{ ...unhealthy, because: "the connection fails" }],
    },
    {
      name: "never reached for an hour",
      given: [but(hub, "status: null")],
      expect: [{ ...unhealthy, because: "it was never reached" }],
    },
    {
      name: "its ConfigMap is missing",
      given: [
        but(
          hub,
          `
            spec: { sourceType: configmap, image: null, configMap: operators }
            status: { connectionState: null, reason: ConfigMapError, message: 'failed to get catalog config map operators: configmaps "operators" not found' }
          `,
        ),
      ],
      expect: [
        { ...unhealthy, because: "its ConfigMap is missing or cannot be read", cause: "ConfigMap/olm/operators" },
      ],
    },
    {
      name: "its spec is not valid",
      given: [
        but(
          hub,
          `spec: { image: null }\nstatus: { connectionState: null, reason: SpecInvalidError, message: 'image and address unset: at least one must be set for sourcetype: grpc' }`,
        ),
      ],
      expect: [{ ...unhealthy, because: "its spec is not valid" }],
    },
  ],
  silent: [
    { name: "READY", given: [hub, pod(true, "50m")] },
    { name: "IDLE", given: [inState("IDLE", "50m"), pod(true, "50m")] },
    { name: "CONNECTING", given: [inState("CONNECTING", "10m"), pod(true, "50m")] },
    { name: "the connection fails for two minutes", given: [inState("TRANSIENT_FAILURE", "2m"), pod(true, "50m")] },
    {
      name: "the connection fails for two minutes, and so long is its Pod down",
      given: [inState("TRANSIENT_FAILURE", "2m"), pod(false, "2m")],
    },
    {
      name: "never reached, and made five minutes ago",
      given: [but(hub, `metadata: { creationTimestamp: "${ago("5m")}" }\nstatus: null`)],
    },
    { name: "READY, while its Pod is replaced", given: [hub, pod(false, "12m")] },
    {
      name: "Pods could not be read, and the connection was tried a moment ago",
      given: [inState("TRANSIENT_FAILURE", "20s"), pod(false, "12m")],
      unread: ["Pod"],
    },
    {
      name: "being deleted",
      given: [
        but(
          inState("TRANSIENT_FAILURE", "10m"),
          `metadata: { deletionTimestamp: "${ago("1m")}", finalizers: [example.com/catalog] }`,
        ),
      ],
    },
  ],
});
