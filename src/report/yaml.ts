import { dump, YAML11_SCHEMA } from "js-yaml";
import type { Fleet } from "../findings/fleet.ts";
import type { Report } from "../findings/report.ts";
import { type JsonOptions, fleetJson, reportJson } from "./json.ts";

/**
 * The report as YAML: the same data under the same names as the JSON, without anchors, and with strings quoted wherever
 * a reader of YAML 1.1 would take them for something else.
 */
export function renderYaml(report: Report, options: JsonOptions): string {
  return yamlOf(reportJson(report, options));
}

/** Several clusters as YAML, likewise. */
export function renderFleetYaml(fleet: Fleet, options: JsonOptions): string {
  return yamlOf(fleetJson(fleet, options));
}

function yamlOf(data: object): string {
  return dump(data, { schema: YAML11_SCHEMA, noRefs: true, lineWidth: -1, skipInvalid: true });
}
