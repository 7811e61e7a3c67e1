/** Names one Kubernetes object, present or missing. */
export interface ObjectRef {
  /** The kind as the API spells it, `PersistentVolumeClaim`. */
  readonly kind: string;
  /** Absent for cluster-scoped objects. */
  readonly namespace?: string;
  readonly name: string;
  readonly uid?: string;
}

interface Named {
  readonly metadata?: { readonly name?: string; readonly namespace?: string; readonly uid?: string };
}

/** The reference to `object`, whose kind a list item does not carry. */
export function refOf(kind: string, object: Named): ObjectRef {
  const { name = "", namespace, uid } = object.metadata ?? {};
  if (uid === undefined) return namedRef(kind, namespace, name);
  // Written out: to spread what may be absent takes ten times as long, and rules name every object that they look at.
  return namespace === undefined || namespace === "" ? { kind, name, uid } : { kind, namespace, name, uid };
}

/** The reference to an object of which only kind, namespace and name are known. */
export function namedRef(kind: string, namespace: string | undefined, name: string): ObjectRef {
  return namespace === undefined || namespace === "" ? { kind, name } : { kind, namespace, name };
}

/** `Kind/namespace/name`, or `Kind/name` for a cluster-scoped object: unique in a cluster, and how tests name objects. */
export function keyOf(ref: ObjectRef): string {
  return ref.namespace === undefined ? `${ref.kind}/${ref.name}` : `${ref.kind}/${ref.namespace}/${ref.name}`;
}

/** `namespace/name`, or `name` for a cluster-scoped object: how k8sgpt names a result. */
export function qualifiedName(ref: ObjectRef): string {
  return ref.namespace === undefined ? ref.name : `${ref.namespace}/${ref.name}`;
}

/** Orders by kind, namespace, name; the order of the host's locale plays no part. */
export function compareRefs(a: ObjectRef, b: ObjectRef): number {
  return (
    compareText(a.kind, b.kind) || compareText(a.namespace ?? "", b.namespace ?? "") || compareText(a.name, b.name)
  );
}

/** Orders text by code unit, the same on every machine. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
