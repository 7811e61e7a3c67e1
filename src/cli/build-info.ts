/** What this build is. `scripts/build.ts` writes the values in; run from source, they are not known. */
export interface BuildInfo {
  readonly version: string;
  readonly commit: string;
  readonly date: string;
}

declare const K8SGPT_BUILD: BuildInfo | undefined;

/** The values of this build. */
export const buildInfo: BuildInfo =
  typeof K8SGPT_BUILD === "undefined" ? { version: "dev", commit: "unknown", date: "unknown" } : K8SGPT_BUILD;
