import type { KindName, KubeObject } from "../../kube/kinds.ts";

/** What a list says of itself, beside its items. */
export interface ListHead {
  /** Where the next page goes on; absent on the last one. */
  readonly continueToken?: string;
  readonly resourceVersion?: string;
}

/**
 * Reads the body of one list, in one encoding. Every codec gives the same objects for the same cluster: what
 * `keepObject` makes of the server's JSON.
 */
export interface ListCodec {
  /** The media type to ask for, without parameters: `application/json`. */
  readonly accept: string;
  /**
   * Tells `onItem` every object of the list, in order. `body` is uncompressed. An object without a name is left out.
   *
   * @param onHead Told as soon as the list's own metadata is known, which may be long before the last item: the next
   *   page can be asked for then. A codec that knows it only at the end leaves it alone.
   * @throws Error when the body is not one whole list. Items told before that are true, but not all.
   */
  decode<K extends KindName>(
    body: AsyncIterable<Uint8Array>,
    kind: K,
    onItem: (object: KubeObject<K>) => void,
    onHead?: (head: ListHead) => void,
  ): Promise<ListHead>;
}
