import { clusterCatalog } from "../../src/analyzers/cluster-catalog.ts";
import { ago, but, cases, type Manifest, yaml } from "./cases.ts";

const digest = "0123456789abcdef".repeat(4);

function condition(type: string, status: string, reason: string, since = "50m", message = ""): string {
  return `{ type: ${type}, status: "${status}", reason: ${reason}, message: '${message}', lastTransitionTime: "${ago(since)}", observedGeneration: 1 }`;
}

const progressing = condition(
  "Progressing",
  "True",
  "Succeeded",
  "50m",
  "Successfully unpacked and stored content from resolved source",
);
const serving = condition("Serving", "True", "Available", "50m", "Serving desired content from resolved source");

const hub = yaml`
  apiVersion: olm.operatorframework.io/v1
  kind: ClusterCatalog
  metadata: { name: operatorhubio, generation: 1 }
  spec: { priority: 0, source: { type: Image, image: { ref: "quay.io/operatorhubio/catalog:latest" } } }
  status:
    conditions: [${progressing}, ${serving}]
    resolvedSource: { type: Image, image: { ref: "quay.io/operatorhubio/catalog@sha256:${digest}" } }
`;

function having(...conditions: readonly string[]): Manifest {
  return but(hub, `status: { conditions: [${conditions.join(", ")}] }`);
}

const retry =
  "source catalog content: error creating image source: initializing source docker://quay.io/operatorhubio/catalog:latest: pinging container registry quay.io: connection refused";
const notServing = condition("Serving", "False", "Unavailable", "20m");
const object = "ClusterCatalog/operatorhubio";
const refused = "the CRD of the project refuses it: only dumps of other versions hold it";

export default cases(clusterCatalog, {
  fires: [
    {
      name: "its image reference is none",
      given: [but(hub, `spec: { source: { image: { ref: "quay.io/OperatorHub/catalog:latest" } } }`)],
      notLive: refused,
      expect: [{ rule: "clustercatalog-reference-invalid", object, severity: "warning", because: "in its spec" }],
    },
    {
      name: "its resolved reference is empty",
      given: [but(hub, `status: { resolvedSource: { image: { ref: "" } } }`)],
      notLive: refused,
      expect: [{ rule: "clustercatalog-reference-invalid", object, because: "its resolved reference is empty" }],
    },
    {
      name: "its resolved reference has no sha256 digest",
      given: [
        but(
          hub,
          `status: { resolvedSource: { image: { ref: "quay.io/operatorhubio/catalog@sha256:${digest.slice(1)}" } } }`,
        ),
      ],
      expect: [
        { rule: "clustercatalog-reference-invalid", object, because: "its resolved reference has no sha256 digest" },
      ],
    },
    {
      name: "not served, and unpacking is tried in vain",
      given: [having(condition("Progressing", "True", "Retrying", "20m", retry), notServing)],
      expect: [
        { rule: "clustercatalog-not-serving", object, severity: "warning", because: "it retries without success" },
      ],
    },
    {
      name: "not served, and nothing says why",
      given: [having(progressing, condition("Serving", "False", "Unavailable", "6m"))],
      expect: [{ rule: "clustercatalog-not-serving", object }],
    },
    {
      name: "blocked since a moment ago, and nothing served",
      given: [
        having(
          condition("Progressing", "False", "Blocked", "10s"),
          condition("Serving", "False", "Unavailable", "10s"),
        ),
      ],
      expect: [{ rule: "clustercatalog-not-serving", object, because: "it is blocked until somebody changes it" }],
    },
    {
      name: "blocked since a moment ago, and old content is served",
      given: [having(condition("Progressing", "False", "Blocked", "10s"), serving)],
      expect: [
        {
          rule: "clustercatalog-not-progressing",
          object,
          severity: "warning",
          because: "it is blocked until somebody changes it",
        },
      ],
    },
    {
      name: "retries for 20 minutes, and old content is served",
      given: [having(condition("Progressing", "True", "Retrying", "20m", retry), serving)],
      expect: [{ rule: "clustercatalog-not-progressing", object, because: "it retries without success" }],
    },
    {
      name: "retries since the status last changed, 20 minutes ago",
      given: [
        but(
          having(condition("Progressing", "True", "Retrying", "55m", retry), serving),
          `metadata: { managedFields: [{ manager: catalogd, operation: Update, apiVersion: olm.operatorframework.io/v1, subresource: status, time: "${ago("20m")}" }] }`,
        ),
      ],
      notLive: "the server keeps its own record of who set which field",
      expect: [{ rule: "clustercatalog-not-progressing", object }],
    },
    {
      name: "switched off",
      given: [
        but(
          having(
            condition("Progressing", "True", "Succeeded", "50m", "Catalog availability mode is set to Unavailable"),
            condition(
              "Serving",
              "False",
              "UserSpecifiedUnavailable",
              "50m",
              "Catalog availability mode is set to Unavailable",
            ),
          ),
          "spec: { availabilityMode: Unavailable }\nstatus: { resolvedSource: null }",
        ),
      ],
      expect: [{ rule: "clustercatalog-disabled", object, severity: "info" }],
    },
  ],
  silent: [
    { name: "unpacked and served", given: [hub] },
    {
      name: "a reference with several - and _ in a row",
      given: [but(hub, `spec: { source: { image: { ref: "registry.example.com:5000/my--team/my__catalog:v1" } } }`)],
    },
    {
      name: "a reference with a digest",
      given: [but(hub, `spec: { source: { image: { ref: "quay.io/operatorhubio/catalog@sha256:${digest}" } } }`)],
    },
    {
      name: "a source without an image",
      given: [but(hub, "spec: { source: { image: null } }")],
      notLive: refused,
    },
    {
      name: "a resolved source without an image",
      given: [but(hub, "status: { resolvedSource: { image: null } }")],
      notLive: refused,
    },
    { name: "no status yet", given: [but(hub, "status: null")] },
    {
      name: "retries for three minutes",
      given: [having(condition("Progressing", "True", "Retrying", "3m", retry), serving)],
    },
    {
      name: "retries once after a long time: its status changed a minute ago",
      given: [
        but(
          having(condition("Progressing", "True", "Retrying", "55m", retry), serving),
          `metadata: { managedFields: [{ manager: catalogd, operation: Update, apiVersion: olm.operatorframework.io/v1, subresource: status, time: "${ago("1m")}" }] }`,
        ),
      ],
      notLive: "the server keeps its own record of who set which field",
    },
    {
      name: "not served for two minutes",
      given: [having(progressing, condition("Serving", "False", "Unavailable", "2m"))],
    },
    {
      name: "the status tells of an older spec",
      given: [
        but(having(condition("Progressing", "False", "Blocked", "10m"), notServing), "metadata: { generation: 2 }"),
      ],
    },
    {
      name: "being deleted",
      given: [
        but(
          having(condition("Progressing", "False", "Blocked", "10m"), notServing),
          `metadata: { deletionTimestamp: "${ago("1m")}", finalizers: [olm.operatorframework.io/delete-server-cache] }`,
        ),
      ],
    },
  ],
});
