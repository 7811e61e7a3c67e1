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

/**
 * Whether the version names a provider that runs the control plane itself: `v1.33.2-eks-1234`, `v1.33.2-gke.100`,
 * `v1.33.2-aliyun.1`. Other suffixes (`+k3s1`, `+rke2r1`) belong to distributions that users run.
 */
export function hasVendorVersion(text: string | undefined): boolean {
  return /[-+.](?:eks|gke|aliyun|oke|iks|IKS|doks|vke|lke|tke)\b/.test(text ?? "");
}
