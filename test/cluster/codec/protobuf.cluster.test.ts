/**
 * One API server, both encodings: every kind must read equal, whatever way its bytes took. The objects in
 * fixtures/rich.yaml hold most kept fields, filled and empty; statuses stay as given, since nothing controls them.
 * With RECORD=1 the answers are stored for the tests that run without a server.
 */
import { readFile, writeFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { get } from "node:https";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { loadAll } from "js-yaml";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { protobufCodec, protobufKinds } from "../../../src/cluster/codec/protobuf.ts";
import { keepObject } from "../../../src/kube/keep.ts";
import { type KindName, kindDefinition } from "../../../src/kube/kinds.ts";
import type { KubeObject } from "../../lab/client.ts";
import { type ControlPlane, startControlPlane } from "../../lab/control-plane.ts";
import { builtInKinds } from "./built-in.ts";

const fixtures = path.join(import.meta.dirname, "fixtures");
/** A line of fixtures/recorded.jsonl.gz per kind. */
const recorded: string[] = [];

let lab: ControlPlane;
let certificate: Awaited<ReturnType<ControlPlane["clientCertificate"]>>;

beforeAll(async () => {
  lab = await startControlPlane({ name: "codec", controllers: false });
  certificate = await lab.clientCertificate("codec", ["system:masters"]);
  const text = await readFile(path.join(fixtures, "rich.yaml"), "utf8");
  // JSON.parse of the manifests: what a YAML reader makes a Date of is text for the server.
  const objects: KubeObject[] = JSON.parse(JSON.stringify(loadAll(text)));
  const client = lab.client();
  await client.apply(objects);
  for (const object of objects) if (object["status"] !== undefined) await client.applyStatus(object);
});

afterAll(async () => {
  if (process.env["RECORD"] === "1") {
    await writeFile(path.join(fixtures, "recorded.jsonl.gz"), gzipSync(recorded.join("\n"), { level: 9 }));
  }
  await lab.stop();
});

/** The answer to a GET, as its bytes come. */
function answerOf(urlPath: string, accept: string): Promise<IncomingMessage> {
  const { cert, key } = certificate;
  return new Promise((resolve, reject) => {
    get(new URL(urlPath, lab.server), { ca: lab.ca, cert, key, headers: { accept } }, resolve).on("error", reject);
  });
}

function pathOf(kind: KindName): string {
  const { group, version, plural } = kindDefinition(kind);
  return `${group === "" ? "/api" : `/apis/${group}`}/${version}/${plural}`;
}

function acceptOf(kind: KindName, mediaType: string): string {
  const isWhole = kindDefinition(kind).read === "whole";
  return isWhole ? mediaType : `${mediaType};as=PartialObjectMetadataList;v=v1;g=meta.k8s.io`;
}

async function* chunksOf(chunks: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks;
}

describe("protobuf and JSON of one server", () => {
  it("knows every kind", () => {
    expect([...protobufKinds]).toEqual(builtInKinds);
  });

  it.each(builtInKinds)("reads %s equal", async (kind) => {
    const binary = await answerOf(pathOf(kind), acceptOf(kind, protobufCodec.accept));
    expect(binary.headers["content-type"]).toMatch(/^application\/vnd\.kubernetes\.protobuf/);
    const chunks: Buffer[] = await binary.toArray();
    const items: object[] = [];
    const head = await protobufCodec.decode(chunksOf(chunks), kind, (item) => items.push(item));

    const text = Buffer.concat(await (await answerOf(pathOf(kind), acceptOf(kind, "application/json"))).toArray());
    const list = JSON.parse(text.toString("utf8"));
    const expected = list.items.map((item: unknown) => keepObject(kind, item));

    recorded.push(JSON.stringify({ kind, protobuf: Buffer.concat(chunks).toString("base64"), json: list }));
    expect(expected).not.toHaveLength(0);
    expect(items).toStrictEqual(expected);
    // Also the order of keys, so that what is written of a snapshot does not depend on how it was read.
    expect(JSON.stringify(items)).toBe(JSON.stringify(expected));
    expect(head.resourceVersion).toMatch(/^\d+$/);
    expect(head.continueToken).toBeUndefined();
  });

  it("tells where the next page goes on before it tells the items", async () => {
    const binary = await answerOf(`${pathOf("Pod")}?limit=1`, protobufCodec.accept);
    const told: string[] = [];
    const head = await protobufCodec.decode(
      binary,
      "Pod",
      () => told.push("item"),
      ({ continueToken }) => told.push(continueToken ?? ""),
    );
    expect(told).toEqual([head.continueToken, "item"]);
    const rest = await answerOf(`${pathOf("Pod")}?limit=1&continue=${head.continueToken}`, protobufCodec.accept);
    const next: object[] = [];
    await protobufCodec.decode(rest, "Pod", (item) => next.push(item));
    expect(next).toMatchObject([{ metadata: { name: "rich" } }]);
  });

  it("names the keys of a ConfigMap, and no value of it or of a Secret is among the bytes", async () => {
    const seen: Buffer[] = [];
    for (const kind of ["ConfigMap", "Secret"] as const) {
      seen.push(...(await (await answerOf(pathOf(kind), acceptOf(kind, protobufCodec.accept))).toArray()));
    }
    expect(Buffer.concat(seen).includes("not-to-be-seen")).toBe(false);
    const items: { readonly metadata?: { readonly name?: string }; readonly dataKeys?: readonly string[] }[] = [];
    const answer = await answerOf(pathOf("ConfigMap"), acceptOf("ConfigMap", protobufCodec.accept));
    await protobufCodec.decode(answer, "ConfigMap", (item) => items.push(item));
    const rich = items.find(({ metadata }) => metadata?.name === "rich");
    expect(rich?.dataKeys).toEqual(["app.properties", "blob", "empty", "f.odd-1_X"]);
  });
});
