/**
 * Kubernetes quantities (reference/kubernetes-api/common-definitions/quantity/): `500m`, `2`, `128Mi`, `1.5e3`, `4k`.
 */
const factors: Readonly<Record<string, number>> = {
  "": 1,
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

const form = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|([KMGTPE]i|[numkMGTPE]))?$/;

/** The value in the base unit (cores, bytes, pieces), or undefined when `text` is no quantity. */
export function parseQuantity(text: string | number | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (typeof text === "number") return text;
  // A manifest that no server has checked may hold anything here.
  if (typeof text !== "string") return undefined;
  const parts = form.exec(text.trim());
  if (parts === null) return undefined;
  return Number(`${parts[1]}${parts[2] ?? ""}`) * (factors[parts[3] ?? ""] ?? Number.NaN);
}

/** Bytes for people: `512Mi`, `1.5Gi`. */
export function formatBytes(bytes: number): string {
  for (const unit of ["Ei", "Pi", "Ti", "Gi", "Mi", "Ki"]) {
    const factor = factors[unit] ?? 1;
    if (bytes >= factor) return `${Number((bytes / factor).toFixed(1))}${unit}`;
  }
  return `${bytes}`;
}
