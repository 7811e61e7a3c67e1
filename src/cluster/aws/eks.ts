/**
 * Asks AWS how the EKS cluster of a context is. It stands beside the door to the API server and is as narrow: two read-only
 * calls, ListClusters and DescribeCluster, and only when an analyzer asks for the fact. Which cluster is meant is never
 * guessed from a name that looks alike: it is an ARN in the kubeconfig, the arguments of its credential plugin, or the
 * cluster of the region that has the very endpoint. Credentials are found by AWS's own chain.
 */
import type { Cluster, EKSClient, ListClustersCommand } from "@aws-sdk/client-eks";
import { messageOf } from "../../fault.ts";
import type { EksCluster, FactRead } from "../../kube/facts.ts";

/** What is looked at of a context. */
export interface EksContext {
  readonly target: {
    readonly context: string;
    readonly clusterName: string;
    readonly server: string;
    readonly user: Readonly<Record<string, unknown>>;
  };
  readonly signal: AbortSignal;
}

/** Which cluster a context is of. */
export interface EksIdentity {
  readonly region: string;
  /** Absent: the one of the region that has the context's endpoint. */
  readonly name?: string;
  /** The profile that the context's credential plugin uses. */
  readonly profile?: string;
}

const arn = /^arn:aws[a-z-]*:eks:([a-z0-9-]+):\d{12}:cluster\/([A-Za-z0-9][A-Za-z0-9_-]{0,99})$/;
const endpoint = /^[A-Z0-9]+\.[a-z0-9-]+\.([a-z0-9-]+)\.eks\.amazonaws\.com(?:\.cn)?$/i;

/** The EKS cluster that a context is of; undefined when nothing says that it is one. */
export function eksIdentity({ context, clusterName, server, user }: EksContext["target"]): EksIdentity | undefined {
  const plugin = pluginOf(user);
  const profile = plugin.profile === undefined ? {} : { profile: plugin.profile };
  for (const text of [clusterName, context]) {
    const [, region, name] = arn.exec(text) ?? [];
    if (region !== undefined && name !== undefined) return { region, name, ...profile };
  }
  const ofEndpoint = endpoint.exec(hostOf(server))?.[1];
  const region = plugin.region ?? ofEndpoint;
  if (region === undefined) return undefined;
  // A plugin of another cloud may also take the name of a cluster and a region.
  if (plugin.isAws && plugin.name !== undefined) return { region, name: plugin.name, ...profile };
  return ofEndpoint === undefined ? undefined : { region: ofEndpoint, ...profile };
}

interface Plugin {
  readonly isAws: boolean;
  readonly name?: string | undefined;
  readonly region?: string | undefined;
  readonly profile?: string | undefined;
}

/** `aws eks get-token --cluster-name NAME --region REGION`, or `aws-iam-authenticator token -i NAME`. */
function pluginOf(user: Readonly<Record<string, unknown>>): Plugin {
  const exec = recordOf(user["exec"]);
  const command = typeof exec["command"] === "string" ? exec["command"] : "";
  const args = listOf(exec["args"]).filter((arg) => typeof arg === "string");
  const program = command
    .split(/[\\/]/)
    .at(-1)
    ?.replace(/\.exe$/, "");
  const env = new Map(listOf(exec["env"]).map((entry) => [recordOf(entry)["name"], recordOf(entry)["value"]]));
  const fromEnv = (name: string): string | undefined => {
    const value = env.get(name);
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const argument = (...flags: readonly string[]): string | undefined => {
    for (const [at, arg] of args.entries()) {
      for (const flag of flags) {
        if (arg === flag) return args[at + 1];
        if (arg.startsWith(`${flag}=`)) return arg.slice(flag.length + 1);
      }
    }
    return undefined;
  };
  if (program !== "aws" && program !== "aws-iam-authenticator") return { isAws: false };
  return {
    isAws: true,
    name: argument("--cluster-name", "--cluster-id", "-i"),
    region: argument("--region") ?? fromEnv("AWS_REGION") ?? fromEnv("AWS_DEFAULT_REGION"),
    profile: argument("--profile") ?? fromEnv("AWS_PROFILE"),
  };
}

/** Never throws. */
export async function readEks({
  target,
  signal,
}: EksContext): Promise<{ readonly facts?: { readonly eks: EksCluster }; readonly reads?: readonly FactRead[] }> {
  const identity = eksIdentity(target);
  if (identity === undefined) {
    return { reads: [{ fact: "eks", state: "skipped", reason: "the context is not one of an EKS cluster" }] };
  }
  const aws = await import("@aws-sdk/client-eks");
  const { region, profile } = identity;
  const client = new aws.EKSClient({ region, maxAttempts: 3, ...(profile !== undefined && { profile }) });
  try {
    const describe = async (name: string): Promise<Cluster | undefined> =>
      (await client.send(new aws.DescribeClusterCommand({ name }), { abortSignal: signal })).cluster;
    const isMeant = ({ endpoint }: Cluster): boolean => hostOf(endpoint ?? "") === hostOf(target.server);
    if (identity.name !== undefined) {
      const cluster = await describe(identity.name);
      return { facts: { eks: factOf(region, identity.name, cluster) } };
    }
    for await (const name of namesOf(client, aws.ListClustersCommand, signal)) {
      const cluster = await describe(name);
      if (cluster !== undefined && isMeant(cluster)) return { facts: { eks: factOf(region, name, cluster) } };
    }
    const reason = `no EKS cluster that these AWS credentials see in ${region} has this endpoint`;
    return { reads: [{ fact: "eks", state: "unread", reason, next: "Choose the account with AWS_PROFILE" }] };
  } catch (error) {
    return { reads: [{ fact: "eks", state: "unread", ...failure(error, identity) }] };
  } finally {
    client.destroy();
  }
}

/** The names of all clusters of the region, page by page. */
async function* namesOf(
  client: EKSClient,
  Command: typeof ListClustersCommand,
  signal: AbortSignal,
): AsyncGenerator<string> {
  let nextToken: string | undefined;
  do {
    const page = await client.send(new Command(nextToken === undefined ? {} : { nextToken }), { abortSignal: signal });
    yield* page.clusters ?? [];
    nextToken = page.nextToken;
  } while (nextToken !== undefined && nextToken !== "");
}

function factOf(region: string, name: string, cluster: Cluster | undefined): EksCluster {
  return {
    region,
    name,
    ...(cluster?.status !== undefined && { status: cluster.status }),
    issues: (cluster?.health?.issues ?? [])
      .map(({ code = "Unknown", message = "", resourceIds = [] }) => ({
        code,
        message,
        resourceIds: [...resourceIds].sort(),
      }))
      .sort((a, b) => (`${a.code} ${a.message}` < `${b.code} ${b.message}` ? -1 : 1)),
  };
}

function failure(error: unknown, { region, name }: EksIdentity): { readonly reason: string; readonly next: string } {
  const kind = error instanceof Error ? error.name : "";
  const check = `aws eks describe-cluster --region ${region} --name ${name ?? "NAME"}`;
  if (kind === "CredentialsProviderError") {
    return { reason: "there are no AWS credentials", next: "Log in to AWS, or set AWS_PROFILE" };
  }
  if (kind === "AccessDeniedException") {
    return { reason: "AWS does not allow eks:DescribeCluster or eks:ListClusters", next: check };
  }
  if (kind === "ResourceNotFoundException") {
    return { reason: `AWS knows no EKS cluster "${name ?? ""}" in ${region}`, next: check };
  }
  return { reason: `AWS did not answer: ${messageOf(error)}`, next: check };
}

function hostOf(address: string): string {
  try {
    return new URL(address).hostname.toLowerCase();
  } catch {
    return "";
  }
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
