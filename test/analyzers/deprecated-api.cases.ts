import { deprecatedApi } from "../../src/analyzers/deprecated-api.ts";
import { ago, but, cases, type Manifest, yaml } from "./cases.ts";

const write = (manager: string, apiVersion: string, since = "3d"): string =>
  `{ manager: ${manager}, operation: Update, apiVersion: ${apiVersion}, time: "${ago(since)}", fieldsType: FieldsV1, fieldsV1: {} }`;
const budget = (...writes: readonly string[]): Manifest =>
  but(
    yaml`{ apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: { name: web, namespace: shop }, spec: { minAvailable: 1, selector: { matchLabels: { app: web } } } }`,
    `metadata: { managedFields: [${writes.join(", ")}] }`,
  );
const autoscaler = (...writes: readonly string[]): Manifest =>
  but(
    yaml`{ apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: { name: web, namespace: shop }, spec: { maxReplicas: 3, scaleTargetRef: { kind: Deployment, name: web } } }`,
    `metadata: { managedFields: [${writes.join(", ")}] }`,
  );
const old = "policy/v1beta1";
const notLive = "who wrote what, and when, is the server's own record";
const object = "PodDisruptionBudget/shop/web";

export default cases(deprecatedApi, {
  fires: [
    {
      name: "the server was asked for what the next minor version does not serve",
      given: [],
      facts: {
        deprecatedRequests: [
          {
            group: "flowcontrol.apiserver.k8s.io",
            version: "v1beta3",
            resource: "flowschemas",
            removedRelease: "1.32",
          },
        ],
      },
      serverVersion: "v1.31.2",
      expect: [{ rule: "api-removed-in-target", object: "APIServer/case", severity: "critical" }],
      notLive,
    },
    {
      name: "the server was asked for what some later version does not serve",
      given: [],
      facts: {
        deprecatedRequests: [
          { group: "networking.k8s.io", version: "v1beta1", resource: "ipaddresses", removedRelease: "1.37" },
        ],
      },
      serverVersion: "v1.34.4",
      expect: [{ rule: "api-deprecated-in-use", object: "APIServer/case", severity: "warning" }],
      notLive,
    },
    {
      name: "the next minor version does not serve it",
      given: [budget(write("helm", old))],
      serverVersion: "v1.24.9",
      expect: [{ rule: "api-removed-in-target", object, severity: "critical" }],
      notLive,
    },
    {
      name: "a later version does not serve it",
      given: [autoscaler(write("terraform", "autoscaling/v2beta2"))],
      serverVersion: "v1.23.2",
      expect: [{ rule: "api-deprecated-in-use", object: "HorizontalPodAutoscaler/shop/web", severity: "warning" }],
      notLive,
    },
    {
      name: "two clients write it, one has moved on",
      given: [budget(write("helm", old), write("kubectl", old, "9d"), write("kubectl", "policy/v1", "1d"))],
      serverVersion: "v1.24.9",
      expect: [{ rule: "api-removed-in-target", object }],
      notLive,
    },
  ],
  silent: [
    {
      name: "requests for what is deprecated, but stays",
      given: [],
      facts: { deprecatedRequests: [{ group: "", version: "v1", resource: "endpoints" }] },
      serverVersion: "v1.34.4",
      notLive,
    },
    { name: "the version that stays", given: [budget(write("helm", "policy/v1"))], serverVersion: "v1.24.9", notLive },
    {
      name: "the server does not serve the old version any more",
      given: [budget(write("helm", old, "4d"))],
      serverVersion: "v1.25.0",
      notLive,
    },
    {
      name: "last used half a year ago",
      given: [budget(write("helm", old, "180d"))],
      serverVersion: "v1.24.9",
      notLive,
    },
    {
      name: "the client has moved on",
      given: [budget(write("helm", old, "9d"), write("helm", "policy/v1", "1d"))],
      serverVersion: "v1.24.9",
      notLive,
    },
    {
      name: "Kubernetes' own controllers",
      given: [budget(write("kube-controller-manager", old))],
      serverVersion: "v1.24.9",
      notLive,
    },
    { name: "the version of the server is not known", given: [budget(write("helm", old, "5d"))], notLive },
    { name: "no record", given: [budget()], serverVersion: "v1.24.9", notLive },
  ],
});
