/**
 * The seam between explaining and the vendors: settings in, text out. A backend is a thin adapter over the vendor's official
 * SDK, loaded when it runs. Retries, deadlines, rate limits, caching, prompts, masking and budgets are not its business.
 */
import type { Masked } from "../anonymize/masked.ts";
import type { HostGuard } from "./door.ts";

/** What a backend is set up with: the fields of k8sgpt's `ai.providers[]`, secrets resolved. */
export interface BackendSettings {
  readonly model?: string;
  /** The secret, resolved from `env:`, `file:` or `cmd:` when it was a reference. Never logged. */
  readonly password?: string;
  readonly baseURL?: string;
  /** HTTP proxy for this backend; without it HTTPS_PROXY, HTTP_PROXY and NO_PROXY hold. */
  readonly proxyEndpoint?: string;
  /** SageMaker endpoint. */
  readonly endpointName?: string;
  /** Azure deployment. */
  readonly engine?: string;
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly maxTokens?: number;
  readonly stopSequences?: readonly string[];
  readonly providerRegion?: string;
  /** Google Cloud or watsonx project. */
  readonly providerId?: string;
  readonly compartmentId?: string;
  readonly organizationId?: string;
  readonly azureAPIType?: string;
  readonly azureAPIVersion?: string;
  readonly customHeaders?: Readonly<Record<string, string>>;
  /** PEM bundle of certificate authorities to trust beside the system's. */
  readonly caFile?: string;
}

/** One question. Only masked text can be asked: forgetting to mask does not compile. */
export interface CompletionRequest {
  readonly system: Masked;
  readonly prompt: Masked;
  /** JSON Schema that the answer should follow, where the backend can ask for it. */
  readonly responseSchema?: Readonly<Record<string, unknown>>;
}

/** A part of an answer; the last part may carry what it cost. */
export interface CompletionPart {
  readonly text: string;
  readonly usage?: { readonly inputTokens?: number; readonly outputTokens?: number };
}

/** A configured backend. k8sgpt's IAI. */
export interface IAI {
  getName(): string;
  /** The server that is asked, with its port when that is not the usual one; undefined when none is. */
  readonly host?: string;
  /**
   * What the user should know of this set-up: settings that the vendor has no equivalent for, sampling parameters that the
   * model refused and that are left out since. Grows while the backend is used.
   */
  readonly warnings?: readonly string[];
  /**
   * Yields the answer as it arrives.
   *
   * @throws BackendFailure when the vendor refuses, limits or does not answer.
   */
  getCompletion(request: CompletionRequest, signal: AbortSignal): AsyncIterable<CompletionPart>;
  close(): Promise<void>;
}

/** A backend before it is set up. */
export interface BackendFactory {
  readonly name: string;
  /** Used when the settings name none; undefined where the user must choose. */
  readonly defaultModel: string | undefined;
  /**
   * Sets it up; nothing is sent.
   *
   * @throws Fault when a setting that it needs is missing, with the command that mends it, or when `guard` does not let it
   *   ask its server.
   */
  configure(settings: BackendSettings, guard: HostGuard): Promise<IAI>;
}

/** Why a completion failed, in the form that retrying needs. The message never holds a secret. */
export class BackendFailure extends Error {
  /** HTTP status of the answer, when there was one. */
  readonly status: number | undefined;
  /** How long the vendor asked to wait. */
  readonly retryAfterMs: number | undefined;
  /** Whether the same request may succeed later: connection lost, 408, 409, 425, 429, 5xx. */
  readonly isTransient: boolean;

  constructor(
    message: string,
    options: { status?: number | undefined; retryAfterMs?: number | undefined; isTransient: boolean; cause?: unknown },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "BackendFailure";
    this.status = options.status;
    this.retryAfterMs = options.retryAfterMs;
    this.isTransient = options.isTransient;
  }
}
