import { describe, expect, it } from "vitest";
import type { ListHead } from "../../../src/cluster/codec/codec.ts";
import { jsonCodec } from "../../../src/cluster/codec/json.ts";
import type { KindName } from "../../../src/kube/kinds.ts";

async function decode(text: string, kind: KindName = "Pod", chunkBytes = 7) {
  const items: unknown[] = [];
  const heads: ListHead[] = [];
  let bytesAtHead = Number.NaN;
  let sent = 0;
  const content = Buffer.from(text);
  async function* body(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < content.length; at += chunkBytes) {
      sent = at + chunkBytes;
      yield content.subarray(at, at + chunkBytes);
    }
  }
  const head = await jsonCodec.decode(
    body(),
    kind,
    (item) => items.push(item),
    (early) => {
      heads.push(early);
      bytesAtHead = sent;
    },
  );
  return { items, heads, head, bytesAtHead };
}

describe("lists in JSON", () => {
  const text =
    '{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"7","continue":"abc"},"items":[{"metadata":{"name":"ä"}},{"metadata":{"name":"b"}}]}';

  it("are read whole, however they are cut into chunks", async () => {
    for (const size of [1, 2, 13, 1000]) {
      const { items, head } = await decode(text, "Pod", size);
      expect(items).toEqual([{ metadata: { name: "ä" } }, { metadata: { name: "b" } }]);
      expect(head).toEqual({ continueToken: "abc", resourceVersion: "7" });
    }
  });

  it("tell their head before their items are here, and once", async () => {
    const { heads, bytesAtHead } = await decode(text);
    expect(heads).toEqual([{ continueToken: "abc", resourceVersion: "7" }]);
    expect(bytesAtHead).toBeLessThan(text.indexOf("items") + 16);
  });

  it("tell it at the end when it stands there", async () => {
    const { heads, head } = await decode('{"items":[],"metadata":{"continue":"x"}}');
    expect(heads).toEqual([]);
    expect(head).toEqual({ continueToken: "x" });
  });

  it("may be empty", async () => {
    for (const items of ["null", "[]"]) expect((await decode(`{"metadata":{},"items":${items}}`)).items).toEqual([]);
  });

  it("leave out what has no name", async () => {
    const { items } = await decode(
      '{"metadata":{},"items":[null,1,{},{"metadata":null},{"metadata":{"name":"a"},"status":null}]}',
    );
    expect(items).toEqual([{ metadata: { name: "a" } }]);
  });

  it("are no lists when they are something else", async () => {
    await expect(decode(text.slice(0, -9))).rejects.toThrow("the list was cut short");
    await expect(decode("<html>")).rejects.toThrow("the answer is not JSON");
    await expect(decode("[]")).rejects.toThrow("the answer is not a list");
    await expect(decode('{"kind":"Status"}')).rejects.toThrow("the answer is not a list");
    await expect(decode("")).rejects.toThrow("the answer is not JSON");
  });

  it("hold no values of Secrets", async () => {
    await expect(decode('{"kind":"SecretList","metadata":{},"items":[]}', "Secret")).rejects.toThrow("whole objects");
    const list = '{"kind":"PartialObjectMetadataList","metadata":{},"items":[{"metadata":{"name":"a"}}]}';
    expect((await decode(list, "Secret")).items).toEqual([{ metadata: { name: "a" } }]);
  });
});
