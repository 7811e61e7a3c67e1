/**
 * Label selectors as the API server evaluates them (concepts/overview/working-with-objects/labels/): a null selector
 * selects nothing, `{}` selects everything, requirements are joined by AND.
 */

export type Labels = Readonly<Record<string, string>>;

/** The `LabelSelector` of Deployments, NetworkPolicies, webhooks and others. */
export interface LabelSelector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly {
    readonly key?: string;
    readonly operator?: string;
    readonly values?: readonly string[];
  }[];
}

/** Whether `selector` selects an object that carries `labels`. An unknown operator selects nothing. */
export function selectorMatches(selector: LabelSelector | undefined, labels: Labels | undefined): boolean {
  if (selector === undefined) return false;
  const carried = labels ?? {};
  const { matchLabels, matchExpressions } = selector;
  if (matchLabels !== undefined && !mapMatches(matchLabels, carried)) return false;
  for (const { key = "", operator, values = [] } of matchExpressions ?? []) {
    const value = carried[key];
    switch (operator) {
      case "In":
        if (value === undefined || !values.includes(value)) return false;
        break;
      case "NotIn":
        if (value !== undefined && values.includes(value)) return false;
        break;
      case "Exists":
        if (value === undefined) return false;
        break;
      case "DoesNotExist":
        if (value !== undefined) return false;
        break;
      default:
        return false;
    }
  }
  return true;
}

/** Whether the equality map of a Service or a Pod's `nodeSelector` selects `labels`; an empty map selects everything. */
export function mapMatches(selector: Labels, labels: Labels | undefined): boolean {
  // Without lists of pairs: this is asked for each Pod that a selector may select.
  for (const key of Object.keys(selector)) if (labels?.[key] !== selector[key]) return false;
  return true;
}

/** A selector as `kubectl -l` takes it: `app=cart,tier in (a,b),!legacy`. */
export function formatSelector(selector: LabelSelector): string {
  const parts = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  for (const { key = "", operator, values = [] } of selector.matchExpressions ?? []) {
    if (operator === "Exists") parts.push(key);
    else if (operator === "DoesNotExist") parts.push(`!${key}`);
    else parts.push(`${key} ${operator === "NotIn" ? "notin" : "in"} (${values.join(",")})`);
  }
  return parts.join(",");
}

/**
 * Reads a selector in the syntax of `kubectl --selector`: `a=b`, `a==b`, `a!=b`, `a in (x,y)`, `a notin (x)`, `a`, `!a`,
 * joined by commas. Returns undefined when the text is none.
 */
export function parseSelector(text: string): LabelSelector | undefined {
  const requirements = splitOutsideParentheses(text);
  const matchExpressions: { key: string; operator: string; values: string[] }[] = [];
  for (const requirement of requirements) {
    const parsed = parseRequirement(requirement.trim());
    if (parsed === undefined) return undefined;
    matchExpressions.push(parsed);
  }
  return { matchExpressions };
}

const keyPattern = String.raw`[A-Za-z0-9](?:[A-Za-z0-9_./-]*[A-Za-z0-9])?`;
const valuePattern = String.raw`(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?)?`;
const setRequirement = new RegExp(String.raw`^(${keyPattern})\s+(in|notin)\s*\(([^()]*)\)$`);
const equalityRequirement = new RegExp(String.raw`^(${keyPattern})\s*(==|=|!=)\s*(${valuePattern})$`);
const existsRequirement = new RegExp(String.raw`^(!?)\s*(${keyPattern})$`);
const wholeValue = new RegExp(`^${valuePattern}$`);

function parseRequirement(text: string): { key: string; operator: string; values: string[] } | undefined {
  const set = setRequirement.exec(text);
  if (set !== null) {
    const values = (set[3] ?? "").split(",").map((value) => value.trim());
    if (!values.every((value) => wholeValue.test(value))) return undefined;
    return { key: set[1] ?? "", operator: set[2] === "in" ? "In" : "NotIn", values };
  }
  const equality = equalityRequirement.exec(text);
  if (equality !== null) {
    return { key: equality[1] ?? "", operator: equality[2] === "!=" ? "NotIn" : "In", values: [equality[3] ?? ""] };
  }
  const exists = existsRequirement.exec(text);
  if (exists !== null) {
    return { key: exists[2] ?? "", operator: exists[1] === "!" ? "DoesNotExist" : "Exists", values: [] };
  }
  return undefined;
}

function splitOutsideParentheses(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let index = 0; index < text.length; index += 1) {
    if (text[index] === "(") depth += 1;
    else if (text[index] === ")") depth -= 1;
    else if (text[index] === "," && depth === 0) {
      parts.push(text.slice(start, index));
      start = index + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}
