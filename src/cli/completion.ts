/**
 * Completion. The scripts are small and never change: at each press of the tab key they ask this program, which reads
 * the answer off its own command table, so that they cannot disagree with it. Names of filters, contexts and config
 * values are looked up only when one is being typed.
 */
import type { Command, Option } from "commander";
import type { Terminal } from "./terminal.ts";

/** One word to offer, with what it means. */
export interface Candidate {
  readonly word: string;
  readonly about: string;
}

/** Lists that only the machine at hand knows. */
export interface Lookups {
  readonly filters: () => Promise<readonly string[]>;
  readonly contexts: (kubeconfig: string | undefined) => Promise<readonly string[]>;
  readonly rules: () => Promise<readonly string[]>;
  readonly backends: () => Promise<readonly string[]>;
  readonly caches: () => Promise<readonly string[]>;
}

/**
 * What may stand in place of the last of `words`.
 *
 * @param words everything typed after `k8sgpt`, the last one (perhaps empty) being completed
 */
export async function candidatesFor(
  program: Command,
  words: readonly string[],
  lookups: Lookups,
): Promise<readonly Candidate[]> {
  const typed = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const options = (command: Command): readonly Option[] => [
    ...command.options,
    ...(command.parent === null ? [] : options(command.parent)),
  ];
  let command = program;
  let pending: Option | undefined;
  let kubeconfig: string | undefined;
  for (const word of before) {
    if (pending !== undefined) {
      if (pending.long === "--kubeconfig") kubeconfig = word;
      pending = undefined;
    } else if (word.startsWith("-")) {
      const [flag = ""] = word.split("=");
      const option = options(command).find(({ long, short }) => long === flag || short === flag);
      if (option?.required === true && !word.includes("=")) pending = option;
      else if (option?.long === "--kubeconfig") kubeconfig = word.slice(flag.length + 1);
    } else {
      command = command.commands.find((sub) => sub.name() === word || sub.aliases().includes(word)) ?? command;
    }
  }
  const assigned = /^(--[a-z-]+)=(.*)$/.exec(typed);
  const option = pending ?? options(command).find(({ long }) => long === assigned?.[1]);
  if (option !== undefined && (pending !== undefined || assigned !== null)) {
    const prefix = assigned === null || pending !== undefined ? "" : `${option.long ?? ""}=`;
    const values = await valuesOf(option, typed.slice(prefix.length), kubeconfig, lookups);
    return matching(
      values.map((word) => ({ word: prefix + word, about: "" })),
      typed,
    );
  }
  if (typed.startsWith("-")) {
    const help = { word: "--help", about: "show this help" };
    const flags = options(command).flatMap(({ long, description, hidden }) =>
      hidden || long === null || long === undefined ? [] : [{ word: long, about: description }],
    );
    return matching([...flags, help], typed);
  }
  if (command.parent?.name() === "filters" && command.registeredArguments.length > 0) {
    return matching(
      listWords(typed, await lookups.filters()).map((word) => ({ word, about: "" })),
      typed,
    );
  }
  const operands = command.commands.length > 0 ? [] : await operandsOf(pathOf(command), kubeconfig, lookups);
  if (operands.length > 0) {
    return matching(
      operands.map((word) => ({ word, about: "" })),
      typed,
    );
  }
  const visible = command.createHelp().visibleCommands(command);
  return matching(
    visible.map((sub) => ({ word: sub.name(), about: sub.description() })),
    typed,
  );
}

function pathOf(command: Command): string {
  const { parent } = command;
  return parent === null || parent.parent === null ? command.name() : `${pathOf(parent)} ${command.name()}`;
}

/** What may follow the name of a command. */
async function operandsOf(path: string, kubeconfig: string | undefined, lookups: Lookups): Promise<readonly string[]> {
  switch (path) {
    case "rules":
      return [...(await lookups.filters()), ...(await lookups.rules())];
    case "compare":
      return lookups.contexts(kubeconfig);
    case "cache add":
      return lookups.caches();
    default:
      return [];
  }
}

async function valuesOf(
  option: Option,
  typed: string,
  kubeconfig: string | undefined,
  lookups: Lookups,
): Promise<readonly string[]> {
  if (option.argChoices !== undefined) return option.argChoices;
  switch (option.long) {
    case "--filter":
      return listWords(typed, await lookups.filters());
    case "--backend":
    case "--provider":
      return lookups.backends();
    case "--backends":
      return listWords(typed, await lookups.backends());
    case "--include":
      return listWords(typed, ["info", "risks"]);
    case "--kubecontext":
    case "--context":
      return listWords(typed, await lookups.contexts(kubeconfig));
    default:
      return [];
  }
}

/** Continues a list with commas: `Pod,Ser` goes on as `Pod,Service`; letter case does not matter. */
function listWords(typed: string, names: readonly string[]): readonly string[] {
  const done = typed.slice(0, typed.lastIndexOf(",") + 1);
  const last = typed.slice(done.length).toLowerCase();
  const used = new Set(done.toLowerCase().split(","));
  return names
    .filter((name) => name.toLowerCase().startsWith(last) && !used.has(name.toLowerCase()))
    .map((name) => done + name);
}

function matching(candidates: readonly Candidate[], typed: string): readonly Candidate[] {
  return candidates.filter(({ word }) => word.toLowerCase().startsWith(typed.toLowerCase()));
}

/** Answers a completion script: a word, a tab and its description per line. Silent where it cannot tell. */
export async function complete(
  program: Command,
  words: readonly string[],
  descriptions: boolean,
  terminal: Terminal,
): Promise<void> {
  const lookups: Lookups = {
    filters: async () => (await import("../analyzers/index.ts")).analyzers.map(({ name }) => name),
    rules: async () => {
      const { analyzers } = await import("../analyzers/index.ts");
      return [...new Set(analyzers.flatMap(({ rules }) => Object.keys(rules)))].sort();
    },
    backends: async () => Object.keys((await import("../ai/backends.ts")).backends),
    caches: async () => (await import("../config/cache.ts")).remoteCacheTypes,
    contexts: async (kubeconfig) => {
      const { listContexts } = await import("../cluster/live/kubeconfig.ts");
      return listContexts({ kubeconfig, env: terminal.env }).map(({ name }) => name);
    },
  };
  // A broken kubeconfig must not spill into the line that is being typed.
  const found = await candidatesFor(program, words, lookups).catch(() => []);
  const lines = found.map(({ word, about }) => (descriptions && about !== "" ? `${word}\t${about}\n` : `${word}\n`));
  await terminal.print(lines.join(""));
}

/** The script that a shell sources. */
export function completionScript(shell: "bash" | "zsh" | "fish", descriptions: boolean): string {
  const ask = `k8sgpt __complete ${descriptions ? "" : "--no-descriptions "}--`;
  if (shell === "bash") return bashScript;
  return shell === "zsh" ? zshScript(ask) : fishScript(ask);
}

// bash shows no descriptions; it splits words at `=` and `:`, which contexts and flags hold, so that the line is cut anew.
const bashScript = `# bash completion for k8sgpt
_k8sgpt() {
  local line="\${COMP_LINE:0:COMP_POINT}" words current IFS=$' \\t\\n'
  read -r -a words <<< "$line"
  case "$line" in *[[:space:]]) words+=("") ;; esac
  current="\${words[\${#words[@]}-1]}"
  IFS=$'\\n'
  COMPREPLY=($(k8sgpt __complete --no-descriptions -- "\${words[@]:1}" 2>/dev/null))
  if [ "\${#COMPREPLY[@]}" -eq 0 ]; then
    COMPREPLY=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"))
    return
  fi
  local prefix=""
  case "$current" in
    *[=:]*) case "$COMP_WORDBREAKS" in *[=:]*) prefix="\${current%"\${current##*[=:]}"}" ;; esac ;;
  esac
  COMPREPLY=("\${COMPREPLY[@]#"$prefix"}")
}
complete -o nosort -F _k8sgpt k8sgpt 2>/dev/null || complete -F _k8sgpt k8sgpt
`;

function zshScript(ask: string): string {
  return `#compdef k8sgpt
# zsh completion for k8sgpt
_k8sgpt() {
  local -a lines described
  local line
  lines=("\${(@f)$(${ask} "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  for line in $lines; do
    [[ -z "$line" ]] && continue
    local word="\${line%%$'\\t'*}" about=""
    [[ "$line" == *$'\\t'* ]] && about="\${line#*$'\\t'}"
    described+=("\${word//:/\\\\:}\${about:+:$about}")
  done
  if (( \${#described} )); then _describe -V k8sgpt described; else _files; fi
}
if [ "$funcstack[1]" = "_k8sgpt" ]; then _k8sgpt "$@"; else compdef _k8sgpt k8sgpt; fi
`;
}

function fishScript(ask: string): string {
  return `# fish completion for k8sgpt
function __k8sgpt_complete
  set -l words (commandline -opc) (commandline -ct)
  ${ask} $words[2..-1] 2>/dev/null
end
complete -c k8sgpt -e
complete -c k8sgpt -f -a '(__k8sgpt_complete)'
complete -c k8sgpt -l from -l kubeconfig -l config -r -F
`;
}
