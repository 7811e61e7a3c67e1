/** Major and minor of a Kubernetes version. */
export interface MinorVersion {
  readonly major: number;
  readonly minor: number;
  /** `1.34`. */
  readonly text: string;
}

/** Reads `v1.34.4`, `v1.33.2-eks-1234`, `1.30+`; undefined when it is none. */
export function parseMinorVersion(text: string | undefined): MinorVersion | undefined {
  const parts = /^v?(\d+)\.(\d+)/.exec(text ?? "");
  if (parts === null) return undefined;
  return { major: Number(parts[1]), minor: Number(parts[2]), text: `${parts[1]}.${parts[2]}` };
}
