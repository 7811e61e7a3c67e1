/** What clients are offered while somebody types an argument of a prompt or a template. */
import { expect, test } from "vitest";
import { connect, contextOf, liveSource, type Manifest, resource } from "./source.ts";

const resources = [
  { ...resource("Pod", "pods"), shortNames: ["po"] },
  resource("Deployment", "deployments", "apps"),
  resource("Namespace", "namespaces", "", false),
  resource("Boat", "boats", "sea.example"),
];

function object(kind: string, name: string, namespace?: string, apiVersion = "v1"): Manifest {
  return { apiVersion, kind, metadata: { name, ...(namespace !== undefined && { namespace }) } };
}

const manifests = [
  object("Namespace", "shop"),
  object("Namespace", "shipping"),
  object("Namespace", "vault"),
  object("Pod", "web-1", "shop"),
  object("Pod", "web-2", "shop"),
  object("Pod", "worker", "shop"),
  object("Pod", "web-9", "vault"),
  object("Deployment", "web", "shop", "apps/v1"),
];

const prompt = (name: string) => ({ type: "ref/prompt" as const, name });
const template = (uri: string) => ({ type: "ref/resource" as const, uri });

test.each([
  ["namespaces", prompt("troubleshoot-pod"), "namespace", "sh", {}, ["shipping", "shop"]],
  [
    "Pods of the namespace that was given",
    prompt("troubleshoot-pod"),
    "podName",
    "web",
    { namespace: "shop" },
    ["web-1", "web-2"],
  ],
  ["Deployments", prompt("troubleshoot-deployment"), "deploymentName", "", { namespace: "shop" }, ["web"]],
  [
    "kinds",
    template("k8s://objects/{resourceType}/{namespace}/{name}"),
    "resourceType",
    "BO",
    {},
    ["boats.sea.example"],
  ],
  [
    "names of the kind that was given",
    template("k8s://objects/{resourceType}/{namespace}/{name}"),
    "name",
    "w",
    { resourceType: "po", namespace: "shop" },
    ["web-1", "web-2", "worker"],
  ],
  ["nothing in a namespace that is not open", prompt("troubleshoot-pod"), "podName", "web", { namespace: "vault" }, []],
  [
    "nothing of an unknown kind",
    template("k8s://objects/{resourceType}/{name}"),
    "name",
    "",
    { resourceType: "x" },
    [],
  ],
])("%s", async (_, ref, name, value, given, expected) => {
  const policy = { denyTools: [], scope: { exclude: ["vault"] }, denyKinds: [] };
  const { client, close } = await connect(contextOf(liveSource(manifests, resources).source, { policy }));
  const { completion } = await client.complete({ ref, argument: { name, value }, context: { arguments: given } });
  expect(completion.values.toSorted()).toEqual(expected);
  await close();
});

test("at most a hundred, and the answer says that there are more", async () => {
  const many = Array.from({ length: 1500 }, (_, index) =>
    object("Pod", `web-${String(index).padStart(4, "0")}`, "shop"),
  );
  const { client, close } = await connect(contextOf(liveSource([...manifests, ...many], resources).source));
  const { completion } = await client.complete({
    ref: prompt("troubleshoot-pod"),
    argument: { name: "podName", value: "web-14" },
    context: { arguments: { namespace: "shop" } },
  });
  expect(completion.values).toHaveLength(100);
  expect(completion).toMatchObject({ hasMore: false, total: 100 });
  const all = await client.complete({
    ref: prompt("troubleshoot-pod"),
    argument: { name: "podName", value: "web" },
    context: { arguments: { namespace: "shop" } },
  });
  expect(all.completion).toMatchObject({ hasMore: true, total: 1502 });
  expect(all.completion.values).toHaveLength(100);
  await close();
});
