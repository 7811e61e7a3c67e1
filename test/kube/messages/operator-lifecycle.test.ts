import fc from "fast-check";
import { expect, test } from "vitest";
import { extensionFailure, subscriptionFailure } from "../../../src/kube/messages/operator-lifecycle.ts";

const dial = `failed to list bundles: rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial tcp 10.96.4.2:50051: connect: connection refused"`;

test.each([
  [
    `error using catalogsource olm/community: ${dial}`,
    { because: "a catalog cannot be read", catalog: { namespace: "olm", name: "community" } },
  ],
  [
    `failed to populate resolver cache from source community-operators/openshift-marketplace: ${dial}`,
    {
      because: "a catalog cannot be read",
      catalog: { namespace: "openshift-marketplace", name: "community-operators" },
    },
  ],
  [
    "constraints not satisfiable: no operators found from catalog hub in namespace olm referenced by subscription etcd, subscription etcd exists",
    { because: "the catalog holds no operators, or does not exist", subscription: "etcd" },
  ],
  [
    "constraints not satisfiable: no operators found in package etcdd in the catalog referenced by subscription etcd, subscription etcd exists",
    { because: "the package is not in the catalog", subscription: "etcd" },
  ],
  [
    "constraints not satisfiable: no operators found in channel beta of package etcd in the catalog referenced by subscription etcd, subscription etcd exists",
    { because: "the channel is not in the package", subscription: "etcd" },
  ],
  [
    "constraints not satisfiable: no operators found with name etcd.v9 in channel beta of package etcd in the catalog referenced by subscription etcd, subscription etcd exists",
    { because: "the starting version is not in the channel", subscription: "etcd" },
  ],
  [
    "constraints not satisfiable: subscription a exists, subscription a requires at least one of olm/hub/alpha/a.v1, a.v1 and b.v1 provide Thing (example.com/v1)",
    { because: "its requirements contradict each other" },
  ],
  [
    "expected 1 OperatorGroup in the namespace, found 0",
    { because: "its namespace has not exactly one OperatorGroup" },
  ],
  ["", undefined],
  ["something new", undefined],
] as const)("a Subscription's %s", (message, expected) => {
  expect(subscriptionFailure(message)).toEqual(expected);
});

test.each([
  [
    `service account "installer" not found in namespace "argocd": unable to authenticate with the Kubernetes cluster.`,
    { because: "its ServiceAccount does not exist", serviceAccount: { namespace: "argocd", name: "installer" } },
  ],
  [
    `error walking catalogs: error getting package "argocd" from catalog "operatorhubio": error retrieving cache for catalog "operatorhubio"`,
    { because: "a catalog cannot be read", catalog: { name: "operatorhubio" } },
  ],
  [`no bundles found for package "argocd"`, { because: "the package is not in any catalog" }],
  [`no bundles found for package "argocd" matching version "9.x"`, { because: "no version of the package fits" }],
  [`no bundles found for package "argocd" in channels [beta]`, { because: "no version of the package fits" }],
  [
    `found bundles for package "argocd" in multiple catalogs with the same priority [a b]`,
    { because: "several catalogs have the package" },
  ],
  ["something new", undefined],
] as const)("a ClusterExtension's %s", (message, expected) => {
  expect(extensionFailure(message)).toEqual(expected);
});

function isInWords(text: string): boolean {
  return [subscriptionFailure(text), extensionFailure(text)].every(
    (failure) => failure === undefined || /^[A-Za-z, ]+$/.test(failure.because),
  );
}

test("odd text is read without a throw, and never copied into the words", () => {
  const words = fc.constantFrom(
    "error using catalogsource ",
    "referenced by subscription ",
    `service account "`,
    "/",
    "x",
  );
  const oddText = fc.array(fc.oneof(words, fc.string({ unit: "binary" })), { maxLength: 8 });
  expect(() => fc.assert(fc.property(oddText, (parts) => isInWords(parts.join(""))))).not.toThrow();
});
