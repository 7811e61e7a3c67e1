/**
 * Reads the end of a container's log for what went wrong: the last block of lines that tells of an error, with its stack
 * trace. Levels are taken from where loggers write them (JSON, logfmt, klog and glog, brackets, the plain word after the
 * time); only a line without a level is judged by its words. Formats: Go `log/slog`, zap, logrus, klog; Java logback and
 * log4j2 with their JSON layouts; Python `logging`; pino, bunyan, winston; .NET Serilog; Rust `tracing`; nginx, PostgreSQL.
 */

/** How bad a line says that it is. */
type Level = "fatal" | "error" | "warning" | "fine";

/** The last error in a log. */
export interface LogError {
  readonly level: Exclude<Level, "fine">;
  /** The lines of the block, each cut to a length that can be read. */
  readonly lines: readonly string[];
  /** What the error is about, in words from a fixed table. */
  readonly says: string | undefined;
}

const maxBytes = 64 * 1024;
const maxLineLength = 500;
const maxLines = 20;

/** The last error block of `lines`; undefined where no line tells of an error or a warning. */
export function lastError(lines: readonly string[]): LogError | undefined {
  const kept = withinLimits(lines);
  const levels = kept.map(levelOf);
  // A warning counts only where nothing worse is told.
  const last = levels.some((level) => level === "fatal" || level === "error")
    ? levels.findLastIndex((level) => level === "fatal" || level === "error")
    : levels.lastIndexOf("warning");
  const level = levels[last];
  if (level === undefined || level === "fine") return undefined;
  const start = startOfBlock(kept, levels, last);
  let end = last + 1;
  while (end < kept.length && isPartOfBlock(kept[end] ?? "", kept.slice(start, end))) end += 1;
  const block = kept.slice(start, end);
  const text = block.join("\n");
  return {
    level: levels.slice(start, end).includes("fatal") ? "fatal" : level,
    lines:
      block.length <= maxLines
        ? block
        : [...block.slice(0, maxLines - 8), `… ${block.length - maxLines + 1} lines …`, ...block.slice(-7)],
    says: subjects.find(([pattern]) => pattern.test(text))?.[1],
  };
}

/** The last lines that fit the limits, without control characters (terminal colours too) and without empty ends. */
function withinLimits(lines: readonly string[]): readonly string[] {
  const kept: string[] = [];
  let size = 0;
  for (const line of lines.toReversed()) {
    // The sequences that colour a terminal start with ESC and end with a letter.
    const text = line
      .replaceAll(/\p{Cc}\[[0-9;?]*[A-Za-z]/gu, "")
      .replaceAll(/[\p{Cc}--\t]/gv, "")
      .trimEnd();
    const short = text.length > maxLineLength ? `${text.slice(0, maxLineLength)}…` : text;
    size += short.length + 1;
    if (size > maxBytes) break;
    kept.push(short);
  }
  return kept.toReversed();
}

// ---- levels -----------------------------------------------------------------------------------------------------------

/** Words for levels, in the languages in which programs were seen to write them. */
const levelWords: Readonly<Record<string, Level>> = {
  ...levelsOf("fatal", [
    "fatal",
    "critical",
    "crit",
    "panic",
    "alert",
    "emerg",
    "emergency",
    "dpanic",
    "severe",
    "심각",
    "치명",
    "致命的",
    "致命",
    "严重",
  ]),
  ...levelsOf("error", [
    "error",
    "err",
    "eror",
    "erro",
    "오류",
    "에러",
    "エラー",
    "错误",
    "錯誤",
    "fehler",
    "erreur",
    "errore",
    "ошибка",
  ]),
  ...levelsOf("warning", ["warning", "warn", "wrn", "경고", "警告", "warnung", "avertissement", "предупреждение"]),
  ...levelsOf("fine", [
    "info",
    "information",
    "informational",
    "inf",
    "notice",
    "log",
    "debug",
    "dbg",
    "trace",
    "trc",
    "verbose",
    "finest",
    "finer",
    "fine",
    "config",
    "정보",
    "디버그",
    "情報",
    "信息",
    "調試",
    "调试",
  ]),
};

function levelsOf(level: Level, words: readonly string[]): Readonly<Record<string, Level>> {
  return Object.fromEntries(words.map((word) => [word, level]));
}

function wordLevel(word: string | undefined): Level | undefined {
  const key = (word ?? "").toLowerCase();
  return Object.hasOwn(levelWords, key) ? levelWords[key] : undefined;
}

const levelKeys = [
  "level",
  "lvl",
  "severity",
  "levelname",
  "loglevel",
  "log.level",
  "log_level",
  "@l",
  "Level",
  "LogLevel",
  "severity_text",
  "severityText",
  "수준",
  "레벨",
];

/** The level that the line itself states, or that its words tell. */
function levelOf(line: string): Level {
  return statedLevel(line) ?? toldLevel(line);
}

function statedLevel(line: string): Level | undefined {
  if (line === "") return "fine";
  const json = jsonLevel(line);
  if (json !== undefined) return json;
  // logfmt: level=error, also with quotes.
  const logfmt = /(?:^|\s)(?:level|lvl|severity|loglevel)=["']?([\p{L}]+)/iu.exec(line)?.[1];
  if (logfmt !== undefined) return wordLevel(logfmt);
  // klog and glog: E0115 12:00:00.000000       1 file.go:12] text
  const klog = /^([IWEF])\d{4} \d\d:\d\d:\d\d/.exec(line)?.[1];
  if (klog !== undefined) return ({ I: "fine", W: "warning", E: "error", F: "fatal" } as const)[klog];
  // [error], <error>, (ERROR), |ERROR|, [2026-01-15 …] [ERROR]
  for (const [, word] of line.slice(0, 200).matchAll(/[[<(|]\s*([\p{L}]{2,13})\s*(?=[\]>)|])/gu)) {
    const level = wordLevel(word);
    if (level !== undefined) return level;
  }
  // A level behind the time, in capitals or before a colon: `2026-01-15T12:00:00Z ERROR text`, `ERROR: text`, `warn: text`.
  const rest = line.replace(/^[\d\sTZ.,:+/\-[\]UTC]*(?:\[[^\]]*\]\s*|\(\S*\)\s*)*/u, "");
  const [, word = "", mark = ""] = /^([\p{L}]{2,13})(:?)(?=\s|$|:)/u.exec(rest) ?? [];
  const level = wordLevel(word);
  if (level !== undefined && (mark === ":" || word === word.toUpperCase())) return level;
  // log4j and Spring put the thread or the process between time and level; PostgreSQL as well.
  const later =
    /(?:^|[\s\]])(FATAL|PANIC|ERROR|WARN|WARNING|INFO|DEBUG|TRACE|LOG|NOTICE)(?::|\s+(?:\d+\s+)?(?:---|\[|[a-z][\w.]+\.[\w.]+\b|-))/.exec(
      line.slice(0, 160),
    )?.[1];
  return wordLevel(later);
}

function jsonLevel(line: string): Level | undefined {
  if (!line.startsWith("{")) return undefined;
  // A line that was cut is no JSON any more, and still shows its level.
  const cut = /["'](?:level|lvl|severity|levelname|log\.level|@l)["']\s*:\s*(?:"([\p{L}]+)"|(\d+))/iu.exec(line);
  let value: unknown = cut?.[1] ?? (cut?.[2] === undefined ? undefined : Number(cut[2]));
  try {
    const parsed: unknown = JSON.parse(line);
    if (typeof parsed === "object" && parsed !== null) {
      const record: Readonly<Record<string, unknown>> = { ...parsed };
      const log: unknown = record["log"];
      const inner: unknown = typeof log === "object" && log !== null && "level" in log ? log.level : undefined;
      value = levelKeys.map((key) => record[key]).find((found) => found !== undefined) ?? inner;
      // A structured line that states no level states none: its words are values.
      if (value === undefined)
        return record["error"] === undefined && record["exception"] === undefined ? "fine" : "error";
    }
  } catch {
    // Not JSON after all.
  }
  if (typeof value === "string") return wordLevel(value);
  if (typeof value !== "number") return undefined;
  // pino and bunyan count in tens; syslog's severities run from 0, worst, to 7.
  if (value >= 10) return value >= 60 ? "fatal" : value >= 50 ? "error" : value >= 40 ? "warning" : "fine";
  return value <= 2 ? "fatal" : value === 3 ? "error" : value === 4 ? "warning" : "fine";
}

/** Words that stand in lines where nothing is wrong. */
const harmless =
  /\b(?:no|without|0|zero) (?:\w+ )?(?:errors?|exceptions?|failures?|failed)\b|\b(?:errors?|failures?|failed|exceptions?)\b["']?\s*[:=]\s*["']?(?:0|null|nil|none|false|\[\]|<nil>|undefined)\b|\b(?:error|exception)[- ]?(?:handler|handling|page|report(?:er|ing)?|log(?:ger|ging|s)?|rate|budget|tracking)\b|\bfail(?:over|safe|fast|back|-over|-safe|-fast)\b|\bon[-_ ]?error\b|\bignor(?:e|ed|ing)\b.*\berrors?\b/gi;

/** An access log: method, path, protocol and a status below 500. */
const access = /"?(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) \S+(?: HTTP\/[\d.]+)?"?\s+[1-4]\d\d\b/;

const fatalWords =
  /^(?:panic:|fatal error:|Traceback \(most recent call last\)|Exception in thread|thread '.*' panicked at|Unhandled exception|Uncaught |terminate called after|Segmentation fault|Bus error|Illegal instruction|FATAL)|\bout of memory\b|OutOfMemoryError|\bcore dumped\b|exec format error|cannot execute binary file|UnhandledPromiseRejection/;

const errorWords =
  /\b(?:errors?|exceptions?|fatal|panic(?:ked)?|fail(?:ed|ure|s|ing)?|cannot|could not|couldn't|unable to|refused|denied|unauthorized|forbidden|not found|no such (?:file|host|table|module)|timed out|timeout|invalid|missing|undefined|unreachable|aborted|killed|unresolved)\b|[A-Za-z]+(?:Error|Exception)\b|\bERR!|오류|에러|실패|예외|エラー|失敗|例外|错误|失败|异常|錯誤|失敗/iu;

function toldLevel(line: string): Level {
  if (access.test(line)) return "fine";
  const rest = line.replaceAll(harmless, " ");
  if (fatalWords.test(rest)) return "fatal";
  return errorWords.test(rest) ? "error" : "fine";
}

// ---- blocks -----------------------------------------------------------------------------------------------------------

/** Lines that go on with a stack trace or with the text of the error before them. */
const continuation =
  /^(?:\s+\S|\}|\)|\]|Caused by:|Suppressed:|\.\.\. \d+ more|goroutine \d+ |created by |main\.|runtime\.|[\w./*()-]+\(0x[0-9a-f]|[\w./*()-]+\(\.\.\.\)|exit status \d+|\[signal |note: |stack backtrace:|During handling of|The above exception|[\w.]+(?:Error|Exception|Warning|Exit|Interrupt)(?::|$)|\d+: 0x|DETAIL:|HINT:|STATEMENT:|CONTEXT:|Node\.js v)/;

function isPartOfBlock(line: string, block: readonly string[]): boolean {
  if (line === "") return block.some((each) => /^panic:|^goroutine|^fatal error:|Error:|Traceback/.test(each));
  return continuation.test(line) && !/^\s*\{"/.test(line);
}

/** Goes back from a line inside a trace to the line that begins it. */
function startOfBlock(lines: readonly string[], levels: readonly Level[], last: number): number {
  let start = last;
  while (start > 0) {
    const line = lines[start] ?? "";
    const before = lines[start - 1] ?? "";
    const isInside =
      isPartOfBlock(line, lines.slice(Math.max(0, start - maxLines), start)) ||
      /^(?:Traceback|Exception in thread)/.test(before);
    if (!isInside || (before === "" && levels[start - 1] === "fine" && line !== "" && !continuation.test(line))) break;
    start -= 1;
    if (last - start > 200) break;
  }
  return lines[start] === "" && start < last ? start + 1 : start;
}

// ---- subjects -----------------------------------------------------------------------------------------------------------

/** What errors are about, most particular first. */
const subjects: readonly (readonly [RegExp, string])[] = [
  [
    /OutOfMemoryError|out of memory|cannot allocate memory|heap out of memory|\bENOMEM\b|MemoryError/i,
    "it ran out of memory",
  ],
  [/no space left on device|\bENOSPC\b|disk quota exceeded/i, "the disk is full"],
  [/too many open files|\bEMFILE\b/i, "it has too many open files"],
  [/exec format error|cannot execute binary file|wrong ELF class/i, "the program is for another CPU"],
  [
    /no such host|\bENOTFOUND\b|\bEAI_AGAIN\b|name or service not known|name resolution|UnknownHostException|could not (?:resolve|translate) host|gaierror|lookup .*server misbehaving|host not found/i,
    "a host name does not resolve",
  ],
  [/address already in use|\bEADDRINUSE\b|bind: |port .* already (?:in use|allocated)/i, "it cannot open its port"],
  [/x509|certificate|\bTLS\b|\bSSL\b|handshake/i, "the TLS connection fails"],
  [
    /password authentication failed|authentication failed|access denied for user|invalid (?:password|credentials|api key|token)|\b401\b|unauthori[sz]ed|WRONGPASS|NOAUTH|login failed/i,
    "its credentials are refused",
  ],
  [/is forbidden: User|\b403\b|forbidden|AccessDenied|not authori[sz]ed/i, "it has no right to do what it tries"],
  [
    /permission denied|\bEACCES\b|\bEPERM\b|operation not permitted|read-only file system|\bEROFS\b/i,
    "it has no right to a file or operation",
  ],
  [
    /connection refused|\bECONNREFUSED\b|connect: no route|no route to host|network is unreachable|\bEHOSTUNREACH\b/i,
    "it cannot connect to another service",
  ],
  [/timed? ?out|\bETIMEDOUT\b|deadline exceeded|TimeoutException/i, "another service does not answer in time"],
  [/connection reset|broken pipe|\bECONNRESET\b|\bEPIPE\b|unexpected EOF/i, "a connection broke"],
  [
    /(?:relation|table|column|database|collection|schema) \S+ (?:does not|doesn't) exist|no such (?:table|column)|unknown (?:database|column)|migrat/i,
    "the database is not as it expects",
  ],
  [
    /environment variable|\benv(?:ironment)?\b.*(?:required|missing|not set)|(?:required|missing).*\benv|KeyError: '[A-Z_]+'|must be set|is not set|is required/i,
    "a setting is missing",
  ],
  [
    /cannot find module|ModuleNotFoundError|ImportError|NoClassDefFoundError|ClassNotFoundException|cannot open shared object|no required module|LoadError/i,
    "a library is missing",
  ],
  [/no such file|\bENOENT\b|FileNotFound|file not found|cannot open/i, "a file is missing"],
  [
    /(?:parse|parsing|unmarshal|decode|syntax|yaml|toml|json).*(?:error|fail|invalid|unexpected)|(?:error|fail|invalid|unexpected).*(?:pars|unmarshal|decod|syntax|yaml|toml|json)|invalid (?:config|argument|option|flag|value)|unknown (?:flag|option|command)|unrecognized/i,
    "a setting or argument is not valid",
  ],
  [
    /nil pointer|NullPointerException|null reference|is not a function|of undefined|of null|AttributeError|TypeError|index out of (?:range|bounds)|segmentation fault/i,
    "a fault in the program",
  ],
];
