/**
 * Fewer and larger chunks. The bundler makes a chunk of each set of modules that the same lazy imports share, which for
 * `analyze` came to fifty files: to find, open and link one takes longer than to compile it. A lazy module that needs
 * some of a group imports the whole group here, so that the group becomes one chunk.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import type { Plugin } from "esbuild";

/** A group is what its anchors import, at any depth. */
interface Group {
  readonly anchors: readonly string[];
  /** Which lazy modules keep to the part that they need, because they run where nothing else has loaded the group. */
  readonly apart: RegExp;
}

const groups: readonly Group[] = [
  // Every start.
  { anchors: ["src/cli/main.ts"], apart: /^$/ },
  // What judges a cluster and tells it.
  {
    anchors: ["src/cli/analyze.ts", "src/report/text.ts", "src/report/json.ts"],
    apart: /^src\/(?:cli\/(?:auth|auth-test|cache|filters|generate|nearest)|analyzers\/index|config\/.*|ai\/.*)\.ts$/,
  },
  // What reads a live one.
  {
    anchors: ["src/cluster/live/live.ts", "src/cluster/live/client-node.ts", "src/cluster/codec/protobuf.ts"],
    apart: /^src\/(?:cluster\/offline|anonymize|report|cli)\//,
  },
];

const staticImport = /^(?:import|export) (?!type\b)[^;]*?from "(\.[^"]+\.ts)";|^import "(\.[^"]+\.ts)";/gm;
const lazyImport = /\bimport\("(\.[^"]+\.ts)"\)/g;

/** The plugin for a project in the folder `root`. */
export function gather(root: string): Plugin {
  const files = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => join("src", file).replaceAll(sep, "/"));
  const texts = new Map(files.map((file) => [file, readFileSync(join(root, file), "utf8")]));
  const targets = (file: string, form: RegExp): readonly string[] =>
    [...(texts.get(file) ?? "").matchAll(form)].map(([, one, other]) =>
      join(dirname(file), one ?? other ?? "").replaceAll(sep, "/"),
    );
  const needed = (from: readonly string[]): ReadonlySet<string> => {
    const found = new Set(from);
    for (const file of found) for (const target of targets(file, staticImport)) found.add(target);
    return found;
  };
  const lazy = new Set(files.flatMap((file) => targets(file, lazyImport)));
  const added = new Map([...lazy].map((file) => [file, new Set<string>()]));
  const placed = new Set<string>();
  for (const { anchors, apart } of groups) {
    const members = new Set([...needed(anchors)].filter((file) => !placed.has(file)));
    for (const file of lazy) {
      if (apart.test(file) || ![...needed([file])].some((each) => members.has(each))) continue;
      for (const anchor of anchors) if (anchor !== file) added.get(file)?.add(anchor);
    }
    for (const file of members) placed.add(file);
  }

  return {
    name: "gather",
    setup(bundle) {
      bundle.onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, ({ path }) => {
        const file = relative(root, path).replaceAll(sep, "/");
        const anchors = added.get(file);
        if (anchors === undefined || anchors.size === 0) return undefined;
        const lines = [...anchors].map((anchor) => `import ${JSON.stringify(join(root, anchor))};`);
        // After the module itself, whose line numbers stay.
        return { contents: `${readFileSync(path, "utf8")}\n${lines.join("\n")}\n`, loader: "ts" };
      });
    },
  };
}
