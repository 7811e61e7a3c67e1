import { dump, YAML11_SCHEMA } from "js-yaml";
import type { Report } from "../findings/report.ts";
import { type JsonOptions, reportJson } from "./json.ts";

/**
 * The report as YAML: the same data under the same names as the JSON, without anchors, and with strings quoted wherever
 * a reader of YAML 1.1 would take them for something else.
 */
export function renderYaml(report: Report, options: JsonOptions): string {
  return dump(reportJson(report, options), { schema: YAML11_SCHEMA, noRefs: true, lineWidth: -1, skipInvalid: true });
}
