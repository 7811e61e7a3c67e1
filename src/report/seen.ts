/** Evidence as names and values, for the forms that list it. */
import type { Evidence } from "../findings/evidence.ts";
import type { Finding } from "../findings/finding.ts";
import type { ChainStep, Incident } from "../findings/report.ts";
import { formatDuration } from "../kube/time.ts";
import { clean } from "./layout.ts";
import { formatValue, objectName, sameObject } from "./words.ts";

/** One thing that was seen: where, what, and the value. */
export interface Seen {
  /** The object, when it is another than the finding's own. */
  readonly on: string | undefined;
  readonly name: string;
  readonly value: string;
}

/** The evidence of a finding but its logs. */
export function seenOf(finding: Finding, takenAt: number): readonly Seen[] {
  return finding.evidence.flatMap((evidence) => {
    const on = sameObject(evidence.object, finding.object) ? undefined : objectName(evidence.object);
    switch (evidence.type) {
      case "field":
        return [{ on, name: clean(evidence.path), value: formatValue(evidence.value) }];
      case "fact":
        return [{ on, name: clean(evidence.label), value: formatValue(evidence.value) }];
      case "event": {
        const times = evidence.count > 1 ? ` ×${evidence.count}` : "";
        const ago = evidence.lastSeen === undefined ? "" : ` (${formatDuration(takenAt - evidence.lastSeen)} ago)`;
        return [{ on, name: `event ${clean(evidence.reason)}${times}`, value: `${clean(evidence.message)}${ago}` }];
      }
      case "missing":
        return [{ on, name: "does not exist", value: "" }];
      case "log":
        break;
    }
    return [];
  });
}

/** One line per thing seen, `Deployment shop/cart: spec.replicas: 3`. */
export function seenLine({ on, name, value }: Seen): string {
  return [...(on === undefined ? [] : [on]), name, ...(value === "" ? [] : [value])].join(": ");
}

/** The logs among the evidence. */
export function logsOf({ evidence }: Finding): readonly Extract<Evidence, { readonly type: "log" }>[] {
  return evidence.filter((item) => item.type === "log").filter(({ lines }) => lines.length > 0);
}

/** `Pod shop/cart-1 (3)`, `ConfigMap shop/cart (missing)`: a step of a cause chain. */
export function stepName(step: ChainStep): string {
  const marks = [...((step.count ?? 1) > 1 ? [String(step.count)] : []), ...(step.missing === true ? ["missing"] : [])];
  return `${objectName(step)}${marks.length === 0 ? "" : ` (${marks.join(", ")})`}`;
}

/** The findings of an incident that follow from its root. */
export function symptomsOf({ root, members }: Incident): readonly Finding[] {
  return members.filter(({ id }) => id !== root.id);
}

/** The address of what a rule rests on, when it is a page of the Kubernetes documentation. */
export function sourceAddress(source: string): string | undefined {
  if (source.startsWith("https://")) return source;
  return /^[a-z0-9][\w-]*\/[\w/.#-]*$/.test(source) ? `https://kubernetes.io/docs/${source}` : undefined;
}
