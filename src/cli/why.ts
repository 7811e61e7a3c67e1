import { analyzers as known } from "../analyzers/index.ts";
import { type ObjectWords, why } from "../engine/why.ts";
import { Fault, messageOf } from "../fault.ts";
import { incidentInContext } from "../findings/with-context.ts";
import { isColored, paletteFor, reportWidth, showsUnicode } from "./display.ts";
import { exitCodes } from "./exit-codes.ts";
import type { WhyFlags } from "./flags.ts";
import { progressLine } from "./progress.ts";
import { analyzersNamed } from "./selection.ts";
import { checkNamespaces, openSource, placeOf } from "./reading.ts";
import { exitCodeOfStop, listenForStop } from "./stop.ts";
import type { Terminal } from "./terminal.ts";
import { parseConcurrency, parseDuration, parseScope } from "./values.ts";

/** `k8sgpt why KIND/NAME`: the story of one object. Gives the exit code. */
export async function runWhy(operands: readonly string[], flags: WhyFlags, terminal: Terminal): Promise<number> {
  const words = objectNamed(operands, flags);
  const timeoutMs = flags.timeout === undefined ? undefined : parseDuration("--timeout", flags.timeout);
  parseConcurrency(flags.maxConcurrency);
  parseDuration("--request-timeout", flags.requestTimeout);
  const place = placeOf(flags);
  // Everything is looked at, whatever filters are active: whoever asks about one object wants to know all.
  const analyzers = flags.filter.length > 0 ? analyzersNamed(flags.filter, known) : known;
  const progress = progressLine(terminal.stderrIsTerminal ? terminal.draw : undefined, Date.now, reportWidth(terminal));
  const stop = listenForStop(timeoutMs);
  try {
    progress.step(place.from === undefined ? "Connecting" : `Opening ${place.from}`);
    const onNote = (text: string): void => {
      progress.erase();
      terminal.tell(`note: ${text}`);
    };
    const source = await stop.bounded(openSource(flags, terminal, stop.signal, onNote));
    try {
      if (words.namespace !== undefined)
        await stop.bounded(checkNamespaces(source, { include: [words.namespace] }, stop.signal));
      const story = await stop.bounded(
        why(source, words, {
          analyzers,
          logs: flags.logs === true,
          anyKind: true,
          signal: stop.signal,
          onProgress: progress.read,
        }),
      );
      progress.erase();
      const shown = {
        ...story,
        incidents: story.incidents.map(({ role, incident }) => ({
          role,
          incident: incidentInContext(incident, place.context),
        })),
        within: story.within.map((incident) => incidentInContext(incident, place.context)),
      };
      if (flags.output === "json") {
        const { renderWhyJson } = await import("../report/why-json.ts");
        await terminal.print(renderWhyJson(shown));
      } else {
        const { renderWhy } = await import("../report/why-text.ts");
        const palette = await paletteFor(isColored(flags.color, terminal));
        await terminal.print(
          renderWhy(shown, { width: reportWidth(terminal), palette, unicode: showsUnicode(terminal) }),
        );
      }
      const reason = stop.reason();
      if (reason === "timeout") terminal.tell("warning: the time of --timeout was over before everything was read");
      return reason === "interrupted" || reason === "terminated" ? exitCodeOfStop(reason) : exitCodes.done;
    } finally {
      await stop.bounded(source.close()).catch((error: unknown) => {
        if (flags.verbose === true) terminal.tell(`Closing: ${messageOf(error)}`);
      });
    }
  } catch (error) {
    const reason = stop.reason();
    if (reason === undefined || (error instanceof Fault && error.usage)) throw error;
    if (reason === "timeout") {
      throw new Fault(`--timeout ${flags.timeout ?? ""} passed before there was anything to tell`, {
        cause: error,
        next: "Give more time",
      });
    }
    terminal.tell("Stopped before there was anything to tell");
    return exitCodeOfStop(reason);
  } finally {
    progress.erase();
    stop.release();
  }
}

/** `pod/cart`, `pod cart`, as kubectl takes them. */
function objectNamed(operands: readonly string[], flags: WhyFlags): ObjectWords {
  const parts = operands.length === 1 ? (operands[0] ?? "").split("/") : [...operands];
  const [kind = "", name = "", ...rest] = parts;
  if (kind === "" || name === "" || rest.length > 0) {
    throw new Fault(`"${operands.join(" ")}" does not name one object`, {
      usage: true,
      next: "Write its kind and name: `k8sgpt why pod/cart -n shop`",
    });
  }
  const { include = [], exclude = [] } = parseScope(flags.namespace);
  if (include.length > 1 || exclude.length > 0) {
    throw new Fault("An object is in one namespace: give -n once", {
      usage: true,
      next: `k8sgpt why ${kind}/${name} -n ${include[0] ?? "NAME"}`,
    });
  }
  const [namespace] = include;
  return { kind, name, ...(namespace !== undefined && { namespace }) };
}
