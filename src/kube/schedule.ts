/**
 * When a CronJob is due. The rules are those of the parser that the API server and the controller use (robfig/cron v3.0.1,
 * `ParseStandard`): five fields, the descriptors `@hourly` … `@yearly` and `@every 90m`, a `TZ=` or `CRON_TZ=` prefix.
 * They differ from other crons: no seconds, no `L`, `W`, `#`, Sunday is 0 and not 7, `?` means `*`; a moment is due when
 * the wall clock shows it, so a time that daylight saving skips is not due and one that it repeats is due twice. A general
 * cron package gets these wrong in one place or another, and a wrong due time is a false alarm.
 */
import { dayMs, hourMs, minuteMs, secondMs } from "./time.ts";

/** A parsed schedule. */
export type Schedule =
  | {
      readonly type: "calendar";
      readonly minutes: ReadonlySet<number>;
      readonly hours: ReadonlySet<number>;
      readonly daysOfMonth: ReadonlySet<number>;
      readonly months: ReadonlySet<number>;
      readonly daysOfWeek: ReadonlySet<number>;
      /** Both day fields are restricted: a day that matches either of them is due. */
      readonly eitherDay: boolean;
      /** IANA name; undefined when neither the schedule nor the CronJob names one. */
      readonly zone: string | undefined;
    }
  | { readonly type: "every"; readonly everyMs: number; readonly zone: undefined };

interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly names: readonly string[];
}

const monthNames = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const minuteBounds: Bounds = { min: 0, max: 59, names: [] };
const hourBounds: Bounds = { min: 0, max: 23, names: [] };
const dayOfMonthBounds: Bounds = { min: 1, max: 31, names: [] };
const monthBounds: Bounds = { min: 1, max: 12, names: monthNames };
const dayOfWeekBounds: Bounds = { min: 0, max: 6, names: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };

const descriptors: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};

/**
 * Reads `spec.schedule`, undefined when it is none or its time zone is not known here.
 * @param timeZone `spec.timeZone`, an IANA name.
 */
export function parseSchedule(text: string | undefined, timeZone?: string): Schedule | undefined {
  // A dump may hold anything in place of text.
  if (typeof text !== "string") return undefined;
  let zone = timeZone;
  let spec = text;
  const prefix = /^(?:CRON_)?TZ=(\S*) (.*)$/s.exec(text);
  if (prefix !== null) {
    // Go reads an empty name as UTC.
    zone = prefix[1] === "" ? "UTC" : prefix[1];
    spec = (prefix[2] ?? "").trim();
  }
  if (zone !== undefined && !isTimeZone(zone)) return undefined;
  if (spec.startsWith("@every ")) {
    const everyMs = parseGoDuration(spec.slice("@every ".length));
    if (everyMs === undefined) return undefined;
    return { type: "every", everyMs: Math.max(secondMs, Math.floor(everyMs / secondMs) * secondMs), zone: undefined };
  }
  if (spec.startsWith("@")) {
    const fields = Object.hasOwn(descriptors, spec) ? descriptors[spec] : undefined;
    if (fields === undefined) return undefined;
    spec = fields;
  }
  const fields = spec.split(/\s+/).filter((part) => part !== "");
  const [minute, hour, dayOfMonth, month, dayOfWeek] = fields;
  if (dayOfWeek === undefined || fields.length !== 5) return undefined;
  const minutes = parseField(minute, minuteBounds);
  const hours = parseField(hour, hourBounds);
  const daysOfMonth = parseField(dayOfMonth, dayOfMonthBounds);
  const months = parseField(month, monthBounds);
  const daysOfWeek = parseField(dayOfWeek, dayOfWeekBounds);
  if (!minutes || !hours || !daysOfMonth || !months || !daysOfWeek) return undefined;
  return {
    type: "calendar",
    minutes: minutes.values,
    hours: hours.values,
    daysOfMonth: daysOfMonth.values,
    months: months.values,
    daysOfWeek: daysOfWeek.values,
    eitherDay: !daysOfMonth.isStar && !daysOfWeek.isStar,
    zone,
  };
}

function parseField(
  text: string | undefined,
  bounds: Bounds,
): { readonly values: ReadonlySet<number>; readonly isStar: boolean } | undefined {
  const values = new Set<number>();
  let isStar = false;
  for (const part of (text ?? "").split(",")) {
    if (part === "") continue;
    const range = parseRange(part, bounds);
    if (range === undefined) return undefined;
    isStar ||= range.isStar;
    for (let value = range.start; value <= range.end; value += range.step) values.add(value);
  }
  return { values, isStar };
}

function parseRange(
  text: string,
  bounds: Bounds,
): { readonly start: number; readonly end: number; readonly step: number; readonly isStar: boolean } | undefined {
  const [span = "", stepText, ...moreSteps] = text.split("/");
  const [low = "", high, ...moreEnds] = span.split("-");
  if (moreSteps.length > 0) return undefined;
  const isAny = low === "*" || low === "?";
  if (!isAny && moreEnds.length > 0) return undefined;
  const start = isAny ? bounds.min : parseNumber(low, bounds.names, bounds.min);
  let end = isAny ? bounds.max : high === undefined ? start : parseNumber(high, bounds.names, bounds.min);
  const step = stepText === undefined ? 1 : parseNumber(stepText);
  // "N/step" means "N-max/step".
  if (stepText !== undefined && high === undefined) end = bounds.max;
  if (start === undefined || end === undefined || step === undefined) return undefined;
  if (start < bounds.min || end > bounds.max || start > end || step === 0) return undefined;
  return { start, end, step, isStar: isAny && step === 1 };
}

function parseNumber(text: string, names: readonly string[] = [], first = 0): number | undefined {
  const index = names.indexOf(text.toLowerCase());
  if (index !== -1) return index + first;
  return /^\+?\d{1,9}$/.test(text) ? Number(text) : undefined;
}

const durationUnits: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: secondMs,
  m: minuteMs,
  h: hourMs,
};

/** A duration as Go writes it (`1h30m`, `1.5h`, `-5s`, `0`), in milliseconds. */
function parseGoDuration(text: string): number | undefined {
  const [, sign, rest = ""] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  if (rest === "0") return 0;
  let total = 0;
  let read = 0;
  for (const match of rest.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/gy)) {
    total += Number(match[1]) * (durationUnits[match[2] ?? ""] ?? 0);
    read += match[0].length;
  }
  if (rest === "" || read !== rest.length) return undefined;
  return sign === "-" ? -total : total;
}

/** The schedule never becomes due when no moment of five years matches, as `0 0 31 2 *`. */
const searchMs = 5 * 366 * 24 * hourMs;

/**
 * The first moment after `after` at which the schedule is due, in milliseconds; undefined when it never is.
 * For `@every`, `after` is the run before.
 * @param defaultZone where the schedule names no time zone.
 */
export function nextDue(schedule: Schedule, after: number, defaultZone: string = "UTC"): number | undefined {
  if (schedule.type === "every") return after + schedule.everyMs;
  const zone = schedule.zone ?? defaultZone;
  let time = Math.floor(after / minuteMs) * minuteMs + minuteMs;
  let isHourStart = false;
  const end = after + searchMs;
  while (time <= end) {
    const local = new Date(time + offsetAt(zone, time));
    const year = local.getUTCFullYear();
    const month = local.getUTCMonth();
    if (!schedule.months.has(month + 1)) {
      time = startOf(zone, Date.UTC(year, month + 1, 1), time);
      isHourStart = true;
    } else if (!isDueDay(schedule, local)) {
      time = startOf(zone, Date.UTC(year, month, local.getUTCDate() + 1), time);
      isHourStart = true;
    } else if (!schedule.hours.has(local.getUTCHours())) {
      // Steps of a whole hour, not aligned again: where daylight saving moves half an hour, the controller's parser does so.
      time += isHourStart ? hourMs : hourMs - local.getUTCMinutes() * minuteMs;
      isHourStart = true;
    } else if (!schedule.minutes.has(local.getUTCMinutes())) {
      time += minuteMs;
      isHourStart = true;
    } else {
      return time;
    }
  }
  return undefined;
}

function isDueDay(schedule: Schedule & { readonly type: "calendar" }, local: Date): boolean {
  const dayOfMonth = schedule.daysOfMonth.has(local.getUTCDate());
  const dayOfWeek = schedule.daysOfWeek.has(local.getUTCDay());
  return schedule.eitherDay ? dayOfMonth || dayOfWeek : dayOfMonth && dayOfWeek;
}

/** Whether `time` is one of the schedule's due times; never for `@every`, which counts from run to run. */
export function isDue(schedule: Schedule, time: number, defaultZone: string = "UTC"): boolean {
  return schedule.type === "calendar" && nextDue(schedule, time - 1, defaultZone) === time;
}

/** The due times after `after` and up to `until`, oldest first, at most `limit` of them. */
export function dueTimes(
  schedule: Schedule,
  range: { readonly after: number; readonly until: number; readonly limit: number; readonly defaultZone?: string },
): readonly number[] {
  const due: number[] = [];
  let time: number | undefined = range.after;
  while (due.length < range.limit) {
    time = nextDue(schedule, time, range.defaultZone);
    if (time === undefined || time > range.until) break;
    due.push(time);
  }
  return due;
}

/** Whether `name` is a time zone of the IANA database. */
export function isTimeZone(name: string): boolean {
  return formatOf(name) !== undefined;
}

/** A moment as the clock of `zone` shows it, with the zone: `2026-01-15 04:30 Europe/Berlin`. */
export function formatInZone(time: number, zone: string = "UTC"): string {
  const text = new Date(time + offsetAt(zone, time)).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, 16)} ${zone}`;
}

// Building a format is a thousand times dearer than using it, and a cluster has few zones.
const formats = new Map<string, Intl.DateTimeFormat | null>();

function formatOf(zone: string): Intl.DateTimeFormat | undefined {
  let format = formats.get(zone);
  if (format === undefined) {
    try {
      format = new Intl.DateTimeFormat("en-US", {
        timeZone: zone,
        hourCycle: "h23",
        year: "numeric",
        month: "numeric",
        day: "numeric",
        hour: "numeric",
        minute: "numeric",
        second: "numeric",
      });
    } catch {
      format = null;
    }
    formats.set(zone, format);
  }
  return format ?? undefined;
}

const daysWithOneOffset = new Map<string, Map<number, number | null>>();

/** How far the clock of `zone` is ahead of UTC at `time`, in milliseconds. */
function offsetAt(zone: string, time: number): number {
  if (zone === "UTC") return 0;
  const day = Math.floor(time / dayMs);
  let known = daysWithOneOffset.get(zone);
  if (known === undefined) daysWithOneOffset.set(zone, (known = new Map()));
  let offset = known.get(day);
  if (offset === undefined) {
    const start = readOffset(zone, day * dayMs);
    offset = start === readOffset(zone, (day + 1) * dayMs) ? start : null;
    known.set(day, offset);
  }
  return offset ?? readOffset(zone, time);
}

function readOffset(zone: string, time: number): number {
  const part: Record<string, number> = {};
  for (const { type, value } of formatOf(zone)?.formatToParts(time) ?? []) part[type] = Number(value);
  const { year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(time / secondMs) * secondMs;
}

/** The first moment at which the clock of `zone` shows `local` or later; `near` is a moment shortly before it. */
function startOf(zone: string, local: number, near: number): number {
  const before = local - offsetAt(zone, near);
  const after = local - offsetAt(zone, before);
  const shows = [before, after].filter((time) => time + offsetAt(zone, time) >= local && time > near);
  return shows.length === 0 ? Math.max(before, after, near + minuteMs) : Math.min(...shows);
}
