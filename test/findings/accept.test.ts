import { describe, expect, test } from "vitest";
import { type AcceptRule, isDay, withoutAccepted } from "../../src/findings/accept.ts";
import type { Finding } from "../../src/findings/finding.ts";
import { namedRef, type ObjectRef } from "../../src/kube/object-ref.ts";
import { createSnapshot, type Snapshot } from "../../src/kube/snapshot.ts";

const takenAt = Date.parse("2026-11-21T12:00:00Z");

type Annotations = Readonly<Record<string, string>>;

const owned = (kind: string, uid: string) => [{ apiVersion: "apps/v1", kind, name: uid, uid, controller: true }];

function snapshot({
  pods = {},
  deployment = {},
}: {
  pods?: Readonly<Record<string, Annotations>>;
  deployment?: Annotations;
}): Snapshot {
  return createSnapshot({
    takenAt,
    cluster: { name: "test", source: "saved" },
    objects: {
      Pod: Object.entries(pods).map(([name, annotations]) => ({
        metadata: { name, namespace: "shop", uid: name, annotations, ownerReferences: owned("ReplicaSet", "cart-1") },
      })),
      ReplicaSet: [
        {
          metadata: { name: "cart-1", namespace: "shop", uid: "cart-1", ownerReferences: owned("Deployment", "cart") },
        },
      ],
      Deployment: [{ metadata: { name: "cart", namespace: "shop", uid: "cart", annotations: deployment } }],
    },
    reads: [],
  });
}

function finding(rule: string, objects: readonly ObjectRef[], more: Partial<Finding> = {}): Finding {
  const [object = namedRef("Pod", "shop", "a")] = objects;
  return {
    id: rule,
    rule,
    analyzer: "Pod",
    severity: "critical",
    depth: 6,
    title: rule,
    object,
    objects,
    related: [],
    evidence: [],
    fix: "",
    source: "",
    commands: [],
    ...more,
  };
}

const a = namedRef("Pod", "shop", "a");
const b = namedRef("Pod", "shop", "b");
const cart = namedRef("Deployment", "shop", "cart");
const crash = finding("pod-crash", [a, b], { owner: cart });
const entry = (rule: string, object: string, expiry?: string): AcceptRule => ({
  rule,
  object,
  reason: "known",
  place: ".k8sgptignore:1",
  ...(expiry !== undefined && { expiry }),
});

describe("entries", () => {
  test.each([
    ["pod-crash", "Deployment/shop/cart", true],
    ["pod-*", "Deployment/*/cart", true],
    ["*", "*/shop/*", true],
    ["pod-crash", "Pod/shop/*", true],
    // One Pod of two: the other still fails.
    ["pod-crash", "Pod/shop/a", false],
    ["pod-cras", "Deployment/shop/cart", false],
    ["pod-crash", "Deployment/shop/car", false],
    ["pod-crash", "Deployment/*", false],
    ["pod-crash", "Deployment/shop/c.rt", false],
  ])("%s on %s", (rule, object, isAccepted) => {
    const { findings, accepted, warnings } = withoutAccepted(
      snapshot({ pods: { a: {}, b: {} } }),
      [crash],
      [entry(rule, object)],
    );
    expect([accepted.length, findings.length]).toEqual(isAccepted ? [1, 0] : [0, 1]);
    expect(warnings).toEqual([]);
    expect(accepted).toEqual(
      isAccepted ? [{ finding: crash, reason: "known", by: ".k8sgptignore:1", source: "file" }] : [],
    );
  });

  test("hold through their last day, then warn, also while another entry does not match", () => {
    const at = (expiry: string) =>
      withoutAccepted(
        snapshot({}),
        [crash],
        [entry("pod-crash", "Deployment/shop/cart", expiry), entry("x", "Node/x")],
      );
    expect(at("2026-11-21")).toMatchObject({ findings: [], accepted: [{ expiry: "2026-11-21" }], warnings: [] });
    expect(at("2026-11-20")).toMatchObject({
      findings: [crash],
      accepted: [],
      warnings: [
        "[accepted] .k8sgptignore:1: pod-crash of Deployment/shop/cart is no longer accepted: that ended on 2026-11-20",
      ],
    });
  });

  test("an entry that holds wins over one that has ended", () => {
    const rules = [
      entry("pod-crash", "Deployment/shop/cart", "2020-01-01"),
      entry("pod-crash", "Deployment/shop/cart"),
    ];
    expect(withoutAccepted(snapshot({}), [crash], rules)).toMatchObject({ findings: [], warnings: [] });
  });
});

describe("annotations", () => {
  const ignore = {
    "k8sgpt.ai/ignore": "other, pod-crash",
    "k8sgpt.ai/ignore-reason": "load test",
    "k8sgpt.ai/ignore-until": "2026-12-01",
  };

  test("on the owner, for all its Pods", () => {
    const { accepted } = withoutAccepted(snapshot({ pods: { a: {}, b: {} }, deployment: ignore }), [crash], []);
    expect(accepted).toEqual([
      {
        finding: crash,
        reason: "load test",
        by: "Deployment/shop/cart (annotation)",
        source: "annotation",
        expiry: "2026-12-01",
      },
    ]);
  });

  test("on one Pod of two is not enough", () => {
    expect(withoutAccepted(snapshot({ pods: { a: ignore, b: {} } }), [crash], []).findings).toEqual([crash]);
    expect(withoutAccepted(snapshot({ pods: { a: ignore, b: ignore } }), [crash], []).findings).toEqual([]);
  });

  test("of another rule says nothing", () => {
    const other = { "k8sgpt.ai/ignore": "pod-crash-loop" };
    expect(withoutAccepted(snapshot({ pods: { a: {} }, deployment: other }), [crash], []).findings).toEqual([crash]);
  });

  test("a missing object has none: whoever needs it decides", () => {
    const missing = finding("configmap-missing", [namedRef("ConfigMap", "shop", "settings")], { related: [cart] });
    const deployment = { "k8sgpt.ai/ignore": "configmap-missing" };
    expect(withoutAccepted(snapshot({ deployment }), [missing], []).accepted).toHaveLength(1);
    expect(withoutAccepted(snapshot({}), [missing], []).findings).toEqual([missing]);
  });

  test.each([
    ["2026-11-20", "is no longer accepted: that ended on 2026-11-20"],
    ["soon", 'is not accepted: "soon" is not a day like 2026-12-31'],
  ])("until %s", (until, expected) => {
    const deployment = { ...ignore, "k8sgpt.ai/ignore-until": until };
    const { findings, warnings } = withoutAccepted(snapshot({ pods: { a: {}, b: {} }, deployment }), [crash], []);
    expect(findings).toEqual([crash]);
    expect(warnings).toEqual([
      `[accepted] Deployment/shop/cart (annotation): pod-crash of Deployment/shop/cart ${expected}`,
    ]);
  });
});

test.each([
  ["2026-12-31", true],
  ["2026-02-31", false],
  ["2026-1-1", false],
  ["31.12.2026", false],
  ["", false],
])("isDay(%j)", (text, expected) => {
  expect(isDay(text)).toBe(expected);
});
