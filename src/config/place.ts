import { isAbsolute, join } from "node:path";

/** What decides where the config file is. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
  readonly home: string;
}

/** Where the config file is, or would be. */
export interface ConfigPlace {
  readonly path: string;
  /** The place of k8sgpt's first releases, read while `path` does not exist; never written. */
  readonly legacyPath?: string;
  /** True for `--config`: then the file must exist, and its folder is not ours. */
  readonly explicit: boolean;
}

/**
 * The config file's place: `--config`, else the platform's folder for settings. `XDG_CONFIG_HOME` counts on every
 * platform when it is absolute, as the XDG base directory specification asks.
 */
export function configPlace(explicitPath: string | undefined, { env, platform, home }: Surroundings): ConfigPlace {
  if (explicitPath !== undefined) return { path: explicitPath, explicit: true };
  const folder = settingsFolder(env, platform, home);
  return { path: join(folder, "k8sgpt", "k8sgpt.yaml"), legacyPath: join(home, ".k8sgpt.yaml"), explicit: false };
}

function settingsFolder(env: Surroundings["env"], platform: NodeJS.Platform, home: string): string {
  const chosen = env["XDG_CONFIG_HOME"];
  if (chosen !== undefined && isAbsolute(chosen)) return chosen;
  if (platform === "darwin") return join(home, "Library", "Application Support");
  if (platform === "win32") return env["LOCALAPPDATA"] ?? join(home, "AppData", "Local");
  return join(home, ".config");
}
