import {
  array,
  assert as check,
  constant,
  constantFrom,
  oneof,
  pre,
  property,
  string,
  stringMatching,
  tuple,
} from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { redactCredentials, redacted } from "../../src/anonymize/credentials.ts";
import { createDictionary, type Dictionary, learnImage, runsIn } from "../../src/anonymize/dictionary.ts";
import { isKept } from "../../src/anonymize/words.ts";

function dictionaryWith(names: Readonly<Record<string, string>>): Dictionary {
  const dictionary = createDictionary();
  for (const [name, stem] of Object.entries(names)) dictionary.learn(name, stem);
  return dictionary;
}

const shop = () =>
  dictionaryWith({ acme: "ns", ledger: "deployment", "ledger-db": "statefulset", "worker-7.acme.internal": "node" });

describe("mask", () => {
  it("replaces names wherever they stand, and nothing inside other words", () => {
    const { mask } = shop();
    expect(mask('Deployment "ledger" in acme: ledger. (acme/ledger) acmeish, myledger')).toBe(
      'Deployment "deployment-1" in ns-1: deployment-1. (ns-1/deployment-1) acmeish, myledger',
    );
  });

  it("prefers the longest name", () => {
    expect(shop().mask("ledger-db ledger worker-7.acme.internal")).toBe("statefulset-1 deployment-1 node-1");
  });

  it("keeps what controllers append, and ordinals", () => {
    expect(shop().mask("ledger-7d4b9c6f5-x2x8l ledger-db-0 ledger-28391040-bcdfg")).toBe(
      "deployment-1-7d4b9c6f5-x2x8l statefulset-1-0 deployment-1-28391040-bcdfg",
    );
  });

  it("reads the parts of DNS names and of names of containers", () => {
    expect(shop().mask("lookup ledger.acme.svc.cluster.local: k8s_app_ledger-db-0_acme_0")).toBe(
      "lookup deployment-1.ns-1.svc.cluster.local: k8s_app_statefulset-1-0_ns-1_0",
    );
  });

  it("leaves the words of Kubernetes alone, even where they are names", () => {
    const { mask, learn } = shop();
    for (const name of ["nodes", "available", "web", "kube-system", "default"]) learn(name, "service");
    const sentence = "0/3 nodes are available: 1 Insufficient cpu in kube-system, 2 node(s) had untolerated taint";
    expect(mask(sentence)).toBe(sentence);
  });

  it("recognises addresses, hosts, mail addresses, users and images without having seen them", () => {
    const { mask } = createDictionary();
    expect(mask("dial tcp 10.4.7.19:5432, again 10.4.7.19, fd12:3456::9")).toBe(
      "dial tcp 192.0.2.1:5432, again 192.0.2.1, 2001:db8::1",
    );
    expect(mask("mail jane.roe@corp.test; see https://wiki.corp.test/x")).toBe(
      "mail user-1@host-1.example; see https://host-2.example/x",
    );
    expect(mask('User "jroe" cannot list pods')).toBe('User "user-2" cannot list pods');
    expect(mask('Failed to pull image "reg.corp.test/team-a/ledger:rel-7"')).toBe(
      'Failed to pull image "registry-1.example/repository-1/image-1:tag-1"',
    );
    expect(mask("127.0.0.1 and 10:11:12 stay")).toBe("127.0.0.1 and 10:11:12 stay");
  });

  it("keeps public registries and plain versions of images", () => {
    const dictionary = createDictionary();
    for (const image of ["registry.k8s.io/pause:3.10", "docker.io/library/nginx:1.29.1", "nginx:latest"]) {
      learnImage(dictionary, image);
      expect(dictionary.mask(image)).toBe(image);
    }
  });

  it("makes no token that occurs in the text", () => {
    const dictionary = createDictionary();
    dictionary.avoid("is ns-1 down?");
    dictionary.learn("acme", "ns");
    expect(dictionary.mask("acme, ns-1")).toBe("ns-2, ns-1");
    expect(dictionary.unmask(dictionary.mask("acme, ns-1"))).toBe("acme, ns-1");
  });

  it("gives no two names one token when the addresses of the documentation ranges run out", () => {
    const { mask } = createDictionary();
    const addresses = Array.from({ length: 3000 }, (_, at) => `10.9.${Math.floor(at / 250)}.${(at % 250) + 1}`);
    expect(new Set(addresses.map((address) => String(mask(address)))).size).toBe(3000);
  });
});

describe("rules of the user", () => {
  it("mask what they match, run by run, and give it back", () => {
    const dictionary = createDictionary([{ name: "ticket", pattern: /ACME-\d+(?: and \d+)?|\bnodes\b/gu }]);
    const text = "see ACME-17 and 18, ACME-17 again, not ACMEX-17; nodes";
    const out = dictionary.mask(text);
    // A word that every cluster has is masked when it is matched alone.
    expect(out).toBe("see ticket-1 and 18, ticket-1 again, not ACMEX-17; ticket-2");
    expect(dictionary.unmask(out)).toBe(text);
  });
});

describe("unmask", () => {
  it("gives back names, whatever the case and the marks around them", () => {
    const { mask, unmask } = shop();
    mask("ledger");
    expect(
      unmask("Restart `Deployment-1` in **ns-1**; deployment-1-7d4b9c6f5-x2x8l is fine, deployment-9 is unknown."),
    ).toBe("Restart `ledger` in **acme**; ledger-7d4b9c6f5-x2x8l is fine, deployment-9 is unknown.");
  });
});

/** Texts in which names stand in all sorts of company. */
const textOf = (known: readonly (readonly [string, string])[]) =>
  array(
    oneof(
      string({ maxLength: 12 }),
      known.length === 0 ? constant(" ") : constantFrom(...known.map(([value]) => value)),
      constantFrom(
        " ",
        "/",
        ".",
        "-",
        "_",
        ":",
        '"',
        "-x2x8l",
        "-0",
        "-7d4b9c6f5-",
        "@",
        "://",
        "10.0.0.7",
        "ns-1",
        "host-1.example",
      ),
    ),
    { maxLength: 20 },
  ).map((parts) => parts.join(""));

const build = (known: readonly (readonly [string, string])[], text: string): Dictionary => {
  const dictionary = createDictionary();
  for (const [value] of known) dictionary.avoid(value);
  dictionary.avoid(text);
  for (const [value, of] of known) dictionary.learn(value, of);
  return dictionary;
};

describe("for any names and texts", () => {
  const name = stringMatching(/^[a-z0-9]([a-z0-9-]{0,12}[a-z0-9])?$/);
  const stem = constantFrom("ns", "pod", "deployment", "host", "label", "env");
  const names = array(tuple(name, stem), { maxLength: 12 });
  const cases = names.chain((known) => tuple(constant(known), textOf(known)));
  it("unmask(mask(x)) is x without its credentials", () => {
    check(
      property(cases, ([known, text]) => {
        const { mask, unmask } = build(known, text);
        // Long words of all sorts are taken for keys, unless they are made of names.
        pre(redactCredentials(text) === redactCredentials(text, () => true));
        expect(unmask(mask(text))).toBe(redactCredentials(text));
      }),
      { numRuns: 1000 },
    );
  });

  it("mask(mask(x)) is mask(x)", () => {
    check(
      property(cases, ([known, text]) => {
        const { mask } = build(known, text);
        const once = mask(text);
        expect(mask(once)).toBe(once);
      }),
      { numRuns: 1000 },
    );
  });

  it("no name that is worth masking is left at the edges of a word", () => {
    check(
      property(cases, ([known, text]) => {
        const dictionary = build(known, text);
        const values = new Set(dictionary.entries().map(([value]) => value));
        for (const [value] of known)
          expect(
            values.has(value) ||
              isKept(value) ||
              dictionary.unmask(value) !== value ||
              dictionary.mask(value) !== value,
          ).toBe(true);
        for (const run of runsIn(dictionary.mask(text))) expect(values.has(run)).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });
});

/** How often maps are asked while `work` runs: a measure of work that no load on the machine changes. */
function lookups(work: () => void): number {
  const [get, has] = [vi.spyOn(Map.prototype, "get"), vi.spyOn(Map.prototype, "has")];
  try {
    work();
    return get.mock.calls.length + has.mock.calls.length;
  } finally {
    get.mockRestore();
    has.mockRestore();
  }
}

describe("work", () => {
  const line = "pod service-of-team77x-7d4b9c6f5-x2x8l in a.b.c.d_e_f failed: service-of-team9999x is away\n";
  const workOf = (names: number, lines: number): number => {
    const dictionary = createDictionary();
    for (let at = 0; at < names; at += 1) dictionary.learn(`service-of-team${at}x`, "service");
    return lookups(() => dictionary.mask(line.repeat(lines)));
  };

  it("grows with the text, not with the names", () => {
    const base = workOf(100, 100);
    expect(base).toBeGreaterThan(100);
    // Six times the text: six times the work, where quadratic work would be 36 times as much.
    expect(workOf(100, 600)).toBeLessThan(base * 6.5);
    expect(workOf(10_000, 100)).toBeLessThan(base * 1.5);
  });

  it("does not fall for texts made to be slow", { timeout: 120_000 }, () => {
    const { mask } = createDictionary();
    // What patterns do inside cannot be counted. Processor time, not time that passes: others use the machine too.
    const before = process.threadCpuUsage();
    for (const text of [
      "a.".repeat(200_000),
      "a-".repeat(200_000),
      "1:".repeat(200_000),
      "password".repeat(50_000),
      "a@".repeat(200_000),
      "://".repeat(100_000),
      "-----BEGIN A".repeat(20_000),
    ]) {
      mask(text);
    }
    const { user } = process.threadCpuUsage(before);
    // Takes a second or two; quadratic time would be minutes.
    expect(user / 1e6).toBeLessThan(20);
  });
});

describe("credentials", () => {
  const secret: readonly (readonly [string, string])[] = [
    ["jwt", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"],
    ["aws", "AKIAIOSFODNN7EXAMPLE"],
    ["github", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"],
    ["slack", "xoxb-123456789012-abcdefghijkl"],
    ["google", "AIzaSyA1234567890abcdefghijklmnopqrstuvw"],
    ["password", "password=hunter2"],
    ["quoted", '"db_password": "hunter two"'],
    ["token", "token: h7GfK2p9"],
    ["api key", "api_key=abc"],
    ["url", "postgres://app:hunter2@db:5432/x"],
    ["azure", "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=Zm9vYmFy+/==;EndpointSuffix=core.windows.net"],
    ["bearer", "Authorization: Bearer abcdef0123456789"],
    ["random text", "hQ7f9KxP2mVbN4cR8sTzW1yLdG6jA3eUoI5pXq0ZabcdefB"],
    ["pem", "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc\n-----END RSA PRIVATE KEY-----"],
  ];

  it.each(secret)("removes %s for good", (_name, text) => {
    const plain = redactCredentials(`before ${text} after`);
    expect(plain).toContain(redacted);
    expect(plain).toMatch(/^before /);
    expect(plain).not.toMatch(/hunter|h7Gf|abcdef|Zm9v|MIIEow|AKIA|ghp_|xoxb-|AIza|eyJ|=abc/);
    expect(redactCredentials(plain)).toBe(plain);
    const { mask, unmask } = createDictionary();
    expect(unmask(mask(text))).not.toMatch(/hunter|h7Gf|abcdef|Zm9v|MIIEow|AKIA|ghp_|xoxb-|AIza|eyJ|=abc/);
  });

  it.each([
    'secret "registry-cred" not found',
    "couldn't find key password in Secret shop/db",
    "failed to fetch anonymous token: unexpected status from GET request to https://auth.docker.io/token: 401 Unauthorized",
    'MountVolume.SetUp failed for volume "tls" : secret "web-tls" not found',
    "Error: container has runAsNonRoot and image will run as root",
    "sha256:3b1c2f0e9d8c7b6a5f4e3d2c1b0a99887766554433221100ffeeddccbbaa9988",
    "Back-off restarting failed container app in pod web-7d4b9c6f5-x2x8l_shop(5b0f9a3c-1d2e-4f5a-8b6c-7d8e9f0a1b2c)",
  ])("leaves %s readable", (text) => {
    expect(redactCredentials(text)).toBe(text);
  });
});
