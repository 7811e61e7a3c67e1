/**
 * Bundles `src/cli/k8sgpt.ts` into `dist`: one small entry and chunks that load when they are needed, because starting
 * Node on hundreds of files costs more than most commands do. Three things are not left to the bundler's defaults:
 * - Node's builtins come from `process.getBuiltinModule`: an ESM import of one reads each of its exports, also those that
 *   load much more (`node:http` alone costs as much as starting Node).
 * - @kubernetes/client-node counts as free of side effects: only its KubeConfig is used, and the typed calls for every
 *   kind of the API stay out.
 * - undici, which only those typed calls need, is a module that throws when it is used.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type OnLoadResult, type Plugin } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The module that also runs on a Node that has no `getBuiltinModule` yet. */
function isForAnyNode(importer: string): boolean {
  return /[\\/]src[\\/]cli[\\/]older-node\.ts$/.test(importer);
}

const builtins: Plugin = {
  name: "builtins",
  setup(bundle) {
    // One module per importer: shared ones would each become a chunk of their own, a file to open for two lines.
    bundle.onResolve({ filter: /^[a-z_:/0-9]+$/ }, ({ path, importer }) =>
      isBuiltin(path) && !isForAnyNode(importer)
        ? {
            path: path.replace(/^node:/, ""),
            suffix: `?${relative(root, importer)}`,
            namespace: "builtin",
            sideEffects: false,
          }
        : undefined,
    );
    bundle.onLoad({ filter: /.*/, namespace: "builtin" }, ({ path, suffix }): OnLoadResult => {
      // commander starts programs for subcommands that are files of their own; k8sgpt has none, and loading this costs
      // a tenth of Node's own start.
      if (path === "child_process" && suffix.includes("commander")) return { contents: "module.exports = {};" };
      const builtin = `process.getBuiltinModule(${JSON.stringify(`node:${path}`)})`;
      // The bundler copies the properties of what is exported, and only to look at some of `util`'s and `fs`'s loads
      // streams and worker threads. What is inherited is not copied: it is found when it is used.
      const isNamespace = path !== "process" && typeof process.getBuiltinModule(path) === "object";
      return { contents: `module.exports = ${isNamespace ? `Object.create(${builtin})` : builtin};` };
    });
  },
};

const lightClientNode: Plugin = {
  name: "light-client-node",
  setup(bundle) {
    bundle.onResolve({ filter: /^undici$/ }, () => ({ path: "undici", namespace: "left-out", sideEffects: false }));
    // It throws when it is used, not when it is loaded. A name that is missing here fails the build.
    bundle.onLoad({ filter: /.*/, namespace: "left-out" }, () => ({
      contents: `function leftOut() { throw new Error("undici is not part of this bundle: k8sgpt makes no typed call"); }
        export { leftOut as fetch, leftOut as Agent, leftOut as ProxyAgent };`,
      loader: "js",
    }));
    bundle.onResolve({ filter: /.*/ }, async ({ path, pluginData, ...options }) => {
      const isOwn =
        /[\\/]@kubernetes[\\/]client-node[\\/]/.test(options.importer) || path === "@kubernetes/client-node";
      // The second resolution is esbuild's own.
      if (!isOwn || pluginData === "asked") return undefined;
      const found = await bundle.resolve(path, { ...options, pluginData: "asked" });
      const isWithin = /[\\/]@kubernetes[\\/]client-node[\\/]/.test(found.path);
      return isWithin && found.errors.length === 0 ? { ...found, sideEffects: false } : undefined;
    });
  },
};

function git(...words: readonly string[]): string | undefined {
  try {
    return execFileSync("git", words, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    // A source archive has no history, and a machine may have no git.
    return undefined;
  }
}

/** The date of the commit: one commit gives the same bytes, whenever it is built. */
function buildDate(): string {
  const epoch = process.env["SOURCE_DATE_EPOCH"];
  const seconds = Number(epoch ?? git("log", "-1", "--format=%ct") ?? Number.NaN);
  return Number.isFinite(seconds) ? new Date(seconds * 1000).toISOString().replace(".000Z", "Z") : "unknown";
}

const { version }: { readonly version: string } = JSON.parse(readFileSync(`${root}package.json`, "utf8"));
const info = { version, commit: git("rev-parse", "--short=12", "HEAD") ?? "unknown", date: buildDate() };

const { metafile, outputFiles } = await build({
  absWorkingDir: root,
  entryPoints: { k8sgpt: "src/cli/k8sgpt.ts" },
  outdir: "dist",
  chunkNames: "[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node24",
  minify: true,
  keepNames: true,
  legalComments: "linked",
  metafile: true,
  // Written below, once all of it is there: a build that fails leaves the last one in place.
  write: false,
  define: {
    K8SGPT_VERSION: JSON.stringify(info.version),
    K8SGPT_COMMIT: JSON.stringify(info.commit),
    K8SGPT_DATE: JSON.stringify(info.date),
  },
  // What `yaml` gives to Node is CommonJS, whose names get lost in a lazy chunk; this is the same code as ES modules.
  alias: { yaml: "./node_modules/yaml/browser/dist/index.js" },
  plugins: [builtins, lightClientNode],
  logLevel: "warning",
});
rmSync(`${root}dist`, { recursive: true, force: true });
mkdirSync(`${root}dist`);
for (const { path, contents } of outputFiles) writeFileSync(path, contents);
chmodSync(`${root}dist/k8sgpt.js`, 0o755);
// What each chunk is made of, for the test that watches what a start loads.
writeFileSync(`${root}dist/chunks.json`, `${JSON.stringify(chunks(), undefined, 1)}\n`);

function chunks(): Record<string, { readonly bytes: number; readonly inputs: readonly string[] }> {
  const own = Object.entries(metafile.outputs).filter(([path]) => path.endsWith(".js"));
  return Object.fromEntries(
    own
      .map(([path, { bytes, inputs }]): [string, { bytes: number; inputs: string[] }] => [
        path.replace(/^dist\//, ""),
        { bytes, inputs: Object.keys(inputs).sort() },
      ])
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
