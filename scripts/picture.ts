/** A picture of the terminal for the README: the report's own text and colours as SVG. */
import type { Palette } from "../src/report/text.ts";

type Painted = Exclude<keyof Palette, "link">;

const colours: Readonly<Record<Painted, string>> = {
  critical: "#ff7b72",
  warning: "#e3b341",
  info: "#79c0ff",
  risk: "#d2a8ff",
  good: "#7ee787",
  strong: "#ffffff",
  dim: "#8b949e",
  command: "#a5d6ff",
};

// Marks that no report contains: characters of the private use area.
const open = "\uE000";
const close = "\uE001";

/** A palette that marks its parts for `pictureOf`. */
export const pictured: Palette = {
  ...(Object.fromEntries(
    Object.keys(colours).map((style) => [style, (text: string) => `${open}${style}:${text}${close}`]),
  ) as unknown as Palette),
  link: (text) => text,
};

/** `text`, rendered with `pictured`, as an SVG of a terminal window that shows `command` and the first `maxLines` lines. */
export function pictureOf(text: string, command: string, maxLines: number): string {
  const all = text.split("\n");
  const lines = [
    `${open}dim:$${close} ${open}strong:${command}${close}`,
    ...all.slice(0, maxLines),
    ...(all.length > maxLines ? [`${open}dim:…${close}`] : []),
  ];
  const rowHeight = 17;
  const columns = Math.max(...lines.map((line) => line.replaceAll(/\uE000\w+:|\uE001/g, "").length));
  const width = Math.ceil(columns * 7.83) + 32;
  const height = lines.length * rowHeight + 60;
  const rows = lines.map(
    (line, index) => `<text x="16" y="${52 + index * rowHeight}" xml:space="preserve">${spans(line)}</text>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" role="img" aria-label="Output of ${escape(command)}">`,
    `<rect width="${width}" height="${height}" rx="8" fill="#0d1117"/>`,
    '<circle cx="20" cy="18" r="6" fill="#ff5f56"/><circle cx="40" cy="18" r="6" fill="#ffbd2e"/><circle cx="60" cy="18" r="6" fill="#27c93f"/>',
    '<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="13" fill="#c9d1d9">',
    ...rows,
    "</g>",
    "</svg>",
    "",
  ].join("\n");
}

/** Marked text as nested `tspan`s; an inner style wins over the outer one. */
function spans(line: string): string {
  let out = "";
  for (const part of line.split(/(\uE000\w+:|\uE001)/)) {
    const [, style] = /^\uE000(\w+):$/.exec(part) ?? [];
    if (style !== undefined && style in colours) {
      const weight = style === "strong" || style === "critical" ? ' font-weight="bold"' : "";
      out += `<tspan fill="${colours[style as Painted]}"${weight}>`;
    } else if (part === close) out += "</tspan>";
    else out += escape(part);
  }
  return out;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
