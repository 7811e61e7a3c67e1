import { readFileSync } from "node:fs";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { gunzipSync } from "node:zlib";
import { assert as assertProperty, asyncProperty, nat, uniqueArray } from "fast-check";
import { describe, expect, it } from "vitest";
import { protobufCodec, protobufKinds } from "../../../src/cluster/codec/protobuf.ts";
import { Fault } from "../../../src/fault.ts";
import { keepObject } from "../../../src/kube/keep.ts";
import type { KindName, KubeObject } from "../../../src/kube/kinds.ts";
import { answer, field, listOf, message, pieces, varint } from "./protobuf-encode.ts";
import { builtInKinds } from "./built-in.ts";

/** The answers of a real server for the objects of fixtures/rich.yaml, in both encodings. */
const recorded: readonly { readonly kind: KindName; readonly protobuf: string; readonly json: { items: object[] } }[] =
  gunzipSync(readFileSync(path.join(import.meta.dirname, "fixtures/recorded.jsonl.gz")))
    .toString("utf8")
    .split("\n")
    .map((line) => JSON.parse(line));

async function read<K extends KindName>(kind: K, body: Buffer, cuts?: readonly number[]): Promise<KubeObject<K>[]> {
  const items: KubeObject<K>[] = [];
  await protobufCodec.decode(pieces(body, cuts), kind, (item) => items.push(item));
  return items;
}

/** What the body of a list of this kind ends in, which must be a Fault. */
async function faultOf(body: Buffer, kind: KindName = "Pod"): Promise<string> {
  const error: unknown = await read(kind, body).then(
    () => "it was read",
    (reason: unknown) => reason,
  );
  if (!(error instanceof Fault)) throw new Error(`not a Fault: ${String(error)}`, { cause: error });
  expect(error.next).toMatch(/^Try again/);
  return error.message;
}

function recordingOf(kind: KindName): Buffer {
  return Buffer.from(recorded.find((record) => record.kind === kind)?.protobuf ?? "", "base64");
}

const earlyEnd =
  /^Cannot read the list of \S+: (?:it ends in the middle|a number is cut off|there is no list in it) \(at byte \d+\)$/;

describe("answers of a real server", () => {
  it("are recorded for every kind", () => {
    expect(recorded.map(({ kind }) => kind)).toEqual(builtInKinds);
    expect([...protobufKinds]).toEqual(builtInKinds);
  });

  it.each(recorded)("read as the JSON does: $kind", async ({ kind, protobuf, json }) => {
    const items = await read(kind, Buffer.from(protobuf, "base64"));
    const expected = json.items.map((item) => keepObject(kind, item));
    expect(items).toStrictEqual(expected);
    expect(JSON.stringify(items)).toBe(JSON.stringify(expected));
  });

  it("read the same in pieces of one byte", async () => {
    for (const { kind, protobuf } of recorded) {
      const body = Buffer.from(protobuf, "base64");
      const cuts = Array.from(body, (_, index) => index);
      expect(await read(kind, body, cuts)).toStrictEqual(await read(kind, body));
    }
  });

  it("read the same however they are cut", async () => {
    const body = recordingOf("Pod");
    const whole = await read("Pod", body);
    const cuts = uniqueArray(nat(body.length), { maxLength: 40 });
    await assertProperty(
      asyncProperty(cuts, async (places) => {
        const rising = places.toSorted((a, b) => a - b);
        expect(await read("Pod", body, rising)).toStrictEqual(whole);
      }),
    );
  });

  it("are not taken for whole when they end early", async () => {
    for (const kind of ["Pod", "Lease", "ConfigMap"] as const) {
      const body = recordingOf(kind);
      // The server ends with two empty fields of two bytes: the list is whole before them, and between them.
      for (let length = 0; length < body.length - 4; length += length < 200 ? 1 : 13) {
        expect(await faultOf(body.subarray(0, length), kind)).toMatch(earlyEnd);
      }
      expect(await read(kind, body.subarray(0, -4))).toStrictEqual(await read(kind, body));
      expect(await faultOf(body.subarray(0, -3), kind)).toContain("cut off");
    }
  });

  it("end in a Fault or are read whole when a byte is changed", async () => {
    const body = recordingOf("Lease");
    const count = (await read("Lease", body)).length;
    const outcomes = new Set<unknown>();
    for (let index = 0; index < body.length; index++) {
      for (const bits of [0x01, 0x02, 0x08, 0x10, 0x80, 0xff]) {
        const changed = Buffer.from(body);
        changed[index] = (body[index] ?? 0) ^ bits;
        const outcome = read("Lease", changed).then(
          (items) => items.length,
          (error: unknown) => (error instanceof Fault ? "Fault" : error),
        );
        outcomes.add(await outcome);
      }
    }
    // An object whose name was lost is left out; the list itself never loses one.
    expect(outcomes).toEqual(new Set([count - 1, count, "Fault"]));
  });
});

/** An object that has only a name. */
function named(name: string): Buffer {
  return field(1, [field(1, name)]);
}

function label(key: string, value = ""): Buffer {
  return field(11, [field(1, key), field(2, value)]);
}

/** A ConfigMap of which one manager is recorded. */
function managed(fieldsV1: string): Buffer {
  return field(1, [field(1, "a"), field(17, [field(7, [field(1, fieldsV1)])])]);
}

/** Reads one object from a JSON that is encoded here, and expects of it what `keepObject` makes of the JSON. */
async function readBack(kind: KindName, apiVersion: string, messageName: string, object: object): Promise<unknown> {
  const body = listOf([message(messageName, object)], { apiVersion, kind: `${kind}List` });
  const [item] = await read(kind, body);
  expect(item).toStrictEqual(keepObject(kind, object));
  return item;
}

describe("an object", () => {
  it("keeps zero values that mean something and drops those that JSON leaves out", async () => {
    const claim = await readBack("PersistentVolumeClaim", "v1", "core.v1.PersistentVolumeClaim", {
      metadata: { name: "a" },
      spec: { storageClassName: "", resources: {} },
      status: {},
    });
    expect(claim).toStrictEqual({ metadata: { name: "a" }, spec: { storageClassName: "", resources: {} }, status: {} });

    const pod = field(2, [field(4, 0), field(6, ""), field(11, 0)]);
    const status = field(3, [field(1, ""), field(8, [field(1, "app"), field(4, 0), field(5, 0), field(9, 0)])]);
    expect(await read("Pod", listOf([Buffer.concat([named("a"), pod, status])]))).toStrictEqual([
      {
        metadata: { name: "a" },
        // A pointer in Go is kept when it was sent; `nodeName` and `hostNetwork` are none.
        spec: { terminationGracePeriodSeconds: 0 },
        status: {
          containerStatuses: [
            {
              name: "app",
              image: "",
              imageID: "",
              ready: false,
              started: false,
              restartCount: 0,
              state: {},
              lastState: {},
            },
          ],
        },
      },
    ]);
  });

  it("has the parts that JSON always shows, also when they were not sent", async () => {
    expect(await read("Pod", listOf([named("a")]))).toStrictEqual([{ metadata: { name: "a" }, spec: {}, status: {} }]);
    const port = field(2, [field(1, field(3, 80))]);
    const [service] = await read("Service", listOf([Buffer.concat([named("a"), port])], { kind: "ServiceList" }));
    expect(service?.spec?.ports).toStrictEqual([{ port: 80, targetPort: 0 }]);
  });

  it("leaves kubectl's copy of the manifest behind", async () => {
    const annotations = { "kubectl.kubernetes.io/last-applied-configuration": "{}" };
    await readBack("Namespace", "v1", "core.v1.Namespace", { metadata: { name: "a", annotations }, status: {} });
    const metadata = { name: "a", annotations: { ...annotations, note: "" }, labels: annotations };
    const kept = await readBack("Namespace", "v1", "core.v1.Namespace", { metadata, status: {} });
    expect(kept).toMatchObject({ metadata: { annotations: { note: "" }, labels: annotations } });
    // All that is kept of it is the number of replicas, as in JSON: `readBack` compares the two.
    const manifest = { kind: "Deployment", spec: { replicas: 3, template: { env: "canary" } } };
    const applied = { "kubectl.kubernetes.io/last-applied-configuration": JSON.stringify(manifest) };
    const set = await readBack("Namespace", "v1", "core.v1.Namespace", {
      metadata: { name: "a", annotations: applied },
      status: {},
    });
    expect(JSON.stringify(set)).toContain("replicas");
    expect(JSON.stringify(set)).not.toContain("canary");
    const entryBackwards = field(12, [field(2, "{}"), field(1, "kubectl.kubernetes.io/last-applied-configuration")]);
    const body = listOf([field(1, [field(1, "a"), entryBackwards])], { kind: "NamespaceList" });
    expect((await read("Namespace", body))[0]?.metadata?.annotations).toStrictEqual({});
  });

  it("reads numbers of any size, times to the microsecond and what is a number or text", async () => {
    for (const generation of [1, 127, 128, 2 ** 28, 2 ** 31, 2 ** 32, 2 ** 35 + 1, 2 ** 53 - 1, -1, -(2 ** 40)]) {
      const [item] = await read("Pod", listOf([field(1, [field(1, "a"), field(7, generation)])]));
      expect(item?.metadata?.generation).toBe(generation);
    }
    const [largest] = await read("Pod", listOf([field(1, [field(1, "a"), field(7, 2n ** 63n - 1n)])]));
    expect(largest?.metadata?.generation).toBe(JSON.parse("9223372036854775807"));

    const spec = {
      holderIdentity: "",
      renewTime: "1969-12-31T23:59:59.000001Z",
      acquireTime: "2026-01-02T03:04:05.999999Z",
    };
    await readBack("Lease", "coordination.k8s.io/v1", "coordination.v1.Lease", { metadata: { name: "a" }, spec });
    const unavailable = { minAvailable: "50%", maxUnavailable: -3, selector: {} };
    const status = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 };
    await readBack("PodDisruptionBudget", "policy/v1", "policy.v1.PodDisruptionBudget", {
      metadata: { name: "a", creationTimestamp: "0001-01-02T00:00:00Z", deletionTimestamp: "9999-12-31T23:59:59Z" },
      spec: unavailable,
      status,
    });
    const zeroTime = field(1, [field(1, "a"), field(8, ""), field(9, "")]);
    expect(
      await read("Lease", listOf([zeroTime], { apiVersion: "coordination.k8s.io/v1", kind: "LeaseList" })),
    ).toStrictEqual([{ metadata: { name: "a" }, spec: {} }]);
  });

  it("takes __proto__ for a key like any other", async () => {
    const [item] = await read("Pod", listOf([field(1, [field(1, "a"), label("__proto__", "x"), label("b", "y")])]));
    expect(Object.entries(item?.metadata?.labels ?? {})).toEqual([
      ["__proto__", "x"],
      ["b", "y"],
    ]);
  });

  it("passes by fields of newer servers, whatever their form", async () => {
    const newer = [
      field(900, 1),
      field(901, "text"),
      Buffer.concat([varint(902 * 8 + 1), Buffer.alloc(8)]),
      Buffer.concat([varint(903 * 8 + 5), Buffer.alloc(4)]),
    ];
    const metadata = field(1, [...newer, field(1, "a"), ...newer]);
    expect(await read("Secret", listOf([Buffer.concat([...newer, metadata])], partial))).toStrictEqual([
      { metadata: { name: "a" } },
    ]);
  });

  it("joins a list or a map whose parts stand apart, and does not change what others share", async () => {
    const apart = field(1, [label("a"), field(14, "a"), field(1, "x"), label("b"), field(14, "b")]);
    const together = field(1, [label("a"), field(14, "a"), field(1, "x")]);
    const items = await read("Secret", listOf([together, apart, together, apart], partial));
    const one = { metadata: { name: "x", labels: { a: "" }, finalizers: ["a"] } };
    const two = { metadata: { name: "x", labels: { a: "", b: "" }, finalizers: ["a", "b"] } };
    expect(items).toStrictEqual([one, two, one, two]);
  });

  it("is left out when it has no name", async () => {
    expect(await read("Pod", listOf([named("a"), field(2, ""), named("b")]))).toHaveLength(2);
  });

  it("names a ConfigMap's keys only where the server recorded them", async () => {
    const fields = '{"f:data":{".":{},"f:b":{},"f:a":{}},"f:binaryData":{"f:c":{}}}';
    expect(await read("ConfigMap", listOf([managed(fields), named("a")], partial))).toStrictEqual([
      { metadata: { name: "a" }, dataKeys: ["a", "b", "c"] },
      { metadata: { name: "a" } },
    ]);
    expect(await faultOf(listOf([managed("{")], partial), "ConfigMap")).toContain("a value that should be JSON is not");
  });

  it("reads each of many thousand different values for itself", async () => {
    // Far more values than the cache of shared ones has places, with lengths and ends that repeat.
    const names = Array.from({ length: 20_000 }, (_, index) => `${index % 7}name-${index}-${index % 3}`);
    const items = names.map((name, index) => ({
      metadata: {
        name,
        uid: `${index % 5000}`,
        labels: { app: name, tier: `${index % 100}` },
        finalizers: [`f${index % 50}`],
      },
    }));
    const body = listOf(
      items.map((item) => message("meta.v1.PartialObjectMetadata", item)),
      partial,
    );
    expect(await read("Secret", body)).toStrictEqual(items);
  });
});

const partial = { apiVersion: "meta.k8s.io/v1", kind: "PartialObjectMetadataList" };

describe("a list", () => {
  const type = field(1, [field(1, "v1"), field(2, "PodList")]);
  const pod = field(1, [field(1, "a")]);
  const item = field(2, pod);

  it("tells its head before its items", async () => {
    const body = listOf([field(1, [field(1, "a")])], { head: [field(2, "7"), field(3, "next")] });
    const told: string[] = [];
    const head = await protobufCodec.decode(
      pieces(body),
      "Pod",
      () => told.push("item"),
      ({ continueToken }) => told.push(`next page: ${continueToken}`),
    );
    expect(told).toEqual(["next page: next", "item"]);
    expect(head).toStrictEqual({ resourceVersion: "7", continueToken: "next" });
  });

  it("may be empty", async () => {
    expect(await read("Pod", listOf([]))).toEqual([]);
  });

  it.each<[string, Buffer, string]>([
    ["nothing", Buffer.alloc(0), "it ends in the middle (at byte 0)"],
    ["three bytes", Buffer.from("k8s"), "it ends in the middle"],
    ["JSON", Buffer.from('{"kind":"PodList"}'), "it is not Kubernetes' protobuf"],
    ["no list", answer([type]), "there is no list in it"],
    ["a list of another kind", listOf([], { kind: "SecretList" }), "it holds v1 SecretList instead of v1 PodList"],
    ["another version", listOf([], { apiVersion: "v2" }), "it holds v2 PodList instead of v1 PodList"],
    ["an error", listOf([], { kind: "Status" }), "it holds v1 Status instead of v1 PodList"],
    ["no type", answer([field(2, item)]), "it holds undefined undefined instead of v1 PodList"],
    ["two lists", answer([type, field(2, item), field(2, item)]), "it holds two lists"],
    ["a list encoded once more", listOf([], { rest: field(3, "gzip") }), "the list in it is encoded once more"],
    [
      "an item cut off",
      answer([type, field(2, Buffer.concat([item, item.subarray(0, 4)]))]),
      "longer than what it is part of",
    ],
    ["a list longer than the body", answer([type, varint(18), varint(999), item]), "it ends in the middle"],
    ["a list without end", answer([type, varint(18), varint(2n ** 62n), item]), "it ends in the middle"],
    ["a list of negative length", answer([type, varint(18), varint(-1)]), "it says that the list has -1 bytes"],
    [
      "an item of 100 MB",
      answer([type, varint(18), varint(2 ** 40), varint(18), varint(1e8)]),
      "it says that an object has 100000000 bytes",
    ],
    [
      "an unknown field in the list",
      answer([type, field(2, [item, field(3, "")])]),
      "neither its metadata nor an item",
    ],
    ["metadata after an item", answer([type, field(2, [item, field(1, "")])]), "neither its metadata nor an item"],
    ["a field without number", listOf([varint(2)]), "a field has no number"],
    [
      "a number that does not end",
      listOf([field(1, [varint(7 * 8), Buffer.alloc(10, 0xff)])]),
      "a number does not end",
    ],
    ["a group", listOf([field(1, [varint(1 * 8 + 3)])]), "field 1 has wire type 3"],
    ["an unknown group", listOf([field(1, [varint(99 * 8 + 3)])]), "field 99 has wire type 3"],
    ["text for a number", listOf([field(1, [field(7, "x")])]), "a number has wire type 2"],
    ["a number for text", listOf([field(1, [field(1, 7)])]), "field 1 has wire type 0"],
    ["a part longer than the object", listOf([Buffer.from([10, 99])]), "a value is longer than what it is part of"],
    ["a time without end", listOf([field(1, [field(8, [field(1, 2n ** 60n)])])]), "between the years 0 and 9999"],
  ])("ends in a Fault: %s", async (_, body, reason) => {
    const fault = await faultOf(body);
    expect(fault).toMatch(/^Cannot read the list of pods: /);
    expect(fault).toContain(reason);
  });

  it("lets go of the body when it stops early", async () => {
    let isOpen = true;
    const body = async function* (): AsyncGenerator<Buffer> {
      try {
        for (;;) yield Buffer.from("not protobuf");
      } finally {
        isOpen = false;
      }
    };
    await expect(protobufCodec.decode(body(), "Pod", () => undefined)).rejects.toThrow("not Kubernetes' protobuf");
    expect(isOpen).toBe(false);
  });

  it("passes on what goes wrong outside of it", async () => {
    const body = async function* (): AsyncGenerator<Buffer> {
      yield listOf([pod]).subarray(0, 20);
      throw new Error("connection reset");
    };
    await expect(protobufCodec.decode(body(), "Pod", () => undefined)).rejects.toThrow(/^connection reset$/);
    const failing = protobufCodec.decode(pieces(listOf([pod])), "Pod", () => {
      throw new Error("the caller's");
    });
    await expect(failing).rejects.toThrow(/^the caller's$/);
  });
});

/** One of 20 Pods of a Deployment: its names, addresses and times are its own, the rest is that of the Deployment. */
function podOf(pod: { metadata?: object; spec?: object; status?: object }, index: number): Buffer {
  const app = `app-${Math.floor(index / 20)}`;
  const id = index.toString(16).padStart(5, "0");
  const startTime = new Date(Date.UTC(2026, 0, 1) + index * 7000).toISOString();
  const spec: { containers?: object[]; volumes?: object[] } = { ...pod.spec };
  return message("core.v1.Pod", {
    metadata: { ...pod.metadata, name: `${app}-7f9c6d5b4-${id}`, uid: `${id}-2222-3333`, labels: { app, id: app } },
    spec: {
      ...spec,
      nodeName: `node-${index % 60}`,
      containers: spec.containers?.map((container) => ({
        ...container,
        image: `example.com/${app}:v1`,
        volumeMounts: [{ name: `kube-api-access-${id}`, mountPath: "/var/run/secrets", readOnly: true }],
      })),
      volumes: [...(spec.volumes ?? []), { name: `kube-api-access-${id}`, projected: { sources: [] } }],
    },
    status: { ...pod.status, podIP: `10.1.${index >> 8}.${index & 255}`, startTime },
  });
}

describe("memory", () => {
  it("keeps less than 5 KB of heap for a Pod", async () => {
    setFlagsFromString("--expose-gc");
    const collect: () => void = runInNewContext("gc");
    const [rich] = recorded.find(({ kind }) => kind === "Pod")?.json.items.slice(-1) ?? [];
    const count = 500;
    const body = listOf(Array.from({ length: count }, (_, index) => podOf({ ...rich }, index)));
    // The first reading also makes what is made once; it is held, so that the second is what is measured.
    const first = await read("Pod", body);
    collect();
    const before = process.memoryUsage().heapUsed;
    const pods = await read("Pod", body);
    collect();
    const perPod = (process.memoryUsage().heapUsed - before) / pods.length;
    // vitest's own comparison takes seconds for so many.
    expect(isDeepStrictEqual(pods, first)).toBe(true);
    expect(perPod).toBeGreaterThan(100);
    expect(perPod).toBeLessThan(5 * 1024);
  });
});
