import { describe, expect, test } from "vitest";
import { keepObject } from "../../src/kube/keep.ts";
import type { KubeObject } from "../../src/kube/kinds.ts";
import { isFor, isInBlock, type PeerSide, portOf, verdictOf } from "../../src/kube/network-policy.ts";

function policy(spec: object, namespace = "shop"): KubeObject<"NetworkPolicy"> {
  const kept = keepObject("NetworkPolicy", { metadata: { name: "policy", namespace }, spec });
  if (kept === undefined) throw new Error("not a policy");
  return kept;
}

const frontend: PeerSide = {
  namespace: "shop",
  namespaceLabels: { team: "shop" },
  labels: { app: "frontend" },
  addresses: ["10.1.0.7"],
};
const controller: PeerSide = {
  namespace: "ingress-nginx",
  namespaceLabels: { purpose: "ingress" },
  labels: { app: "nginx" },
  addresses: ["10.1.9.9"],
};
/** The controller, of whose namespace no labels were read. */
const unread: PeerSide = { namespace: "ingress-nginx", labels: { app: "nginx" }, addresses: ["10.1.9.9"] };
const http = { protocol: "TCP", port: 8080, names: ["http"] };

/** The verdict of one ingress rule, or of one peer and port in it. */
function ingress(peer: PeerSide, rule: object, port = http): string {
  return verdictOf([policy({ podSelector: {}, ingress: [rule] })], "Ingress", peer, port);
}

describe("which direction a policy is for", () => {
  test("policyTypes decide, as far as they are there", () => {
    expect(isFor(policy({ podSelector: {}, policyTypes: ["Egress"] }), "Ingress")).toBe(false);
    expect(isFor(policy({ podSelector: {}, policyTypes: ["Egress"] }), "Egress")).toBe(true);
  });
  test("without them it is for Ingress, and for Egress where it has such rules", () => {
    expect(isFor(policy({ podSelector: {} }), "Ingress")).toBe(true);
    expect(isFor(policy({ podSelector: {} }), "Egress")).toBe(false);
    expect(isFor(policy({ podSelector: {}, egress: [{}] }), "Egress")).toBe(true);
  });
});

describe("union", () => {
  const deny = policy({ podSelector: {}, policyTypes: ["Ingress"] });
  test("no policy allows all, an empty policy nothing, one that allows is enough", () => {
    expect(verdictOf([], "Ingress", frontend, http)).toBe("allowed");
    expect(verdictOf([deny], "Ingress", frontend, http)).toBe("denied");
    expect(verdictOf([deny, policy({ podSelector: {}, ingress: [{}] })], "Ingress", frontend, http)).toBe("allowed");
  });
  test("a rule that cannot be judged leaves it open, unless another one allows", () => {
    const open = policy({
      podSelector: {},
      ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: "x" } } }] }],
    });
    expect(verdictOf([deny, open], "Ingress", unread, http)).toBe("unknown");
    expect(verdictOf([open, policy({ podSelector: {}, ingress: [{}] })], "Ingress", unread, http)).toBe("allowed");
  });
});

describe("peers", () => {
  test.each([
    [
      "a Pod selector alone means the namespace of the policy",
      frontend,
      { podSelector: { matchLabels: { app: "frontend" } } },
      "allowed",
    ],
    ["and not another one", controller, { podSelector: { matchLabels: { app: "nginx" } } }, "denied"],
    ["an empty Pod selector is every Pod of the namespace", frontend, { podSelector: {} }, "allowed"],
    [
      "a namespace selector alone is every Pod there",
      controller,
      { namespaceSelector: { matchLabels: { purpose: "ingress" } } },
      "allowed",
    ],
    ["an empty namespace selector is every namespace", controller, { namespaceSelector: {} }, "allowed"],
    [
      "both in one entry must hold",
      controller,
      { namespaceSelector: { matchLabels: { purpose: "ingress" } }, podSelector: { matchLabels: { app: "traefik" } } },
      "denied",
    ],
    [
      "the name label of a namespace is known without reading it",
      unread,
      { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "ingress-nginx" } } },
      "allowed",
    ],
    ["a peer without selectors allows nothing", frontend, {}, "denied"],
    ["a block that holds the address", controller, { ipBlock: { cidr: "10.1.0.0/16" } }, "allowed"],
    ["a block that leaves it out", controller, { ipBlock: { cidr: "10.1.0.0/16", except: ["10.1.9.0/24"] } }, "denied"],
    ["a block, and no known address", { ...controller, addresses: [] }, { ipBlock: { cidr: "0.0.0.0/0" } }, "unknown"],
  ])("%s", (_name, side, peer, expected) => {
    expect(ingress(side, { from: [peer] })).toBe(expected);
  });
});

describe("ports", () => {
  test.each([
    ["a number", { port: 8080 }, "allowed"],
    ["another number", { port: 80 }, "denied"],
    ["TCP is meant where no protocol stands", { port: 8080, protocol: "UDP" }, "denied"],
    ["a protocol without a port is all of its ports", { protocol: "TCP" }, "allowed"],
    ["a range", { port: 8000, endPort: 9000 }, "allowed"],
    ["a range that ends before", { port: 8000, endPort: 8079 }, "denied"],
    ["a name that the Pod declares", { port: "http" }, "allowed"],
    ["a name that it does not", { port: "metrics" }, "denied"],
  ])("%s", (_name, port, expected) => {
    expect(ingress(frontend, { ports: [port] })).toBe(expected);
  });
  test("a name stays open while the Pod's ports are not known", () => {
    expect(
      verdictOf([policy({ podSelector: {}, egress: [{ ports: [{ port: "dns" }] }] })], "Egress", frontend, {
        protocol: "TCP",
        port: 53,
      }),
    ).toBe("unknown");
  });
  test("names come from containers and sidecars, by number and protocol", () => {
    const spec = {
      containers: [
        {
          name: "app",
          ports: [
            { name: "http", containerPort: 8080 },
            { name: "quic", containerPort: 8080, protocol: "UDP" },
          ],
        },
      ],
      initContainers: [{ name: "proxy", restartPolicy: "Always", ports: [{ name: "proxy", containerPort: 8080 }] }],
    };
    expect(portOf(spec, "TCP", 8080).names).toEqual(["http", "proxy"]);
  });
});

test.each([
  ["10.0.0.1", "10.0.0.0/8", true],
  ["11.0.0.1", "10.0.0.0/8", false],
  ["10.0.0.1", "0.0.0.0/0", true],
  ["10.0.0.1", "10.0.0.1/32", true],
  ["fd00::1", "fd00::/8", true],
  ["fe80::1", "fd00::/8", false],
  ["::ffff:10.0.0.1", "::ffff:10.0.0.0/104", true],
  ["fd00::1", "0.0.0.0/0", false],
  ["10.0.0.1", "10.0.0.0", false],
  ["10.0.0.256", "10.0.0.0/8", false],
  ["nonsense", "::/0", false],
  ["1::2::3", "::/0", false],
  ["10.0.0.1", "10.0.0.0/33", false],
])("%s in %s: %s", (address, cidr, expected) => {
  expect(isInBlock(address, cidr)).toBe(expected);
});
