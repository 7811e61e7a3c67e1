import { describe, expect, it, test } from "vitest";
import {
  type AccessPolicy,
  allowedScope,
  askedBy,
  checkContext,
  namedNamespaces,
  refusedNamespace,
  refusedPath,
} from "../../src/cluster/policy.ts";

const words = (...texts: readonly string[]) => texts.map((text, index) => ({ text, line: index + 2 }));
const policy = (part: Omit<AccessPolicy, "origin">): readonly AccessPolicy[] => [{ origin: "policy.yaml", ...part }];

describe("a path", () => {
  test.each([
    ["/version", { group: "", plural: "" }],
    ["/api/v1", { group: "", plural: "" }],
    ["/apis/apps/v1", { group: "", plural: "" }],
    ["/openapi/v3/apis/apps/v1", { group: "", plural: "" }],
    ["/api/v1/pods?limit=500", { group: "", plural: "pods" }],
    ["/api/v1/namespaces/shop/pods", { group: "", plural: "pods", namespace: "shop" }],
    [
      "/api/v1/namespaces/shop/pods/a/log?x=/",
      { group: "", plural: "pods", namespace: "shop", name: "a", part: "log" },
    ],
    ["/api/v1/namespaces/shop", { group: "", plural: "namespaces", namespace: "shop", name: "shop" }],
    ["/api/v1/namespaces", { group: "", plural: "namespaces" }],
    [
      "/apis/apps/v1/namespaces/sh%6fp/deployments/b",
      { group: "apps", plural: "deployments", namespace: "shop", name: "b" },
    ],
    ["/apis/storage.k8s.io/v1/csinodes/n", { group: "storage.k8s.io", plural: "csinodes", name: "n" }],
  ])("%s", (path, expected) => {
    expect(askedBy(path)).toEqual(expected);
  });

  test.each([
    "/api/v1/namespaces/../secrets",
    "/api//v1/pods",
    "api/v1/pods",
    "/api/v1/namespaces/a%2Fb/pods",
    "/api/%zz",
    "/api/v1/watch/secrets",
    "/api/v1/proxy/namespaces/a/pods/b",
  ])("%s is none", (path) => {
    expect(askedBy(path)).toBeUndefined();
    expect(refusedPath(policy({ kinds: { deny: words("secrets") } }), path)).toContain("cannot place the path");
  });
});

describe("namespaces", () => {
  const deny = policy({ namespaces: { deny: words("payroll", "secret-*") } });
  const allow = policy({ namespaces: { allow: words("shop", "web-*"), allowLine: 1, deny: words("web-internal") } });

  test.each([
    [deny, "/api/v1/namespaces/payroll/pods", 'policy.yaml:2 does not allow namespace "payroll"'],
    [deny, "/api/v1/namespaces/payroll", 'policy.yaml:2 does not allow namespace "payroll"'],
    [deny, "/api/v1/namespaces/secret-x/pods", 'policy.yaml:3 does not allow namespace "secret-x"'],
    [deny, "/api/v1/namespaces/shop/pods", undefined],
    [deny, "/api/v1/pods?resourceVersion=0", "policy.yaml:2 does not allow pods of all namespaces at once"],
    [
      deny,
      "/apis/example.test/v1/widgets",
      "policy.yaml:2 does not allow widgets.example.test of all namespaces at once",
    ],
    [deny, "/api/v1/nodes", undefined],
    [deny, "/api/v1/namespaces", undefined],
    [deny, "/version", undefined],
    [allow, "/api/v1/namespaces/shop/pods", undefined],
    [allow, "/api/v1/namespaces/web-1/pods", undefined],
    [allow, "/api/v1/namespaces/web-internal/pods", 'policy.yaml:2 does not allow namespace "web-internal"'],
    [allow, "/api/v1/namespaces/other/pods", 'policy.yaml:1 does not allow namespace "other"'],
  ] as const)("%# %s", (policies, path, why) => {
    expect(refusedPath(policies, path)).toBe(why);
  });

  it("leaves of a scope what is allowed, and tells of the rest", () => {
    expect(allowedScope(deny, {}, ["payroll", "shop", "secret-a", "secret-b", "web"])).toEqual({
      scope: { include: ["shop", "web"] },
      notes: [
        expect.objectContaining({ what: "namespace payroll", reason: "policy.yaml:2 does not allow it" }),
        expect.objectContaining({ what: "namespaces secret-a, secret-b", reason: "policy.yaml:3 does not allow them" }),
      ],
    });
    expect(allowedScope(deny, { exclude: ["payroll"] }, ["payroll", "shop"])).toEqual({
      scope: { exclude: ["payroll"], include: ["shop"] },
      notes: [],
    });
    expect(allowedScope(deny, { include: ["shop"] }, [])).toEqual({ scope: { include: ["shop"] }, notes: [] });
  });

  it("knows the names when they are all written out", () => {
    expect(namedNamespaces(deny)).toBeUndefined();
    expect(namedNamespaces(allow)).toBeUndefined();
    expect(namedNamespaces(policy({ namespaces: { allow: words("a", "b"), deny: words("b") } }))).toEqual(["a"]);
  });

  it("must be allowed by every policy", () => {
    const both = [
      ...deny,
      { origin: "other.yaml", namespaces: { allow: words("payroll", "shop"), allowLine: 1, deny: [] } },
    ];
    expect(refusedNamespace(both, "payroll")).toContain("policy.yaml:2");
    expect(refusedNamespace(both, "web")).toContain("other.yaml:1");
    expect(refusedNamespace(both, "shop")).toBeUndefined();
  });
});

describe("kinds", () => {
  test.each([
    ["Secret", "/api/v1/secrets", true],
    ["secrets", "/api/v1/namespaces/a/secrets/b", true],
    ["SECRET", "/api/v1/secrets", true],
    ["cm", "/api/v1/configmaps", true],
    ["Ingress", "/apis/networking.k8s.io/v1/ingresses", true],
    ["NetworkPolicy", "/apis/networking.k8s.io/v1/networkpolicies", true],
    ["Event", "/api/v1/events", true],
    ["Event", "/apis/events.k8s.io/v1/events", true],
    ["Widget", "/apis/example.test/v1/widgets", true],
    ["widgets.example.test", "/apis/example.test/v1/widgets", true],
    ["widgets.other.test", "/apis/example.test/v1/widgets", false],
    ["*.example.test", "/apis/example.test/v1/widgets", true],
    ["pods/log", "/api/v1/namespaces/a/pods/b/log", true],
    ["pods/log", "/api/v1/pods", false],
    ["Pod", "/api/v1/namespaces/a/pods/b/log", true],
    ["Secret", "/api/v1/pods", false],
    ["*", "/api/v1/pods", true],
    ["*", "/version", false],
  ])("deny %s: %s %s", (word, path, isRefused) => {
    expect(refusedPath(policy({ kinds: { deny: words(word) } }), path) !== undefined).toBe(isRefused);
  });

  it("allows nothing but what is named", () => {
    const only = policy({ kinds: { allow: words("Pod"), allowLine: 7, deny: [] } });
    expect(refusedPath(only, "/api/v1/pods")).toBeUndefined();
    expect(refusedPath(only, "/apis/apps/v1/deployments")).toBe("policy.yaml:7 does not allow deployments.apps");
  });
});

it("keeps contexts closed", () => {
  const policies = policy({ contexts: { allow: words("develop-*"), allowLine: 4, deny: [] } });
  expect(() => checkContext(policies, "develop-1")).not.toThrow();
  expect(() => checkContext(policies, "production")).toThrow('policy.yaml:4 does not allow context "production"');
});
