import { chmod, mkdir, mkdtemp, readdir, readFile, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { type ConfigPlace, configPlace } from "../../src/config/place.ts";
import { readConfig } from "../../src/config/read.ts";
import { valueOf, wordsOf } from "../../src/config/values.ts";
import { type FilterChange, writeActiveFilters } from "../../src/config/write.ts";
import { Fault } from "../../src/fault.ts";

let home = "";
let place: ConfigPlace = { path: "", explicit: false };

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "k8sgpt-config-"));
  place = configPlace(undefined, { env: {}, platform: "linux", home });
});

async function store(text: string, path = place.path): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(path, text, { mode: 0o600 });
}

async function faultOf(work: Promise<unknown>): Promise<Fault> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof Fault) return error;
  throw new Error(`no Fault but ${String(error)}`);
}

const add =
  (...names: readonly string[]): FilterChange =>
  (current) => [...(current ?? []), ...names];

describe("the file's place", () => {
  test.each([
    ["linux", {}, "/home/me/.config/k8sgpt/k8sgpt.yaml"],
    ["linux", { XDG_CONFIG_HOME: "/settings" }, "/settings/k8sgpt/k8sgpt.yaml"],
    ["linux", { XDG_CONFIG_HOME: "relative" }, "/home/me/.config/k8sgpt/k8sgpt.yaml"],
    ["darwin", {}, "/home/me/Library/Application Support/k8sgpt/k8sgpt.yaml"],
    ["darwin", { XDG_CONFIG_HOME: "/settings" }, "/settings/k8sgpt/k8sgpt.yaml"],
    ["win32", { LOCALAPPDATA: "/local" }, "/local/k8sgpt/k8sgpt.yaml"],
  ] as const)("%s %j", (platform, env, path) => {
    expect(configPlace(undefined, { env, platform, home: "/home/me" })).toEqual({
      path,
      legacyPath: "/home/me/.k8sgpt.yaml",
      explicit: false,
    });
  });

  test("--config wins and has no legacy place", () => {
    expect(configPlace("my.yaml", { env: {}, platform: "linux", home: "/home/me" })).toEqual({
      path: "my.yaml",
      explicit: true,
    });
  });
});

describe("reading", () => {
  test("no file is an empty config, and none is made", async () => {
    expect(await readConfig(place, {})).toEqual({ activeFilters: undefined, activeFiltersFrom: place.path });
    expect(await readdir(home)).toEqual([]);
  });

  test.each([
    ["a list", "active_filters:\n  - Pod\n  - Service\n", ["Pod", "Service"]],
    ["a flow list", "active_filters: [Pod, Service]", ["Pod", "Service"]],
    ["a string", "active_filters: Pod  Service", ["Pod", "Service"]],
    ["another letter case", "Active_Filters: [Pod]", ["Pod"]],
    ["numbers among the names", "active_filters: [Pod, 7, null]", ["Pod", "7"]],
    ["an empty list", "active_filters: []", []],
    ["null", "active_filters:", undefined],
    ["only comments", "# nothing\n", undefined],
    ["a byte order mark", "\uFEFFactive_filters: [Pod]", ["Pod"]],
    ["leftovers that k8sgpt writes", 'kubeconfig: ""\nverbose: false\nversion: dev\n', undefined],
  ])("%s", async (_name, text, expected) => {
    await store(text);
    expect((await readConfig(place, {})).activeFilters).toEqual(expected);
  });

  test("the environment wins over the file", async () => {
    await store("active_filters: [Pod]");
    expect(await readConfig(place, { K8SGPT_ACTIVE_FILTERS: "Node  Job" })).toEqual({
      activeFilters: ["Node", "Job"],
      activeFiltersFrom: "K8SGPT_ACTIVE_FILTERS",
    });
  });

  test("the legacy file is read while there is no other", async () => {
    await writeFile(join(home, ".k8sgpt.yaml"), "active_filters: [Node]");
    expect((await readConfig(place, {})).activeFilters).toEqual(["Node"]);
    await store("active_filters: [Pod]");
    expect((await readConfig(place, {})).activeFilters).toEqual(["Pod"]);
  });

  test.each([
    ["active_filters: [Pod", /is not valid YAML: .*\(1:21\)/],
    ["active_filters: [Pod]\nactive_filters: [Job]\n", /duplicated mapping key/],
    ["- Pod\n", /does not hold one YAML map/],
    ["a: 1\n---\nb: 2\n", /does not hold one YAML map/],
  ])("a broken file is a fault: %j", async (text, message) => {
    await store(text);
    const fault = await faultOf(readConfig(place, {}));
    expect(fault.message).toMatch(message);
    expect(fault.message).toContain(place.path);
    expect(fault.next).toBeDefined();
    expect(fault.usage).toBe(false);
  });

  test("--config naming a missing file is a fault", async () => {
    const fault = await faultOf(readConfig({ path: join(home, "none.yaml"), explicit: true }, {}));
    expect(fault.message).toBe(`Cannot read config file ${join(home, "none.yaml")}: it does not exist`);
    expect(fault.next).toContain("--config");
  });
});

describe("values", () => {
  test("keys compare without regard to case, the exact one first", () => {
    expect(valueOf({ CurrentCacheType: "s3" }, "currentcachetype")).toBe("s3");
    expect(valueOf({ NAME: 1, name: 2 }, "name")).toBe(2);
    expect(valueOf(["name"], "name")).toBeUndefined();
    expect(valueOf(null, "name")).toBeUndefined();
  });

  test("words", () => {
    expect(wordsOf("a, b", /,/)).toEqual(["a", "b"]);
    expect(wordsOf(5, /,/)).toEqual(["5"]);
    expect(wordsOf({ a: 1 }, /,/)).toEqual([]);
  });
});

describe("writing", () => {
  test("a new file is private, and so is its folder", async () => {
    expect(await writeActiveFilters(place, add("Pod"))).toEqual([]);
    expect(await readFile(place.path, "utf8")).toBe("active_filters:\n  - Pod\n");
    expect((await stat(place.path)).mode & 0o777).toBe(0o600);
    expect((await stat(dirname(place.path))).mode & 0o777).toBe(0o700);
    expect(await readdir(dirname(place.path))).toEqual(["k8sgpt.yaml"]);
  });

  test("comments, order, indent and unknown keys stay", async () => {
    const text = [
      "# mine",
      "ai:",
      "    providers:",
      "        - name: openai   # the default",
      "          password: not-a-real-key",
      "active_filters:",
      "    # always",
      "    - Pod",
      "    - Service # for the shop",
      "",
      "surprise: [1, 2]",
      "",
    ].join("\n");
    await store(text);
    await writeActiveFilters(place, (current) => [...(current ?? []).filter((name) => name !== "Pod"), "Job"]);
    const written = await readFile(place.path, "utf8");
    expect(written).toContain("# mine");
    expect(written).toContain("        - name: openai # the default\n          password: not-a-real-key\n");
    expect(written).toContain("    - Service # for the shop\n");
    expect(written).toContain("surprise: [1, 2]");
    expect((await readConfig(place, {})).activeFilters).toEqual(["Service", "Job"]);
    expect(written.indexOf("ai:")).toBeLessThan(written.indexOf("active_filters:"));
  });

  test.each(["active_filters:\n- Pod\n- Job\nother: 1\n", "other: 1\nActive_Filters: [ Pod, Job ]\n"])(
    "what k8sgpt wrote keeps its shape: %j",
    async (text) => {
      await store(text);
      await writeActiveFilters(place, (current) => current);
      expect(await readFile(place.path, "utf8")).toBe(text);
    },
  );

  test("the key is removed for the core set", async () => {
    await store("active_filters: [Pod]\nother: 1\n");
    await writeActiveFilters(place, () => undefined);
    expect(await readFile(place.path, "utf8")).toBe("other: 1\n");
  });

  test("the legacy file is copied when something is written, and stays", async () => {
    const legacy = join(home, ".k8sgpt.yaml");
    await writeFile(legacy, "active_filters: [Node]\nother: 1\n");
    await writeActiveFilters(place, add("Pod"));
    expect(await readFile(place.path, "utf8")).toBe("active_filters: [Node, Pod]\nother: 1\n");
    expect(await readFile(legacy, "utf8")).toBe("active_filters: [Node]\nother: 1\n");
  });

  test("a file that does not parse is left as it is", async () => {
    const text = "active_filters: [Pod\nother: 1\n";
    await store(text);
    const fault = await faultOf(writeActiveFilters(place, add("Job")));
    expect(fault.message).toContain(`Config file ${place.path} is not changed`);
    expect(fault.next).toContain("by hand");
    expect(await readFile(place.path, "utf8")).toBe(text);
    expect(await readdir(dirname(place.path))).toEqual(["k8sgpt.yaml"]);
  });

  test("wide modes are tightened and told", async () => {
    await store("active_filters: [Pod]\n");
    await chmod(place.path, 0o644);
    await chmod(dirname(place.path), 0o755);
    const warnings = await writeActiveFilters(place, add("Job"));
    expect(warnings).toEqual([
      `Config file ${place.path} was open to other users (mode 0644); it is now 0600`,
      `Folder ${dirname(place.path)} was open to other users (mode 0755); it is now 0700`,
    ]);
    expect((await stat(place.path)).mode & 0o777).toBe(0o600);
  });

  test("writers at once all survive", async () => {
    const names = Array.from({ length: 12 }, (_, index) => `Filter${index}`);
    await Promise.all(names.map(async (name) => writeActiveFilters(place, add(name))));
    expect([...((await readConfig(place, {})).activeFilters ?? [])].sort()).toEqual([...names].sort());
  });

  test("a lock left behind by a process that is gone does not stop anyone", async () => {
    await store("active_filters: [Pod]\n");
    await writeFile(`${place.path}.lock`, "999999999");
    await writeActiveFilters(place, add("Job"));
    expect((await readConfig(place, {})).activeFilters).toEqual(["Pod", "Job"]);
  });

  test("an old lock of an unknown holder does not stop anyone", async () => {
    await store("active_filters: [Pod]\n");
    await writeFile(`${place.path}.lock`, "");
    await utimes(`${place.path}.lock`, 1, 1);
    await writeActiveFilters(place, add("Job"));
    expect((await readConfig(place, {})).activeFilters).toEqual(["Pod", "Job"]);
  });

  test("a link stays a link", async () => {
    const target = join(home, "dotfiles.yaml");
    await store("active_filters: [Pod]\n", target);
    await mkdir(dirname(place.path), { recursive: true, mode: 0o700 });
    await symlink(target, place.path);
    await writeActiveFilters(place, add("Job"));
    expect(await readFile(target, "utf8")).toBe("active_filters: [Pod, Job]\n");
  });

  test("what the change refuses changes nothing and leaves no lock", async () => {
    await store("active_filters: [Pod]\n");
    await expect(
      writeActiveFilters(place, () => {
        throw new Fault("no");
      }),
    ).rejects.toThrow("no");
    expect(await readdir(dirname(place.path))).toEqual(["k8sgpt.yaml"]);
  });
});
