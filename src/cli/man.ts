/** The manual page, made from the same table as parsing and help: they cannot disagree. */
import { EventEmitter } from "node:events";
import type { Command, Option } from "commander";

/** The page of `program` in roff, as `man` reads it. The same program gives the same bytes. */
export function manualPage(program: Command, version: string): string {
  return [
    `.TH K8SGPT 1 "" "k8sgpt ${version}" "User Commands"`,
    ".SH NAME",
    "k8sgpt \\- find what is broken in a Kubernetes cluster, and why",
    ".SH SYNOPSIS",
    ".B k8sgpt",
    ".RI [ options ]",
    ".I command",
    ".RI [ options ]",
    ".SH DESCRIPTION",
    escaped(program.description()),
    ".SH OPTIONS",
    "They hold for every command.",
    ...program.options.flatMap(optionLines),
    ".SH COMMANDS",
    ...commandsBelow(program).flatMap(commandLines),
    ".SH FILES",
    ".TP",
    ".I k8sgpt/k8sgpt.yaml",
    "The config, in your settings folder; \\fBk8sgpt init\\fR writes one.",
    ".TP",
    ".I .k8sgptignore",
    "Findings that are accepted: rule, object, reason, expiry.",
    ".SH ENVIRONMENT",
    ...variables.flatMap(([name, text]) => [".TP", `.B ${escaped(name)}`, escaped(text)]),
    ".SH SEE ALSO",
    ".BR kubectl (1)",
    "",
  ].join("\n");
}

const variables = [
  ["KUBECONFIG", "Kubeconfig files, when --kubeconfig is not given."],
  ["K8SGPT_ACTIVE_FILTERS", "Filters to run, instead of those of the config."],
  ["K8SGPT_PAGER, PAGER", "What shows a long report a page at a time; empty for none."],
  ["NO_COLOR", "No colours, when it is set and not empty."],
] as const;

function commandsBelow(command: Command): readonly Command[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .filter((sub) => sub.name() !== "help")
    .flatMap((sub) => [sub, ...commandsBelow(sub)]);
}

function commandLines(command: Command): readonly string[] {
  const help = command.createHelp();
  const options = help.visibleOptions(command).filter(({ long }) => long !== "--help");
  return [
    `.SS ${escaped(help.commandUsage(command))}`,
    escaped(command.description()),
    ...options.flatMap(optionLines),
    ...afterText(command),
  ];
}

function optionLines(option: Option): readonly string[] {
  const { flags, description, argChoices, defaultValue } = option;
  const [, names = flags, value = ""] = /^(.*?)( [<[].*)?$/.exec(flags) ?? [];
  const facts = [
    ...(argChoices === undefined ? [] : [`One of ${argChoices.join(", ")}.`]),
    ...(typeof defaultValue === "string" && defaultValue !== "" ? [`Default: ${defaultValue}.`] : []),
  ];
  const text = [`${description}.`, ...facts].join(" ");
  return [".TP", `\\fB${escaped(names)}\\fR\\fI${escaped(value)}\\fR`, escaped(text)];
}

/** Examples and exit codes, which the help prints after its lists. */
function afterText(command: Command): readonly string[] {
  let text = "";
  // The class is an EventEmitter, which its types do not say; `addHelpText` listens there.
  const emitter: unknown = command;
  if (emitter instanceof EventEmitter) {
    emitter.emit("afterHelp", { error: false, command, write: (part: string) => void (text += part) });
  }
  const lines = text.trim().split("\n");
  return text.trim() === "" ? [] : [".PP", ".nf", ...lines.map((line) => (line === "" ? "\\&" : escaped(line))), ".fi"];
}

/** Text that roff takes for text: no line begins a request, no backslash an escape, and a hyphen is typed as one. */
function escaped(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll("…", "...").replace(/^[.']/gm, "\\&$&");
}
