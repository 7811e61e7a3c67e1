/** `analyze --explain`: what is checked before a cluster is read, what is asked, and what is told about it. */
import { setTimeout as delay } from "node:timers/promises";
import { audited, recordCached, recordCall } from "../ai/audit.ts";
import type { CompletionRequest, IAI } from "../ai/backend.ts";
import { type Budget, createBudget, parseBudget } from "../ai/budget.ts";
import { answerCache, noAnswerCache } from "../ai/cached.ts";
import { type Conversation, conversation } from "../ai/conversation.ts";
import { readableSoFar } from "../ai/answer.ts";
import {
  explain,
  type ExplainOptions,
  type Outcome,
  type Question,
  questionsAbout,
  withOutcome,
} from "../ai/explain.ts";
import { hostGuard } from "../ai/door.ts";
import { type AuditFile, openAuditFile } from "../audit.ts";
import { readAiBudget } from "../config/ai.ts";
import { readMaskRules } from "../config/anonymize.ts";
import { readCache, readCacheTtl } from "../config/cache.ts";
import { configPlace } from "../config/place.ts";
import { readPolicies } from "../config/policy.ts";
import { readPrompts } from "../config/prompts.ts";
import { maskingFor } from "../engine/explain.ts";
import { Fault, messageOf } from "../fault.ts";
import type { Incident, Report } from "../findings/report.ts";
import { compareText } from "../kube/object-ref.ts";
import type { SnapshotInput } from "../kube/snapshot.ts";
import { clean } from "../report/layout.ts";
import { counted, isProblem } from "../report/words.ts";
import { buildInfo } from "./build-info.ts";
import { backendText, type ChosenBackend, chooseBackend } from "./backend.ts";
import type { AnalyzeFlags } from "./flags.ts";
import type { Terminal } from "./terminal.ts";
import { parseConcurrency, parseDuration } from "./values.ts";

/** Explaining, ready to begin. */
export interface Explaining {
  /**
   * Asks about the incidents of `report`. May be called for several reports: all of them are paid from one budget.
   *
   * @param user who reads the cluster, for the audit record
   */
  readonly begin: (
    report: Report,
    input: SnapshotInput | undefined,
    signal: AbortSignal,
    onProgress: (text: string) => void,
    user?: string,
  ) => Explained;
  /** Exactly what would be sent about one cluster or several, as text or JSON; nothing is sent. */
  readonly dryRun: (reports: readonly ReportRead[]) => string;
}

/** A report and what it was made from. */
export interface ReportRead {
  readonly report: Report;
  readonly input: SnapshotInput | undefined;
}

/** A report whose explanations are on their way. */
export interface Explained {
  /** Names the backend; its incidents are not explained yet. */
  readonly report: Report;
  /** The incident with its explanation, or with the reason why it has none. */
  readonly incident: (incident: Incident, index: number) => Promise<Incident>;
  /** Once all are done: what to tell, and whether one failed. */
  readonly summary: () => Promise<{ readonly lines: readonly string[]; readonly failed: boolean }>;
  /** Once all are done: questions about them. Undefined when there is nothing to ask about. */
  readonly conversation: () => Promise<{ readonly about: Conversation; readonly answerer: string } | undefined>;
  /** Lets the backend, the cache and the audit record go. */
  readonly close: () => Promise<void>;
}

/** What several preparations in one run share. */
export interface ExplainingShared {
  /** One account for all; without it each preparation opens its own. */
  readonly budget?: Budget;
}

type ExplainFlags = Pick<
  AnalyzeFlags,
  | "config"
  | "color"
  | "backend"
  | "language"
  | "anonymize"
  | "cache"
  | "aiTimeout"
  | "refreshCache"
  | "aiBudget"
  | "dryRunExplain"
  | "maxConcurrency"
  | "output"
  | "policy"
  | "auditLog"
>;

/** The account that flags and config open for a run. @throws Fault when they make no sense */
export async function explainingBudget(
  flags: Pick<AnalyzeFlags, "config" | "aiBudget">,
  terminal: Terminal,
): Promise<Budget> {
  const limits = parseBudget(flags.aiBudget);
  return createBudget(flags.aiBudget === undefined ? await readAiBudget(configPlace(flags.config, terminal)) : limits);
}

/** Checks flags, backend and where it is. @throws Fault before anything is read or sent */
export async function prepareExplaining(
  flags: ExplainFlags,
  terminal: Terminal,
  shared: ExplainingShared = {},
): Promise<Explaining> {
  const budget = shared.budget ?? (await explainingBudget(flags, terminal));
  const timeoutMs = parseDuration("--ai-timeout", flags.aiTimeout);
  const concurrency = parseConcurrency(flags.maxConcurrency);
  const language = flags.language.trim() === "" ? "english" : flags.language.trim();
  if (language.length > 60 || /[\n\r]/.test(language)) {
    throw new Fault("--language needs the name of a language", {
      usage: true,
      next: "For example `--language german`",
    });
  }
  if (flags.refreshCache === true && !flags.cache) {
    throw new Fault("--refresh-cache keeps new explanations, --no-cache keeps none", {
      usage: true,
      next: "Leave one of them out",
    });
  }
  const anonymized = flags.anonymize !== false;
  const isDry = flags.dryRunExplain === true;
  const chosen = await chooseBackend(flags, terminal).catch((error: unknown) => {
    // What would be sent is the same for every backend.
    if (isDry && flags.backend === undefined && error instanceof Fault && !error.usage) return undefined;
    throw error;
  });
  const place = configPlace(flags.config, terminal);
  const prompts = await readPrompts(place);
  const rules = await readMaskRules(place);
  const cacheConfig = flags.cache && !isDry ? await readCache(place, terminal) : undefined;
  const ttlMs = cacheConfig === undefined ? undefined : await readCacheTtl(place);
  // A setting that is missing is told now, not after a cluster was read.
  const backend = isDry || chosen === undefined ? undefined : await allowedBackend(flags, chosen, terminal);

  const questionsOf = (report: Report, input: SnapshotInput | undefined) => {
    const masking = maskingFor(report, input, anonymized, rules);
    const asked = report.incidents.filter(isProblem);
    const { serverVersion } = report.cluster;
    return { masking, questions: questionsAbout(asked, { masking, anonymized, language, serverVersion, prompts }) };
  };

  return {
    begin(report, input, signal, onProgress, user) {
      if (chosen === undefined || backend === undefined) throw new Error("a dry run asks nobody");
      const { masking, questions } = questionsOf(report, input);
      const masked = anonymized ? "names are masked" : "names are not masked, credentials are removed";
      if (questions.length > 0) {
        terminal.tell(
          `note: Explaining ${counted(questions.length, "incident")} with ${backendText(atHost(chosen, backend))}; ${masked}`,
        );
      }
      const unread = anonymized && questions.length > 0 ? unreadKinds(input) : [];
      if (unread.length > 0) {
        terminal.tell(
          `warning: ${some(unread)} could not be read: names of these are masked only where a finding holds them`,
        );
      }
      // Settings without an equivalent are known now; what a model refuses shows itself while it is asked.
      const known = backend.warnings?.length ?? 0;
      if (questions.length > 0) for (const text of backend.warnings ?? []) terminal.tell(`note: ${text}`);
      const { env } = terminal;
      const answerer = { backend: chosen.name, model: chosen.model, settings: chosen.settings };
      const caller = {
        ...(user !== undefined && { user }),
        context: report.cluster.name,
        ...(chosen.model !== undefined && { model: chosen.model }),
      };
      const record = questions.length === 0 ? undefined : openRecord(flags);
      const asked = record === undefined ? backend : audited(backend, record, caller);
      const clock = {
        now: Date.now,
        random: Math.random,
        sleep: async (ms: number, stopped: AbortSignal) => delay(ms, undefined, { signal: stopped }),
      };
      const cache =
        cacheConfig === undefined
          ? noAnswerCache
          : answerCache({
              open: async () => (await import("../cache/drivers.ts")).openCache(cacheConfig, env),
              now: Date.now,
              ttlMs,
              isWriteOnly: flags.refreshCache === true,
              onWarning: (text) => terminal.tell(`warning: ${text}`),
            });
      const outcomes = explain(questions, {
        backend: async () => asked,
        answerer,
        masking,
        language,
        cache,
        budget,
        concurrency,
        timeoutMs,
        signal,
        clock,
        ...(record !== undefined && {
          onCached: (request: CompletionRequest) => recordCached(record, caller, backend, request),
        }),
        ...liveLine(questions.length, masking.unmask, terminal, onProgress),
      });
      const byId = new Map(questions.map(({ incident }, index) => [incident.id, outcomes[index]]));
      return {
        report: { ...report, provider: chosen.name },
        async incident(incident) {
          const outcome = await byId.get(incident.id);
          return outcome === undefined ? incident : withOutcome(incident, outcome);
        },
        summary: async () => {
          const { lines, failed } = summaryOf(await Promise.all(outcomes), chosen);
          const refused = (backend.warnings ?? []).slice(known).map((text) => `warning: ${text}`);
          return { lines: [...refused, ...lines], failed };
        },
        async conversation() {
          if (questions.length === 0) return undefined;
          const all = await Promise.all(outcomes);
          const incidents = questions.map(({ incident }, index) => {
            const outcome = all[index];
            return outcome === undefined ? incident : withOutcome(incident, outcome);
          });
          const { serverVersion } = report.cluster;
          const about = conversation({
            incidents,
            serverVersion,
            backend: asked,
            answerer,
            masking,
            anonymized,
            language,
            budget,
            timeoutMs,
            clock,
          });
          return { about, answerer: backendText(chosen) };
        },
        async close() {
          record?.close();
          await cache.close();
          await backend.close().catch(() => undefined);
        },
      };
    },
    dryRun(reports) {
      const questions = reports.flatMap(({ report, input }) =>
        questionsOf(report, input).questions.map((question) => ({
          ...question,
          ...(reports.length > 1 && { cluster: report.cluster.name }),
        })),
      );
      return flags.output.includes("json") ? dryRunJson(questions, chosen) : dryRunText(questions, chosen);
    },
  };
}

function openRecord({ auditLog }: Pick<AnalyzeFlags, "auditLog">): AuditFile | undefined {
  return auditLog === undefined ? undefined : openAuditFile(auditLog, { k8sgpt: buildInfo.version }, Date.now);
}

/** The backend, if every policy lets it ask its server; a refusal is recorded. */
async function allowedBackend(flags: ExplainFlags, chosen: ChosenBackend, terminal: Terminal): Promise<IAI> {
  const guard = hostGuard(await readPolicies(configPlace(flags.config, terminal), flags.policy));
  const { name, model, settings, factory } = chosen;
  return factory.configure(settings, (backend, address) => {
    try {
      guard(backend, address);
    } catch (error) {
      const record = openRecord(flags);
      const { host } = new URL(address);
      const refused = messageOf(error);
      if (record !== undefined) {
        recordCall(record, {
          backend: name,
          host,
          ...(model !== undefined && { model }),
          outcome: "refused",
          cached: false,
          refused,
        });
        record.close();
      }
      throw error;
    }
  });
}

const drawEveryMs = 80;

/** What explaining tells while it goes on: how many are done, and the words of the first answer that is still coming. */
function liveLine(
  total: number,
  unmask: (text: string) => string,
  { stderrIsTerminal, columns = 80 }: Terminal,
  onProgress: (text: string) => void,
): Pick<ExplainOptions, "onDone" | "onText"> {
  const head = (done: number): string => `Explaining ${done} of ${total}`;
  if (!stderrIsTerminal) return {};
  let done = 0;
  let shown = Number.POSITIVE_INFINITY;
  let drawnAt = Number.NEGATIVE_INFINITY;
  return {
    onDone(count) {
      done = count;
      // Its words make room for those of the next.
      shown = Number.POSITIVE_INFINITY;
      onProgress(head(done));
    },
    onText(index, answer) {
      if (index > shown || performance.now() - drawnAt < drawEveryMs) return;
      shown = index;
      drawnAt = performance.now();
      // The last word may still grow, and a token with it.
      const words = clean(unmask(readableSoFar(answer).replace(/\S*$/, ""))).trim();
      if (words === "") return;
      const room = Math.max(0, columns - head(done).length - 6);
      onProgress(`${head(done)}: ${words.length <= room ? words : `…${words.slice(words.length - room)}`}`);
    },
  };
}

/** The kinds whose names the masking may not know. */
function unreadKinds(input: SnapshotInput | undefined): readonly string[] {
  // A dump holds what it holds: no names of other objects come from it.
  const lost = input?.cluster.source === "live" ? input.reads.filter(({ state }) => state === "unread") : [];
  return [...new Set(lost.map(({ kind }) => kind))].toSorted(compareText);
}

function some(names: readonly string[]): string {
  const shown = names.slice(0, 4).join(", ");
  return names.length > 4 ? `${shown} and ${names.length - 4} kinds more` : shown;
}

/** `chosen` with the server that is asked for its place. */
function atHost(chosen: ChosenBackend, { host }: IAI): ChosenBackend {
  return { ...chosen, place: chosen.settings.baseURL ?? host ?? chosen.place };
}

function summaryOf(outcomes: readonly Outcome[], chosen: ChosenBackend): { lines: readonly string[]; failed: boolean } {
  const errors = outcomes.flatMap((outcome) => ("error" in outcome ? [outcome] : []));
  const spent = errors.filter(({ isBudget }) => isBudget);
  const failed = errors.filter(({ isBudget }) => !isBudget);
  // The reason that was given first; the others were often not asked because of it.
  const [first] = failed;
  return {
    failed: failed.length > 0,
    lines: [
      ...(first === undefined
        ? []
        : [
            `warning: ${failed.length} of ${counted(outcomes.length, "explanation")} failed: ${backendText(chosen)}: ${first.error}`,
            `next: \`k8sgpt auth test -b ${chosen.name}\` shows what is wrong`,
          ]),
      ...(spent.length === 0
        ? []
        : [
            `warning: ${counted(spent.length, "incident")} not explained: the budget is spent (--ai-budget, or ai.budget in the config)`,
          ]),
    ],
  };
}

/** A question of a dry run, and the cluster that it is about where there are several. */
type DryQuestion = Question & { readonly cluster?: string };

function dryRunText(questions: readonly DryQuestion[], chosen: ChosenBackend | undefined): string {
  const target = chosen === undefined ? "no backend is configured" : backendText(chosen);
  const total = questions.reduce((sum, { tokens }) => sum + tokens, 0);
  const blocks = questions.map(
    ({ incident, request, tokens, cluster }, index) =>
      `=== ${index + 1} of ${questions.length}, ${cluster === undefined ? "" : `${cluster}, `}incident ${incident.id}, about ${tokens} tokens ===\n` +
      `--- system ---\n${request.system}\n--- prompt ---\n${request.prompt}\n`,
  );
  const head = `Nothing was sent. Would go to: ${target}; ${counted(questions.length, "prompt")}, about ${total} tokens, answers not counted.\n`;
  return [head, ...blocks].join("\n");
}

function dryRunJson(questions: readonly DryQuestion[], chosen: ChosenBackend | undefined): string {
  const requests = questions.map(({ incident, request, tokens, cluster }) => ({
    ...(cluster !== undefined && { cluster }),
    incident: incident.id,
    tokens,
    ...request,
  }));
  const target =
    chosen === undefined ? null : { name: chosen.name, model: chosen.model ?? null, place: chosen.place ?? null };
  const tokens = questions.reduce((sum, question) => sum + question.tokens, 0);
  return `${JSON.stringify({ backend: target, tokens, requests }, undefined, 2)}\n`;
}
