/**
 * When the Kubernetes project stops to mend each minor version: the last days of support at kubernetes.io/releases. A
 * version that is not here is newer than this table, or too old to name.
 */
const ends: Readonly<Record<string, string>> = {
  "1.25": "2023-10-27",
  "1.26": "2024-02-28",
  "1.27": "2024-06-28",
  "1.28": "2024-10-28",
  "1.29": "2025-02-28",
  "1.30": "2025-06-28",
  "1.31": "2025-10-28",
  "1.32": "2026-02-28",
  "1.33": "2026-06-28",
  "1.34": "2026-10-27",
  "1.35": "2027-02-28",
};

/** The day (`2026-02-28`) after which the project does not mend the version; undefined when not known. */
export function endOfSupport(minorVersion: string): string | undefined {
  return Object.hasOwn(ends, minorVersion) ? ends[minorVersion] : undefined;
}
