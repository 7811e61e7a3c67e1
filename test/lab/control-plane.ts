// A real Kubernetes control plane on loopback: etcd, kube-apiserver and, unless statuses must stay as they are given,
// kube-controller-manager, kube-scheduler and kwok, which plays the kubelet after stages.yaml. Every part has an
// identity of its own, so that the audit log tells the program under test (user "admin") from the lab. Ports are free
// ones and state lies in a temporary folder: any number of labs run side by side. No process outlives the one that
// started the lab (keeper.ts).
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Fault, messageOf } from "../../src/fault.ts";
import { findBinaries } from "./binaries.ts";
import { type Authority, type CertificateRequest, createAuthority, type KeyPair, signingKeys } from "./certificates.ts";
import { createClient, type KubeObject, type LabClient, parsed } from "./client.ts";
import { startMetricsApi } from "./metrics-api.ts";
import { playKubeletEvents } from "./kubelet-events.ts";
import { playNodeSilence } from "./node-silence.ts";

/** What a lab is started with. */
export interface ControlPlaneOptions {
  /** Names the kubeconfig's context and cluster; its user is `<name>-admin`. */
  readonly name: string;
  /** False for a bare API server and etcd: nobody schedules, runs or judges, so statuses stay as they are given. */
  readonly controllers?: boolean;
  /** Further flags of kube-apiserver, such as `--goaway-chance=0.02`. */
  readonly extraApiserverFlags?: readonly string[];
}

/** A running control plane. */
export interface ControlPlane {
  readonly name: string;
  /** The path of the kubeconfig of its administrator. */
  readonly kubeconfig: string;
  /** `https://127.0.0.1:<port>` */
  readonly server: string;
  /** The PEM certificate that the server's is signed by. */
  readonly ca: string;
  /** Holds the kubeconfigs, certificates, logs and data. Removed by `stop`, unless LAB_KEEP=1. */
  readonly stateDir: string;
  /** The processes that `stop` ends. */
  readonly pids: readonly number[];
  /** Tokens the server knows: `reader` may get and list everything but Secrets, `nobody` may do nothing. */
  readonly tokens: { readonly reader: string; readonly nobody: string };
  /** A client with all rights. It is another user than the kubeconfig's: "lab". */
  readonly client: () => LabClient;
  /** Every request the server has answered so far. */
  readonly auditLog: () => Promise<AuditEvent[]>;
  /** A client certificate of that user, signed by the lab's authority. */
  readonly clientCertificate: (
    name: string,
    groups?: readonly string[],
    validity?: Pick<CertificateRequest, "notBefore" | "notAfter">,
  ) => Promise<KeyPair>;
  /** Writes a kubeconfig for these credentials and returns its path. */
  readonly kubeconfigFor: (options: KubeconfigOptions) => Promise<string>;
  /** Ends every process, waits for it, and removes the state. */
  readonly stop: () => Promise<void>;
}

/** Credentials for a kubeconfig. What is left out is left out of the file too. */
export interface KubeconfigOptions {
  /** The name of the user entry; the context gets it as well. */
  readonly user: string;
  readonly token?: string;
  readonly certificate?: KeyPair;
  readonly namespace?: string;
  /** Another address or authority than the lab's own, for what must fail. */
  readonly server?: string;
  readonly ca?: string;
}

/** A line of the audit log: the fields that tests read. */
export interface AuditEvent {
  readonly verb: string;
  readonly requestURI: string;
  readonly userAgent?: string;
  readonly user: { readonly username: string; readonly groups?: readonly string[] };
  readonly objectRef?: {
    readonly resource?: string;
    readonly namespace?: string;
    readonly name?: string;
    readonly subresource?: string;
    readonly apiGroup?: string;
  };
  readonly responseStatus?: { readonly code?: number };
  readonly stageTimestamp: string;
}

interface Part {
  readonly program: string;
  readonly process: ChildProcess;
  readonly log: string;
}

const host = "127.0.0.1";
const tokens = { reader: "lab-reader-token", nobody: "lab-nobody-token" } as const;

/**
 * Starts a control plane and returns when it serves. About 5 s; the first time on a machine its programs may have to
 * be built, see `findBinaries`.
 *
 * @throws {Fault} when a process of it dies, with the end of its log.
 */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnce(options);
    } catch (error) {
      // Between our finding a free port and the program's taking it, somebody else may have.
      if (attempt === 3 || !messageOf(error).includes("address already in use")) throw error;
    }
  }
}

async function startOnce({
  name,
  controllers = true,
  extraApiserverFlags = [],
}: ControlPlaneOptions): Promise<ControlPlane> {
  const binaries = await findBinaries();
  const stateDir = await mkdtemp(join(tmpdir(), `k8sgpt-lab-${name}-`));
  const [apiPort = 0, etcdPort = 0, peerPort = 0, managerPort = 0, schedulerPort = 0, kwokPort = 0] =
    await freePorts(6);
  const server = `https://${host}:${apiPort}`;
  const { authority, files } = await writeCredentials(stateDir, name);
  const write = (file: string, text: string): Promise<string> => writeState(stateDir, file, text);

  const parts: Part[] = [];
  let isStopping = false;
  const keeper = spawn(process.execPath, [join(import.meta.dirname, "keeper.ts"), ...(isKept() ? [] : [stateDir])], {
    stdio: ["pipe", "ignore", "ignore"],
  });
  keeper.unref();
  keeper.stdin.on("error", () => undefined);

  const start = (program: keyof typeof binaries, flags: readonly string[]): void => {
    const log = join(stateDir, "log", `${program}.log`);
    const descriptor = openSync(log, "a");
    // Its own folder: some of them write scratch files where they stand.
    const child = spawn(binaries[program], flags, { cwd: stateDir, stdio: ["ignore", descriptor, descriptor] });
    closeSync(descriptor);
    child.on("error", () => undefined); // Seen by assertAlive: it has no pid.
    if (child.pid !== undefined) keeper.stdin.write(`${child.pid}\n`);
    parts.push({ program, process: child, log });
  };
  const deadPart = (): Part | undefined =>
    parts.find(({ process: { pid, exitCode, signalCode } }) => pid === undefined || exitCode !== null || signalCode);
  const deathOf = (dead: Part, cause?: unknown): Fault => {
    const tail = readFileSync(dead.log, "utf8").trimEnd().split("\n").slice(-15).join("\n");
    const how = dead.process.exitCode ?? dead.process.signalCode ?? "could not be started";
    const next = "Run it again with LAB_KEEP=1 to keep its logs";
    return new Fault(`${dead.program} of lab ${name} ended (${how}):\n${tail}`, { next, cause });
  };
  const assertAlive = (): void => {
    const dead = deadPart();
    if (dead !== undefined && !isStopping) throw deathOf(dead);
  };

  const kubelet = new AbortController();
  let stopMetricsApi: (() => Promise<void>) | undefined;
  const stop = async (): Promise<void> => {
    isStopping = true;
    kubelet.abort();
    await stopMetricsApi?.();
    await Promise.all(parts.map((part) => ended(part.process)));
    keeper.ref(); // By now nothing else may keep this process waiting for it.
    keeper.stdin.end("done\n");
    if (keeper.exitCode === null) await once(keeper, "exit");
    if (!isKept()) await rm(stateDir, { recursive: true, force: true, maxRetries: 5 });
  };

  const own = await authority.issue({ commonName: "lab", groups: ["system:masters"] });
  const client = createClient({ server, ca: authority.cert, ...own, userAgent: "lab", assertAlive });
  try {
    const etcd = `http://${host}:${etcdPort}`;
    const peer = `http://${host}:${peerPort}`;
    start("etcd", [
      `--data-dir=${join(stateDir, "etcd")}`,
      `--listen-client-urls=${etcd}`,
      `--advertise-client-urls=${etcd}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
      "--unsafe-no-fsync",
      "--log-level=warn",
    ]);
    start("kube-apiserver", [
      `--etcd-servers=${etcd}`,
      `--secure-port=${apiPort}`,
      `--bind-address=${host}`,
      `--advertise-address=${host}`,
      "--endpoint-reconciler-type=none",
      `--tls-cert-file=${files.serverCert}`,
      `--tls-private-key-file=${files.serverKey}`,
      `--client-ca-file=${files.ca}`,
      `--token-auth-file=${files.tokens}`,
      `--service-account-key-file=${files.accountPublicKey}`,
      `--service-account-signing-key-file=${files.accountKey}`,
      "--service-account-issuer=https://kubernetes.default.svc",
      "--service-cluster-ip-range=10.96.0.0/16",
      "--authorization-mode=RBAC",
      "--allow-privileged=true",
      // Without a controller manager no namespace gets the account that this plugin asks for.
      "--disable-admission-plugins=ServiceAccount",
      `--requestheader-client-ca-file=${files.ca}`,
      `--proxy-client-cert-file=${files.frontCert}`,
      `--proxy-client-key-file=${files.frontKey}`,
      "--requestheader-username-headers=X-Remote-User",
      "--requestheader-group-headers=X-Remote-Group",
      "--requestheader-extra-headers-prefix=X-Remote-Extra-",
      `--audit-policy-file=${files.auditPolicy}`,
      `--audit-log-path=${files.auditLog}`,
      // A broken node keeps its Pods, so that a scenario tells the same story for as long as somebody looks at it.
      "--default-not-ready-toleration-seconds=7200",
      "--default-unreachable-toleration-seconds=7200",
      ...extraApiserverFlags,
    ]);
    await client.waitFor(
      "the API server is ready",
      async () => (await client.raw("GET", "/readyz")).status === 200,
      60_000,
    );
    await client.apply(readerRights);

    const configs: Record<"manager" | "scheduler" | "kwok", string> = { manager: "", scheduler: "", kwok: "" };
    if (controllers) {
      const users = {
        manager: { commonName: "system:kube-controller-manager" },
        scheduler: { commonName: "system:kube-scheduler" },
        kwok: { commonName: "lab-kubelet", groups: ["system:masters"] },
      };
      for (const part of ["manager", "scheduler", "kwok"] as const) {
        const certificate = await authority.issue(users[part]);
        const text = kubeconfigText({ name, server, ca: authority.cert, user: part, certificate });
        configs[part] = await write(`${part}.kubeconfig`, text);
      }
      start("kube-controller-manager", [
        `--kubeconfig=${configs.manager}`,
        `--service-account-private-key-file=${files.accountKey}`,
        `--root-ca-file=${files.ca}`,
        `--cluster-signing-cert-file=${files.ca}`,
        `--cluster-signing-key-file=${files.caKey}`,
        "--use-service-account-credentials=true",
        "--leader-elect=false",
        `--bind-address=${host}`,
        `--secure-port=${managerPort}`,
        // A machine that pauses must not lose its nodes: they fail when a scenario says so.
        "--node-monitor-grace-period=3600s",
        "--node-monitor-period=1s",
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
        "--horizontal-pod-autoscaler-sync-period=2s",
      ]);
      start("kube-scheduler", [
        `--kubeconfig=${configs.scheduler}`,
        "--leader-elect=false",
        `--bind-address=${host}`,
        `--secure-port=${schedulerPort}`,
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
      ]);
      const { gitVersion } = await client.get<{ gitVersion: string }>("/version");
      const stages = await readFile(join(import.meta.dirname, "stages.yaml"), "utf8");
      start("kwok", [
        `--kubeconfig=${configs.kwok}`,
        "--manage-all-nodes=true",
        "--node-lease-duration-seconds=40",
        `--config=${await write("stages.yaml", stages.replaceAll("KUBELET_VERSION", gitVersion))}`,
        `--server-address=${host}:${kwokPort}`,
      ]);
      const voice = await authority.issue({ commonName: "lab-kubelet", groups: ["system:masters"] });
      const kubeletClient = createClient({ server, ca: authority.cert, ...voice, userAgent: "kubelet" });
      void playKubeletEvents(kubeletClient, kubelet.signal);
      void playNodeSilence(client, kubelet.signal);
      stopMetricsApi = await startMetricsApi(client, authority);
      await client.waitFor("the controllers run", async () => {
        const account = await client.raw("GET", "/api/v1/namespaces/default/serviceaccounts/default");
        return account.status === 200;
      });
    }
  } catch (error) {
    // A process that was refused its port or did not like a flag takes a moment to die.
    await sleep(100);
    const dead = deadPart();
    const death = dead && deathOf(dead, error);
    await stop();
    throw death ?? error;
  }

  const admin = await authority.issue({ commonName: "admin", groups: ["system:masters"] });
  const adminConfig = { name, server, ca: authority.cert, user: `${name}-admin`, certificate: admin };
  return {
    name,
    kubeconfig: await write("kubeconfig", kubeconfigText({ ...adminConfig, context: name })),
    server,
    ca: authority.cert,
    stateDir,
    pids: [...parts.flatMap(({ process: { pid } }) => pid ?? []), ...(keeper.pid === undefined ? [] : [keeper.pid])],
    tokens,
    client: () => client,
    auditLog: async () => {
      const lines = (await readFile(files.auditLog, "utf8")).split("\n");
      return lines.filter((line) => line.endsWith("}")).map((line) => parsed<AuditEvent>(line));
    },
    clientCertificate: (user, groups = [], validity = {}) => authority.issue({ commonName: user, groups, ...validity }),
    kubeconfigFor: ({ server: address = server, ca = authority.cert, ...rest }) => {
      const unique = Math.random().toString(36).slice(2, 8);
      return write(`${rest.user}-${unique}.kubeconfig`, kubeconfigText({ name, server: address, ca, ...rest }));
    },
    stop,
  };
}

/** Everything the parts read from files: keys, certificates, tokens and the audit policy. Returns their paths. */
async function writeCredentials(stateDir: string, name: string) {
  const authority: Authority = await createAuthority(`${name}-ca`);
  const accounts = signingKeys();
  const serving = await authority.issue({
    commonName: "kube-apiserver",
    hosts: ["localhost", "kubernetes.default.svc", host, "10.96.0.1"],
  });
  const front = await authority.issue({ commonName: "front-proxy-client" });
  await mkdir(join(stateDir, "log"));
  const write = (file: string, text: string): Promise<string> => writeState(stateDir, file, text);
  const files = {
    ca: await write("ca.crt", authority.cert),
    caKey: await write("ca.key", authority.key),
    serverCert: await write("apiserver.crt", serving.cert),
    serverKey: await write("apiserver.key", serving.key),
    frontCert: await write("front.crt", front.cert),
    frontKey: await write("front.key", front.key),
    accountKey: await write("accounts.key", accounts.privateKey),
    accountPublicKey: await write("accounts.pub", accounts.publicKey),
    tokens: await write("tokens.csv", `${tokens.reader},reader,reader\n${tokens.nobody},nobody,nobody\n`),
    auditPolicy: await write(
      "audit-policy.yaml",
      "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{ level: Metadata }]\n",
    ),
    auditLog: join(stateDir, "log", "audit.log"),
  };
  return { authority, files };
}

/** What the token of `reader` may do. Metadata of Secrets comes with the right to list Secrets, so it lacks both. */
const readerRights: readonly KubeObject[] = [
  {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata: { name: "lab-reader" },
    rules: [
      {
        apiGroups: [""],
        resources: [
          "configmaps",
          "endpoints",
          "events",
          "limitranges",
          "namespaces",
          "nodes",
          "persistentvolumeclaims",
          "persistentvolumes",
          "pods",
          "pods/log",
          "replicationcontrollers",
          "resourcequotas",
          "serviceaccounts",
          "services",
        ],
        verbs: ["get", "list"],
      },
      ...[
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "apps",
        "autoscaling",
        "batch",
        "certificates.k8s.io",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
        "networking.k8s.io",
        "node.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
      ].map((group) => ({ apiGroups: [group], resources: ["*"], verbs: ["get", "list"] })),
    ],
  },
  {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name: "lab-reader" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "lab-reader" },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "reader" }],
  },
];

interface KubeconfigText extends KubeconfigOptions {
  readonly name: string;
  readonly context?: string;
  readonly server: string;
  readonly ca: string;
}

/** A kubeconfig with everything inside it. JSON is YAML. */
function kubeconfigText(options: KubeconfigText): string {
  const { name, server, ca, user, token, certificate, namespace, context = user } = options;
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster: { server, "certificate-authority-data": base64(ca) } }],
    users: [
      {
        name: user,
        user: {
          ...(token !== undefined && { token }),
          ...(certificate !== undefined && {
            "client-certificate-data": base64(certificate.cert),
            "client-key-data": base64(certificate.key),
          }),
        },
      },
    ],
    contexts: [{ name: context, context: { cluster: name, user, ...(namespace !== undefined && { namespace }) } }],
    "current-context": context,
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

async function writeState(stateDir: string, file: string, text: string): Promise<string> {
  const path = join(stateDir, file);
  await writeFile(path, text, { mode: 0o600 });
  return path;
}

/** Ports that nobody listens on, all different. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const listening = createServer().listen(0, host);
      await once(listening, "listening");
      return listening;
    }),
  );
  const ports = servers.map((listening) => {
    const address = listening.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  });
  for (const listening of servers) {
    listening.close();
    await once(listening, "close");
  }
  return ports;
}

/** Ends the process at once: its data is thrown away, so there is nothing to save. */
async function ended(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}

function isKept(): boolean {
  return process.env["LAB_KEEP"] === "1";
}
