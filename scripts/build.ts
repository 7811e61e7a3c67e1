/**
 * Bundles `src/cli/k8sgpt.ts` into `dist`: one small entry and chunks that load when they are needed, because starting
 * Node on hundreds of files costs more than most commands do. Three things are not left to the bundler's defaults:
 * - Node's builtins come from `process.getBuiltinModule`: an ESM import of one reads each of its exports, also those that
 *   load much more (`node:http` alone costs as much as starting Node), and only when something of it is used.
 * - @kubernetes/client-node counts as free of side effects: only its KubeConfig is used, and the typed calls for every
 *   kind of the API stay out.
 * - What client-node brings along for other uses than ours is left out of its chunk, or loaded when it is used.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type OnLoadResult, type Plugin } from "esbuild";
import { gather } from "./gather.ts";

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
      // commander starts programs for subcommands that are files of their own, and k8sgpt has none; client-node starts
      // exec plugins, and k8sgpt does so itself. Loading this costs a tenth of Node's own start.
      if (path === "child_process" && /commander|exec_auth/.test(suffix)) return { contents: "module.exports = {};" };
      const builtin = `process.getBuiltinModule(${JSON.stringify(`node:${path}`)})`;
      if (path === "process" || typeof process.getBuiltinModule(path) !== "object") {
        return { contents: `module.exports = ${builtin};` };
      }
      // Loaded when something of it is used: most of what is imported serves few runs (child_process, zlib, dns). The
      // bundler copies the properties of what is exported, and would so use it; what is inherited is not copied.
      return {
        contents: `let builtin;
          const get = (_, name) => name === "__esModule" ? undefined : (builtin ??= ${builtin})[name];
          module.exports = Object.create(new Proxy({}, { get }));`,
      };
    });
  },
};

/** What stands in client-node's chunk for a package that no start needs. A name that is missing here fails the build. */
const standIns: Readonly<Record<string, string>> = {
  // These throw when they are used, not when they are loaded. Typed calls use undici and, through it, socks; tokens of
  // OIDC are fetched by k8sgpt itself (oidc.ts).
  undici: leftOut("undici", ["fetch", "Agent", "ProxyAgent"]),
  socks: leftOut("socks", ["SocksClient"]),
  "openid-client": leftOut("openid-client", ["customFetch", "discovery", "refreshTokenGrant"]),
  // k8sgpt gives it one context as JSON, which is YAML too, and JSON.parse reads it a hundred times as fast.
  "js-yaml": "export const load = JSON.parse; export const dump = JSON.stringify;",
  // Loaded when used: by those who are behind a SOCKS proxy, and by those who log in as gcloud did years ago.
  "socks-proxy-agent": whenUsed("socks-proxy-agent", "SocksProxyAgent"),
  "jsonpath-plus": whenUsed("jsonpath-plus", "JSONPath"),
};

function leftOut(name: string, exported: readonly string[]): string {
  return `function leftOut() { throw new Error("${name} is not part of this bundle: k8sgpt has no use for it"); }
    export { ${exported.map((each) => `leftOut as ${each}`).join(", ")} };`;
}

/** A function or class from an entry of its own, loaded at its first call: client-node cannot wait for a lazy import. */
function whenUsed(name: string, exported: string): string {
  return `import { createRequire } from "node:module";
    export function ${exported}(...given) {
      const real = createRequire(import.meta.url)("./${name}.js").${exported};
      return new.target ? new real(...given) : real(...given);
    }`;
}

const clientNodeFolder = /[\\/]@kubernetes[\\/]client-node[\\/]/;

const lightClientNode: Plugin = {
  name: "light-client-node",
  setup(bundle) {
    bundle.onResolve({ filter: /^[a-z-]+$/ }, ({ path, importer }) =>
      Object.hasOwn(standIns, path) && clientNodeFolder.test(importer)
        ? { path, namespace: "stand-in", sideEffects: false }
        : undefined,
    );
    bundle.onLoad({ filter: /.*/, namespace: "stand-in" }, ({ path }) => ({
      contents: standIns[path] ?? "",
      loader: "js",
    }));
    bundle.onResolve({ filter: /.*/ }, async ({ path, pluginData, ...options }) => {
      const isOwn = clientNodeFolder.test(options.importer) || path === "@kubernetes/client-node";
      // The second resolution is esbuild's own.
      if (!isOwn || pluginData === "asked") return undefined;
      const found = await bundle.resolve(path, { ...options, pluginData: "asked" });
      const isWithin = clientNodeFolder.test(found.path);
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
  entryPoints: {
    k8sgpt: "src/cli/k8sgpt.ts",
    "socks-proxy-agent": "socks-proxy-agent",
    "jsonpath-plus": "jsonpath-plus",
  },
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
  plugins: [builtins, lightClientNode, gather(root)],
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
