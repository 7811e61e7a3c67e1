/**
 * An incident drawn as a graph: causes on the left, what users see on the right, in columns by the kind of object, since
 * faults travel from configuration over Pods and workloads to Services and hosts. Inline SVG: readable without scripts,
 * sharp on paper, coloured by the page's own style sheet.
 */
import type { Incident } from "../findings/report.ts";
import type { Severity } from "../findings/severity.ts";
import { keyOf, type ObjectRef, qualifiedName } from "../kube/object-ref.ts";
import { clean, columnsOf, shorten } from "./layout.ts";
import { escapeHtml } from "./markup.ts";

interface Node {
  readonly key: string;
  readonly kind: string;
  readonly name: string;
  readonly note: string;
  readonly severity: Severity | undefined;
  readonly column: number;
  readonly isRoot: boolean;
}

/** Columns of kinds; whatever is not named here stands where causes do. */
const stages: readonly (readonly string[])[] = [
  [],
  ["Pod", "PersistentVolumeClaim"],
  [
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "Job",
    "CronJob",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
  ],
  ["Service", "APIService"],
  ["Ingress", "HTTPRoute", "Gateway"],
  ["Host"],
];

const box = { width: 196, height: 46, gapX: 44, gapY: 12 } as const;
const mostInColumn = 5;

/** The graph of an incident as an SVG element; "" when there is only one thing to draw. */
export function drawIncident(incident: Incident): string {
  const nodes = nodesOf(incident);
  if (nodes.length < 2) return "";
  const columns = [...Map.groupBy(nodes, ({ column }) => column)].sort(([a], [b]) => a - b).map(([, list]) => list);
  const shown = columns.map((list) => (list.length > mostInColumn ? list.slice(0, mostInColumn - 1) : list));
  const tallest = Math.max(...columns.map(({ length }) => Math.min(length, mostInColumn)));
  const height = tallest * (box.height + box.gapY) - box.gapY + 4;
  const width = columns.length * (box.width + box.gapX) - box.gapX + 4;
  const places = new Map<string, { readonly x: number; readonly y: number }>();
  const rest: string[] = [];
  for (const [index, list] of shown.entries()) {
    const all = columns[index]?.length ?? 0;
    const slots = Math.min(all, mostInColumn);
    const x = 2 + index * (box.width + box.gapX);
    const top = (height - (slots * (box.height + box.gapY) - box.gapY)) / 2;
    for (const [row, node] of list.entries()) places.set(node.key, { x, y: top + row * (box.height + box.gapY) });
    if (all > list.length) {
      const y = top + list.length * (box.height + box.gapY);
      rest.push(
        `<text class="more" x="${x + box.width / 2}" y="${y + box.height / 2 + 4}" text-anchor="middle">and ${all - list.length} more</text>`,
      );
    }
  }
  const lines = edgesOf(incident, nodes).flatMap(([from, to]) => {
    const a = places.get(from);
    const b = places.get(to);
    return a === undefined || b === undefined || b.x <= a.x ? [] : [curve(a, b)];
  });
  const boxes = nodes.flatMap((node) => {
    const place = places.get(node.key);
    return place === undefined ? [] : [boxOf(node, place)];
  });
  const label = `Cause chain: ${nodes.map(({ kind, name }) => `${kind} ${name}`).join(", ")}`;
  return `<svg class="graph" role="img" aria-label="${escapeHtml(label)}" viewBox="0 0 ${width} ${height}" style="width:${width}px;min-width:${Math.min(width, 760)}px">${lines.join("")}${boxes.join("")}${rest.join("")}</svg>`;
}

function boxOf(
  { kind, name, note, severity, isRoot }: Node,
  { x, y }: { readonly x: number; readonly y: number },
): string {
  const full = `${kind} ${name}${note === "" ? "" : ` (${note})`}`;
  const shown = fitted(name, 21);
  const head = note === "" ? kind : `${kind} · ${note}`;
  return `<g class="node ${severity ?? "quiet"}${isRoot ? " root" : ""}"><title>${escapeHtml(full)}</title><rect x="${x}" y="${y}" width="${box.width}" height="${box.height}" rx="7"/><rect class="edge" x="${x}" y="${y + 8}" width="4" height="${box.height - 16}" rx="2"/><text class="kind" x="${x + 14}" y="${y + 19}">${escapeHtml(fitted(head, 30))}</text><text class="name" x="${x + 14}" y="${y + 35}">${escapeHtml(shown)}</text></g>`;
}

/** The middle of a long name is cut: both its start and its end tell objects apart. */
function fitted(text: string, limit: number): string {
  if (columnsOf(text) <= limit) return text;
  const tail = Math.floor(limit / 3);
  const characters = Array.from(text);
  return `${shorten(text, limit - tail, "…")}${characters.slice(-tail).join("")}`;
}

function curve(a: { readonly x: number; readonly y: number }, b: { readonly x: number; readonly y: number }): string {
  const x1 = a.x + box.width;
  const y1 = a.y + box.height / 2;
  const y2 = b.y + box.height / 2;
  const bend = Math.max(18, (b.x - x1) / 2);
  return `<path class="link" d="M${x1} ${y1}C${x1 + bend} ${y1} ${b.x - bend} ${y2} ${b.x - 5} ${y2}"/><path class="tip" d="M${b.x - 7} ${y2 - 4}L${b.x - 1} ${y2}L${b.x - 7} ${y2 + 4}Z"/>`;
}

function nodesOf({ root, members, chain, affected }: Incident): readonly Node[] {
  const nodes = new Map<string, Node>();
  const rootKey = keyOf(startOf({ root, chain }));
  const worst = new Map<string, Severity>();
  const note = new Map<string, string>();
  for (const { owner, object, severity } of members) {
    const key = keyOf(owner ?? object);
    if (!worst.has(key) || severity === "critical") worst.set(key, severity);
  }
  const add = (ref: ObjectRef): void => {
    const key = keyOf(ref);
    if (nodes.has(key)) return;
    // A cause stands left of everything, whatever its kind.
    const column = key === rootKey ? -1 : stageOf(ref.kind);
    nodes.set(key, {
      key,
      kind: clean(ref.kind),
      name: clean(qualifiedName(ref)),
      note: note.get(key) ?? "",
      severity: worst.get(key) ?? (key === rootKey ? root.severity : undefined),
      column,
      isRoot: key === rootKey,
    });
  };
  for (const step of chain) {
    const marks = [
      ...(step.missing === true ? ["missing"] : []),
      ...((step.count ?? 1) > 1 ? [`×${step.count ?? 1}`] : []),
    ];
    if (marks.length > 0) note.set(keyOf(step), marks.join(", "));
  }
  add(startOf({ root, chain }));
  for (const step of chain) add(step);
  for (const member of members) add(member.owner ?? member.object);
  for (const ref of affected.services) add(ref);
  for (const host of affected.hosts) add({ kind: "Host", name: host });
  return [...nodes.values()];
}

/** What the drawing begins with: the chain's own first step. */
function startOf({ root, chain }: Pick<Incident, "root" | "chain">): ObjectRef {
  return chain[0] ?? root.cause ?? root.object;
}

function stageOf(kind: string): number {
  const index = stages.findIndex((kinds) => kinds.includes(kind));
  return index === -1 ? 0 : index;
}

/** The chain itself; every other node hangs on what its own finding names, else on the cause. */
function edgesOf(
  { root, members, chain, affected }: Incident,
  nodes: readonly Node[],
): readonly (readonly [string, string])[] {
  const columnOf = new Map(nodes.map(({ key, column }) => [key, column]));
  const ownerOf = new Map<string, string>();
  for (const { owner, objects, object } of members)
    for (const ref of objects) ownerOf.set(keyOf(ref), keyOf(owner ?? object));
  const rootKey = keyOf(startOf({ root, chain }));
  const edges = new Map<string, readonly [string, string]>();
  const link = (from: string, to: string): void => {
    if ((columnOf.get(from) ?? 0) < (columnOf.get(to) ?? 0)) edges.set(`${from}\n${to}`, [from, to]);
  };
  for (const [index, step] of chain.entries()) {
    const before = chain[index - 1];
    if (before !== undefined) link(keyOf(before), keyOf(step));
  }
  for (const { owner, object, objects, related, cause } of members) {
    const to = keyOf(owner ?? object);
    for (const ref of [...objects, ...related, ...(cause === undefined ? [] : [cause])]) {
      for (const key of new Set([keyOf(ref), ownerOf.get(keyOf(ref)) ?? ""])) if (columnOf.has(key)) link(key, to);
    }
  }
  const ingresses = nodes.filter(({ kind }) => kind === "Ingress");
  for (const host of affected.hosts)
    for (const ingress of ingresses.slice(0, 1)) link(ingress.key, keyOf({ kind: "Host", name: host }));
  const reached = new Set([...edges.values()].map(([, to]) => to));
  for (const { key } of nodes) if (key !== rootKey && !reached.has(key)) link(rootKey, key);
  return [...edges.values()];
}
