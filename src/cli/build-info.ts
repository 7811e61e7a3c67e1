/** What this build is. `scripts/build.ts` writes the values in; run from source, they are not known. */
export interface BuildInfo {
  readonly version: string;
  readonly commit: string;
  readonly date: string;
}

declare const K8SGPT_VERSION: string | undefined;
declare const K8SGPT_COMMIT: string | undefined;
declare const K8SGPT_DATE: string | undefined;

/** The values of this build. */
export const buildInfo: BuildInfo = {
  version: typeof K8SGPT_VERSION === "undefined" ? "dev" : K8SGPT_VERSION,
  commit: typeof K8SGPT_COMMIT === "undefined" ? "unknown" : K8SGPT_COMMIT,
  date: typeof K8SGPT_DATE === "undefined" ? "unknown" : K8SGPT_DATE,
};
