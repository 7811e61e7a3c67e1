/**
 * The forms of a report, one line each. A form is loaded when it is asked for; the command line repeats the names,
 * because it must not load this folder to print its help, and a test holds the two together.
 */
import type { Fleet } from "../findings/fleet.ts";
import type { Report } from "../findings/report.ts";
import type { JsonOptions } from "./json.ts";
import type { SarifOptions } from "./sarif.ts";
import type { TextOptions } from "./text.ts";

/** What the forms need besides the report. */
export interface FormatOptions extends JsonOptions, TextOptions, SarifOptions {}

/** Writes several clusters in one form. Pure, likewise. */
export type FleetRenderer = (fleet: Fleet, options: FormatOptions) => string;

/** Writes a report in one form. Pure: the same report and options give the same bytes. */
export type Renderer = (report: Report, options: FormatOptions) => string;

/** A way to write a report. */
export type FormatName = "text" | "json" | "yaml" | "ndjson" | "sarif" | "junit" | "markdown" | "html";

/** Each form and how it is loaded. */
export const formats: Readonly<Record<FormatName, () => Promise<Renderer>>> = {
  text: async () => {
    const [{ renderText }, { withGates }] = await Promise.all([import("./text.ts"), import("./gates.ts")]);
    return (report, options) => withGates(renderText(report, options), report, options);
  },
  json: async () => (await import("./json.ts")).renderJson,
  yaml: async () => (await import("./yaml.ts")).renderYaml,
  ndjson: async () => (await import("./ndjson.ts")).renderNdjson,
  sarif: async () => (await import("./sarif.ts")).renderSarif,
  junit: async () => (await import("./junit.ts")).renderJunit,
  markdown: async () => (await import("./markdown.ts")).renderMarkdown,
  html: async () => (await import("./html.ts")).renderHtml,
};

/** The same forms for several clusters. */
export const fleetFormats: Readonly<Record<FormatName, () => Promise<FleetRenderer>>> = {
  text: async () => (await import("./fleet-text.ts")).renderFleetText,
  json: async () => (await import("./json.ts")).renderFleetJson,
  yaml: async () => (await import("./yaml.ts")).renderFleetYaml,
  ndjson: async () => (await import("./ndjson.ts")).renderFleetNdjson,
  sarif: async () => (await import("./sarif.ts")).renderFleetSarif,
  junit: async () => (await import("./junit.ts")).renderFleetJunit,
  markdown: async () => (await import("./markdown.ts")).renderFleetMarkdown,
  html: async () => (await import("./html.ts")).renderFleetHtml,
};
