import { describe, expect, test } from "vitest";
import {
  type CreateRefusal,
  parseCreateRefusal,
  quotaResourcesInWords,
  webhookFailureInWords,
} from "../../../src/kube/messages/create-blocked.ts";

const pod = 'pods "web-7xk2p" is forbidden:';

const texts: readonly (readonly [string, CreateRefusal])[] = [
  [
    `Error creating: ${pod} exceeded quota: compute, requested: limits.cpu=1,pods=1, used: limits.cpu=4,pods=10, limited: limits.cpu=4,pods=10`,
    {
      type: "quota",
      quota: "compute",
      requested: "limits.cpu=1,pods=1",
      used: "limits.cpu=4,pods=10",
      limited: "limits.cpu=4,pods=10",
    },
  ],
  [
    `${pod} failed quota: compute: must specify limits.cpu for: app; limits.memory for: app,sidecar`,
    { type: "quota-needs-requests", quota: "compute", wanted: "limits.cpu for: app; limits.memory for: app,sidecar" },
  ],
  [
    `${pod} [maximum cpu usage per Container is 1, but limit is 2, maximum memory usage per Container is 1Gi, but limit is 2Gi]`,
    {
      type: "limitrange",
      bound: "maximum",
      detail:
        "maximum cpu usage per Container is 1, but limit is 2, maximum memory usage per Container is 1Gi, but limit is 2Gi]",
    },
  ],
  [
    `${pod} minimum cpu usage per Pod is 100m.  No request is specified`,
    { type: "limitrange", bound: "minimum", detail: "minimum cpu usage per Pod is 100m.  No request is specified" },
  ],
  [
    `${pod} memory max limit to request ratio per Container is 2, but provided ratio is 4.000000`,
    {
      type: "limitrange",
      bound: "ratio",
      detail: "memory max limit to request ratio per Container is 2, but provided ratio is 4.000000",
    },
  ],
  [
    `${pod} violates PodSecurity "baseline:v1.30": host namespaces (hostNetwork=true)`,
    { type: "podsecurity", level: "baseline", detail: "host namespaces (hostNetwork=true)" },
  ],
  [
    'Internal error occurred: failed calling webhook "w.example.com": failed to call webhook: Post "https://w.ns.svc:443/?timeout=10s": service "w" not found',
    {
      type: "webhook-down",
      webhook: "w.example.com",
      detail: 'failed to call webhook: Post "https://w.ns.svc:443/?timeout=10s": service "w" not found',
    },
  ],
  [
    'Internal error occurred: failed calling webhook "w.example.com"; no further details available',
    { type: "webhook-down", webhook: "w.example.com", detail: "no further details available" },
  ],
  [
    'admission webhook "validate.kyverno.svc-fail" denied the request: \n\nresource Pod/shop/web was blocked\nPod "x" is invalid: a: b',
    {
      type: "webhook-denied",
      webhook: "validate.kyverno.svc-fail",
      detail: 'resource Pod/shop/web was blocked\nPod "x" is invalid: a: b',
    },
  ],
  [
    'admission webhook "w.example.com" denied the request without explanation',
    { type: "webhook-denied", webhook: "w.example.com", detail: "without explanation" },
  ],
  [
    `${pod} ValidatingAdmissionPolicy 'no-latest' with binding 'b' denied request: failed expression: exceeded quota: x`,
    { type: "policy", policy: "no-latest", detail: "failed expression: exceeded quota: x" },
  ],
  [
    'pods "web-" is forbidden: error looking up service account shop/web.v2: serviceaccount "web.v2" not found',
    { type: "serviceaccount", account: "web.v2" },
  ],
  [`${pod} no PriorityClass with name hgih was found`, { type: "priorityclass", className: "hgih" }],
  [`${pod} pod rejected: RuntimeClass "gvisor" not found`, { type: "runtimeclass", className: "gvisor" }],
  [
    'pods is forbidden: User "system:serviceaccount:kube-system:job-controller" cannot create resource "pods" in API group "" in the namespace "shop"',
    { type: "rights", user: "system:serviceaccount:kube-system:job-controller" },
  ],
  [
    'Pod "web-x" is invalid: spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
    {
      type: "invalid",
      path: "spec.containers[0].resources.requests",
      detail: 'Invalid value: "2": must be less than or equal to cpu limit of 1',
    },
  ],
  [
    'Pod "web-x" is invalid: [spec.volumes[0].name: Required value, spec.containers[0].image: Required value]',
    {
      type: "invalid",
      path: "spec.volumes[0].name",
      detail: "Required value, spec.containers[0].image: Required value]",
    },
  ],
  [
    'pods "web-x" is forbidden: unable to create new content in namespace shop because it is being terminated',
    { type: "terminating" },
  ],
  ["etcdserver: request timed out", { type: "other" }],
  ["", { type: "other" }],
];

describe("the API server's refusals", () => {
  test.each(texts)("%s", (text, expected) => {
    expect(parseCreateRefusal(text)).toEqual(expected);
  });

  test("an absent message is some refusal", () => {
    expect(parseCreateRefusal(undefined)).toEqual({ type: "other" });
  });
});

test.each([
  ['Post "https://w.ns.svc:443/": no endpoints available for service "w"', "its Service has no ready endpoint"],
  ['service "w" not found', "its Service does not exist"],
  [
    "tls: failed to verify certificate: x509: certificate signed by unknown authority",
    "its certificate is not accepted",
  ],
  ["context deadline exceeded", "it did not answer in time"],
  ["dial tcp 10.0.0.1:443: connect: connection refused", "it refuses connections"],
  ["dial tcp: lookup hooks.example.com on 10.96.0.10:53: no such host", "its host name does not resolve"],
  ["EOF", "it closed the connection"],
  ["something else", undefined],
])("why a webhook could not be called: %s", (text, words) => {
  expect(webhookFailureInWords(text)).toBe(words);
});

test("what a quota counts, in words", () => {
  expect(quotaResourcesInWords("pods=1,requests.cpu=500m,limits.memory=1Gi")).toBe(
    "CPU requests, memory limits, number of Pods",
  );
  expect(quotaResourcesInWords("gold.storageclass.storage.k8s.io/requests.storage=1Gi")).toBe("storage requests");
  expect(quotaResourcesInWords("requests.nvidia.com/gpu=1")).toBe("extended resources");
  expect(quotaResourcesInWords("count/widgets.example.com=1")).toBeUndefined();
});
