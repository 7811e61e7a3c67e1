/** The flags as commander hands them over, command by command. `program.ts` declares them; a test holds the two together. */
import type { FailOn } from "./exit-code.ts";
import type { ColorChoice } from "./display.ts";

/** Flags of every command. */
export interface GlobalFlags {
  readonly config?: string;
  readonly kubeconfig?: string;
  /** Names, also with commas between them, or patterns; empty for the current context. */
  readonly kubecontext: readonly string[];
  /** The same. */
  readonly context: readonly string[];
  readonly allContexts?: boolean;
  readonly color: ColorChoice;
  readonly hyperlinks: ColorChoice;
  /** False with `--no-pager`. */
  readonly pager?: boolean;
  readonly verbose?: boolean;
}

/** What decides whether long output is shown a page at a time. */
export interface PagerFlags {
  readonly pager?: boolean;
  readonly interactive?: boolean;
  readonly hyperlinks?: ColorChoice;
}

export interface InitFlags extends GlobalFlags {
  readonly yes?: boolean;
}

/** Flags of the commands that read a cluster. */
export interface ReadingFlags extends GlobalFlags {
  readonly filter: readonly string[];
  readonly namespace: readonly string[];
  /** Paths of saved clusters; empty for a live one. */
  readonly from: readonly string[];
  readonly maxConcurrency: string;
  readonly timeout?: string;
  readonly requestTimeout: string;
  readonly logs?: boolean;
  readonly readTls?: boolean;
  readonly policy?: string;
  readonly auditLog?: string;
}

export interface AnalyzeFlags extends ReadingFlags {
  readonly selector?: string;
  /** `json`, `junit=report.xml`; empty for text. */
  readonly output: readonly string[];
  readonly baseline?: string;
  readonly since?: string;
  readonly failOnNew?: boolean;
  readonly ignoreFile?: string;
  readonly withDoc?: boolean;
  readonly withStat?: boolean;
  readonly failOn: FailOn;
  readonly strict?: boolean;
  readonly include: readonly string[];
  readonly flat?: boolean;
  readonly explain?: boolean;
  readonly backend?: string;
  readonly language: string;
  /** Undefined unless given: masking is the default. */
  readonly anonymize?: boolean;
  /** False with `--no-cache`. */
  readonly cache: boolean;
  /** Look nothing up, and keep what comes. */
  readonly refreshCache?: boolean;
  readonly aiTimeout: string;
  readonly aiBudget?: string;
  readonly dryRunExplain?: boolean;
  readonly interactive?: boolean;
  readonly watch?: boolean;
  readonly interval?: string;
}

export interface BaselineFlags extends ReadingFlags {
  readonly output: string;
  readonly selector?: string;
  readonly include: readonly string[];
  readonly ignoreFile?: string;
}

export interface SnapshotFlags extends ReadingFlags {
  readonly output: string;
  readonly anonymize?: boolean;
}

/** Flags of `auth add` and `auth update`. */
export interface AuthFlags extends GlobalFlags {
  readonly backend: string;
  readonly model?: string;
  readonly password?: string;
  readonly passwordStdin?: boolean;
  readonly passwordFile?: string;
  readonly passwordEnv?: string;
  readonly passwordCommand?: string;
  readonly baseurl?: string;
  readonly endpointname?: string;
  readonly topp?: string;
  readonly topk?: string;
  readonly maxtokens?: string;
  readonly stopsequences?: readonly string[];
  readonly temperature?: string;
  readonly engine?: string;
  readonly providerRegion?: string;
  readonly providerId?: string;
  readonly compartmentId?: string;
  readonly organizationId?: string;
  readonly azureAPIType?: string;
  readonly azureAPIVersion?: string;
  readonly proxy?: string;
  readonly header?: readonly string[];
  readonly caFile?: string;
  /** `auth add` only. */
  readonly force?: boolean;
  /** `auth update` only. */
  readonly unset?: readonly string[];
}

/** Flags of the other commands below `auth`, and of `generate`. */
export interface AuthOtherFlags extends OutputFlags {
  readonly details?: boolean;
  readonly provider?: string;
  readonly backends?: string;
  readonly backend?: string;
}

/** Flags of the commands below `cache`. */
export interface CacheFlags extends OutputFlags {
  readonly region?: string;
  readonly endpoint?: string;
  readonly insecure?: boolean;
  readonly bucket?: string;
  readonly projectid?: string;
  readonly storageacc?: string;
  readonly container?: string;
  readonly create?: boolean;
  readonly check?: boolean;
  readonly olderThan?: string;
  readonly all?: boolean;
  readonly yes?: boolean;
}

export interface WhyFlags extends ReadingFlags {
  readonly output: "text" | "json";
}

/** Flags of the commands that print text or JSON. */
export interface OutputFlags extends GlobalFlags {
  readonly output: "text" | "json";
}

export interface ServeFlags extends ReadingFlags {
  readonly mcp?: boolean;
  readonly mcpHttp?: boolean;
  readonly mcpPort: string;
  readonly listen: string;
  readonly authTokenFile?: string;
  readonly anonymize?: boolean;
  readonly mcpAllowConfig?: boolean;
  readonly mcpTools: readonly string[];
  readonly mcpDenyTools: readonly string[];
  readonly mcpDenyKinds: readonly string[];
  readonly mcpAliases?: "mcp-k8s";
  readonly backend?: string;
  readonly language: string;
  /** False with `--no-cache`. */
  readonly cache: boolean;
  readonly aiTimeout: string;
  readonly aiBudget?: string;
}

/** Flags of `rbac` and `rbac check`. */
export interface RbacFlags extends ReadingFlags {
  readonly output: "text" | "json";
  readonly name: string;
  readonly bind?: string;
  readonly customKinds?: boolean;
  /** `rbac check` only. */
  readonly strict?: boolean;
}

export interface CompareFlags extends ReadingFlags {
  readonly output: "text" | "json";
  readonly exitCode?: boolean;
  readonly strict?: boolean;
}

export interface ContextsFlags extends OutputFlags {
  readonly requestTimeout: string;
  readonly offline?: boolean;
  readonly policy?: string;
  readonly auditLog?: string;
}

export interface DoctorFlags extends ReadingFlags {
  readonly output: "text" | "json";
}
