/** Two clusters compared: what differs, what is the same, and what nobody can know. */
import { load } from "js-yaml";
import { describe, expect, test } from "vitest";
import { comparedKinds, compareClusters, type Comparison, type Section, type Side } from "../../src/kube/compare.ts";
import type { KindName } from "../../src/kube/kinds.ts";
import { keyOf } from "../../src/kube/object-ref.ts";
import { createSnapshot, type KindRead, type SnapshotInput } from "../../src/kube/snapshot.ts";
import { renderComparison, renderComparisonJson } from "../../src/report/compare-text.ts";
import { plain } from "../../src/report/text.ts";

type Manifest = { readonly kind: KindName };

/** A cluster that holds just this, read whole but for `lost`. */
function side(
  name: string,
  manifests: readonly string[],
  given: {
    readonly lost?: readonly KindRead[];
    readonly version?: string;
    readonly served?: Side["served"];
    readonly scope?: SnapshotInput["scope"];
  } = {},
): Side {
  const { lost = [], version = "v1.34.4", served = [] } = given;
  const objects = Object.groupBy(
    manifests.map((text) => load(text) as Manifest),
    ({ kind }) => kind,
  );
  const reads = comparedKinds
    .filter((kind) => !lost.some((read) => read.kind === kind))
    .map((kind): KindRead => ({ kind, state: "complete" }));
  return {
    name,
    served,
    snapshot: createSnapshot({
      takenAt: 0,
      cluster: { name, source: "live", serverVersion: version },
      objects: objects as SnapshotInput["objects"],
      reads: [...reads, ...lost],
      ...(given.scope !== undefined && { scope: given.scope }),
    }),
  };
}

/** A role that the API server keeps. */
function own(verb: string): string {
  return `{ kind: ClusterRole, metadata: { name: view, labels: { kubernetes.io/bootstrapping: rbac-defaults } }, rules: [{ apiGroups: [""], resources: [pods], verbs: [${verb}] }] }`;
}

function roles(one: Side, two: Side): Section | undefined {
  return compareClusters(one, two).sections.find(({ name }) => name === "roles");
}

/** `Deployment/shop/cart image of cart: 1 | 2`. */
function told(comparison: Comparison, name: Section["name"]): readonly string[] {
  return (comparison.sections.find((section) => section.name === name)?.differences ?? []).map(
    ({ subject, field, values: [left = "-", right = "-"] }) =>
      `${typeof subject === "string" ? subject : keyOf(subject)}${field === undefined ? "" : ` ${field}`}: ${left} | ${right}`,
  );
}

const shop = "{ kind: Namespace, metadata: { name: shop } }";
const node = (name: string, kubelet: string): string =>
  `{ kind: Node, metadata: { name: ${name} }, status: { nodeInfo: { kubeletVersion: ${kubelet}, architecture: amd64 } } }`;
const cart = (image: string, more = "", kind = "Deployment"): string =>
  `{ kind: ${kind}, metadata: { name: cart, namespace: shop }, spec: { ${more} template: { spec: { containers: [{ name: web, image: "${image}" }] } } } }`;

const widget = (version: string) => ({ group: "example.test", version, kind: "Widget" });
const crd = (version: string): string =>
  `{ kind: CustomResourceDefinition, metadata: { name: widgets.example.test }, spec: { group: example.test, names: { kind: Widget }, versions: [{ name: ${version}, served: true }, { name: v0, served: false }] } }`;
const scaler = (most: number): string =>
  `{ kind: HorizontalPodAutoscaler, metadata: { name: x, namespace: shop }, spec: { minReplicas: 2, maxReplicas: ${most}, scaleTargetRef: { kind: Deployment, name: cart } } }`;
const role = (rules: string): string => `{ kind: ClusterRole, metadata: { name: deployer }, rules: [${rules}] }`;
const binding = (who: string, kind = "ClusterRoleBinding", place = ""): string =>
  `{ kind: ${kind}, metadata: { name: x${who}, ${place} }, roleRef: { kind: ClusterRole, name: deployer }, subjects: [{ kind: User, name: ${who} }] }`;

describe("versions", () => {
  test("of the server and of the nodes, by how many have them", () => {
    const left = side("prod", [node("a", "v1.34.4"), node("b", "v1.34.4"), node("c", "v1.33.1")]);
    const right = side("stage", [node("a", "v1.33.1")], { version: "v1.33.1" });
    expect(told(compareClusters(left, right), "versions")).toEqual([
      "API server: v1.34.4 | v1.33.1",
      "kubelet: v1.34.4 on 2, v1.33.1 on 1 | v1.33.1",
    ]);
  });

  test("more nodes of one version are no difference, and unread nodes are none either", () => {
    const left = side("prod", [node("a", "v1.34.4"), node("b", "v1.34.4")]);
    expect(told(compareClusters(left, side("stage", [node("c", "v1.34.4")])), "versions")).toEqual([]);
    const blind = side("stage", [], { lost: [{ kind: "Node", state: "unread", reason: "forbidden" }] });
    const comparison = compareClusters(left, blind);
    expect(told(comparison, "versions")).toEqual([]);
    expect(comparison.notCompared).toEqual([{ what: "Node", of: ["stage"], reason: "forbidden" }]);
  });
});

describe("kinds", () => {
  test("that one of them serves, or serves in another version", () => {
    const left = side("prod", [], { served: [widget("v1"), { group: "", version: "v1", kind: "Pod" }] });
    const right = side("stage", [], {
      served: [
        widget("v2"),
        { group: "", version: "v1", kind: "Pod" },
        { group: "a.b", version: "v1", kind: "Gadget" },
      ],
    });
    expect(told(compareClusters(left, right), "kinds")).toEqual([
      "Gadget (a.b): - | v1",
      "Widget (example.test): v1 | v2",
    ]);
  });

  test("that both define themselves, where one is saved", () => {
    const left = side("prod", [crd("v1")], { served: [widget("v1"), { group: "", version: "v1", kind: "Pod" }] });
    const { served: _, ...saved } = side("old.tar.gz", [crd("v2")]);
    const comparison = compareClusters(left, { ...saved, served: undefined, servedReason: "it is saved" });
    expect(told(comparison, "kinds")).toEqual(["Widget (example.test): v1 | v2"]);
    expect(comparison.notCompared).toEqual([
      { what: "kinds that the server serves itself", of: ["old.tar.gz"], reason: "it is saved" },
    ]);
  });
});

describe("workloads", () => {
  test("by image tag and replicas", () => {
    const left = side("prod", [shop, cart("registry.example:5000/cart:1.4.2", "replicas: 5,")]);
    const right = side("stage", [shop, cart("registry.example:5000/cart:1.5.0")]);
    expect(told(compareClusters(left, right), "workloads")).toEqual([
      "Deployment/shop/cart image of web: 1.4.2 | 1.5.0",
      "Deployment/shop/cart replicas: 5 | 1",
    ]);
  });

  test.each([
    ["nginx", "nginx:latest", []],
    ["a/cart:1", "b/cart:1", ["Deployment/shop/cart image of web: a/cart:1 | b/cart:1"]],
    [
      `cart:1@sha256:${"a".repeat(64)}`,
      `cart:1@sha256:${"b".repeat(64)}`,
      [`Deployment/shop/cart image of web: 1@sha256:${"a".repeat(12)} | 1@sha256:${"b".repeat(12)}`],
    ],
    // Digests that differ only where they are cut are still told.
    [
      `cart@sha256:${"a".repeat(63)}1`,
      `cart@sha256:${"a".repeat(63)}2`,
      [`Deployment/shop/cart image of web: cart@sha256:${"a".repeat(63)}1 | cart@sha256:${"a".repeat(63)}2`],
    ],
  ])("images %s and %s", (one, two, expected) => {
    expect(told(compareClusters(side("a", [shop, cart(one)]), side("b", [shop, cart(two)])), "workloads")).toEqual(
      expected,
    );
  });

  test("an autoscaled one by its bounds", () => {
    const left = side("prod", [shop, cart("a", "replicas: 7,"), scaler(10)]);
    expect(told(compareClusters(left, side("b", [shop, cart("a", "replicas: 3,"), scaler(10)])), "workloads")).toEqual(
      [],
    );
    expect(told(compareClusters(left, side("b", [shop, cart("a"), scaler(4)])), "workloads")).toEqual([
      "Deployment/shop/cart replicas: autoscaled 2 to 10 | autoscaled 2 to 4",
    ]);
    // Where autoscalers are not known, nobody can say that it has none.
    const blind = side("b", [shop, cart("a")], { lost: [{ kind: "HorizontalPodAutoscaler", state: "unread" }] });
    expect(told(compareClusters(left, blind), "workloads")).toEqual([]);
  });

  test("one that only one of them has; a namespace that is missing is told once", () => {
    const left = side("prod", [shop, cart("a"), cart("a", "", "StatefulSet")]);
    expect(told(compareClusters(left, side("b", [shop, cart("a")])), "workloads")).toEqual([
      "StatefulSet/shop/cart: exists | -",
    ]);
    expect(told(compareClusters(side("b", []), left), "workloads")).toEqual([
      "Namespace/shop workloads: - | Deployment cart, StatefulSet cart",
    ]);
  });

  test("one that is not in a list that is not whole is not missing", () => {
    const left = side("prod", [shop, cart("a")]);
    for (const state of ["unread", "partial"] as const) {
      const blind = side("b", [shop], { lost: [{ kind: "Deployment", state, reason: "why" }] });
      const comparison = compareClusters(left, blind);
      expect(told(comparison, "workloads")).toEqual([]);
      expect(comparison.notCompared).toMatchObject([{ what: "Deployment", of: ["b"] }]);
    }
    // Read in one namespace only: there it is known.
    const narrow = side("b", [shop], { lost: [{ kind: "Deployment", namespace: "shop", state: "complete" }] });
    expect(told(compareClusters(left, narrow), "workloads")).toEqual(["Deployment/shop/cart: exists | -"]);
  });
});

describe("roles", () => {
  test("by what they allow, in whatever words", () => {
    const left = side("prod", [
      role(
        '{ apiGroups: [""], resources: [pods], verbs: [list, get] }, { apiGroups: [apps], resources: [deployments], verbs: [get, delete] }, { nonResourceURLs: [/metrics], verbs: [get] }',
      ),
    ]);
    const right = side("stage", [
      role(
        '{ apiGroups: [""], resources: [pods], verbs: [get] }, { apiGroups: [""], resources: [pods], verbs: [list] }, { apiGroups: [apps], resources: [deployments], verbs: [get] }, { apiGroups: [""], resources: [secrets], resourceNames: [key], verbs: ["*", get] }',
      ),
    ]);
    expect(told(compareClusters(left, right), "roles")).toEqual([
      "ClusterRole/deployer /metrics: get | -",
      "ClusterRole/deployer deployments.apps: get, delete | get",
      'ClusterRole/deployer secrets "key": - | *',
    ]);
  });

  test("by who holds them, where bindings are known", () => {
    const left = side("prod", [role(""), binding("ann"), binding("bob", "RoleBinding", "namespace: shop")]);
    const right = side("stage", [role(""), binding("ann"), binding("eve")]);
    expect(told(compareClusters(left, right), "roles")).toEqual([
      "ClusterRole/deployer held by: User bob in shop | User eve",
    ]);
    const blind = side("stage", [role("")], { lost: [{ kind: "ClusterRoleBinding", state: "unread" }] });
    expect(told(compareClusters(left, blind), "roles")).toEqual([]);
  });

  test("those that the API server makes differ as its versions do", () => {
    expect(roles(side("a", [own("get")]), side("b", [own("list")], { version: "v1.33.0" }))).toEqual({
      name: "roles",
      differences: [],
      same: 0,
      notes: ["One role that the API server makes itself differs as its versions do"],
    });
    // Of one version somebody changed it.
    expect(roles(side("a", [own("get")]), side("b", [own("list")]))?.differences).toHaveLength(1);
  });
});

describe("shown", () => {
  const left = side("prod", [shop, cart("registry.example/cart:1.4.2", "replicas: 5,"), node("a", "v1.34.4")]);
  const right = side("stage", [shop, cart("registry.example/cart:1.5.0"), node("a", "v1.34.4")], {
    version: "v1.33.1",
    lost: [{ kind: "Role", state: "unread", reason: 'forbidden for user "ci"', next: "kubectl auth can-i list roles" }],
  });

  test("as text", () => {
    const comparison = compareClusters(left, right);
    const text = renderComparison(comparison, { width: 80, palette: plain, unicode: true });
    expect(text).toBe(`prod   v1.34.4 · live
stage  v1.33.1 · live
3 differences; the same: 2 versions

Versions      prod     stage
  API server  v1.34.4  v1.33.1

Workloads         prod   stage
  Deployment shop/cart
    image of web  1.4.2  1.5.0
    replicas      5      1

Not compared
  • Role of stage: forbidden for user "ci"
    next: kubectl auth can-i list roles
`);
    for (const width of [30, 40, 60]) {
      const lines = renderComparison(comparison, { width, palette: plain, unicode: true }).split("\n");
      expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(width);
    }
  });

  test("nothing differs", () => {
    const same = compareClusters(left, { ...left, name: "copy" });
    expect(renderComparison(same, { width: 80, palette: plain, unicode: true }).split("\n")[2]).toBe(
      "No differences in what was compared; the same: 3 versions, 1 workload",
    );
    expect(JSON.parse(renderComparisonJson(same))).toMatchObject({ same: true, notCompared: [] });
  });

  test("as JSON", () => {
    const value = JSON.parse(renderComparisonJson(compareClusters(left, right)));
    expect(value).toMatchObject({
      schemaVersion: 1,
      same: false,
      clusters: [{ name: "prod" }, { name: "stage" }],
      versions: { same: 2, differences: [{ subject: "API server", left: "v1.34.4", right: "v1.33.1" }] },
      workloads: {
        differences: [
          { subject: { kind: "Deployment", namespace: "shop", name: "cart" }, field: "image of web", left: "1.4.2" },
          { field: "replicas", left: "5", right: "1" },
        ],
      },
      notCompared: [{ what: "Role", of: ["stage"] }],
    });
  });
});
