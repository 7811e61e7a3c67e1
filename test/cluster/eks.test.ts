/** The EKS reader over the wire: AWS's own SDK against a server that answers as the EKS API does (API reference, 2017-11-01). */
import { createServer, type Server } from "node:http";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, test, vi } from "vitest";
import { eksIdentity, readEks } from "../../src/cluster/aws/eks.ts";

const endpoint = "https://0A1B2C3D4E5F60718293A4B5C6D7E8F9.gr7.eu-central-1.eks.amazonaws.com";
const target = {
  context: "arn:aws:eks:eu-central-1:111122223333:cluster/prod",
  clusterName: "arn:aws:eks:eu-central-1:111122223333:cluster/prod",
  server: endpoint,
  user: {},
};
const read = async (given = target) => readEks({ target: given, signal: AbortSignal.timeout(10_000) });
const plugin = (command: string, args: readonly string[], env: readonly object[] = []) => ({
  exec: { apiVersion: "client.authentication.k8s.io/v1beta1", command, args, env },
});

test.each([
  ["an ARN as aws eks update-kubeconfig writes it", target, { region: "eu-central-1", name: "prod" }],
  [
    "a renamed context: the entry of the cluster still is the ARN",
    { ...target, context: "live" },
    { region: "eu-central-1", name: "prod" },
  ],
  [
    "the arguments of the plugin",
    {
      ...target,
      context: "live",
      clusterName: "live",
      user: plugin("aws", ["--region", "us-east-2", "eks", "get-token", "--cluster-name", "prod-2", "--profile=ops"]),
    },
    { region: "us-east-2", name: "prod-2", profile: "ops" },
  ],
  [
    "the older plugin, with the region of its environment",
    {
      ...target,
      context: "live",
      clusterName: "live",
      user: plugin(
        "/usr/bin/aws-iam-authenticator",
        ["token", "-i", "prod"],
        [
          { name: "AWS_REGION", value: "us-east-2" },
          { name: "AWS_PROFILE", value: "ops" },
        ],
      ),
    },
    { region: "us-east-2", name: "prod", profile: "ops" },
  ],
  ["only the endpoint", { ...target, context: "live", clusterName: "live" }, { region: "eu-central-1" }],
  [
    "China",
    {
      ...target,
      clusterName: "arn:aws-cn:eks:cn-north-1:111122223333:cluster/prod",
      context: "live",
    },
    { region: "cn-north-1", name: "prod" },
  ],
])("which cluster is meant: %s", (_name, given, expected) => {
  expect(eksIdentity(given)).toEqual(expected);
});

test.each([
  ["another cloud", { ...target, context: "eks-like", clusterName: "my-eks", server: "https://10.0.0.1:6443" }],
  [
    "another cloud's plugin with the name of a cluster and a region",
    {
      ...target,
      context: "x",
      clusterName: "x",
      server: "https://10.0.0.1:6443",
      user: plugin("gke-gcloud-auth-plugin", ["--cluster-name", "prod", "--region", "europe-west3"]),
    },
  ],
  [
    "an ARN that is longer",
    { ...target, context: `${target.context}/x`, clusterName: "x", server: "https://a.example" },
  ],
  ["a host that only looks alike", { ...target, context: "x", clusterName: "x", server: `${endpoint}.evil.example` }],
])("not an EKS cluster: %s", async (_name, given) => {
  expect(eksIdentity(given)).toBeUndefined();
  expect(await readEks({ target: given, signal: AbortSignal.timeout(5_000) })).toEqual({
    reads: [{ fact: "eks", state: "skipped", reason: "the context is not one of an EKS cluster" }],
  });
});

describe("over the wire", () => {
  let server: Server;
  let answers: Record<string, { status?: number; type?: string; body: unknown }>;
  let asked: string[] = [];
  beforeAll(async () => {
    server = createServer((request, reply) => {
      asked.push(`${request.method ?? ""} ${request.url ?? ""}`);
      const {
        status = 200,
        type,
        body,
      } = answers[request.url ?? ""] ?? {
        status: 404,
        type: "ResourceNotFoundException",
        body: { message: "No cluster found" },
      };
      reply.writeHead(status, {
        "content-type": "application/json",
        ...(type !== undefined && { "x-amzn-errortype": type }),
      });
      reply.end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterAll(() => void server.close());
  beforeEach(() => {
    asked = [];
    answers = {};
    const address = server.address();
    vi.stubEnv("AWS_ENDPOINT_URL_EKS", `http://127.0.0.1:${typeof address === "object" ? (address?.port ?? 0) : 0}`);
    vi.stubEnv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE");
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
    vi.stubEnv("AWS_CONFIG_FILE", "/nowhere");
    vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere");
  });
  afterEach(() => vi.unstubAllEnvs());

  it("asks for the cluster by its name, and keeps its health", async () => {
    answers["/clusters/prod"] = {
      body: {
        cluster: {
          name: "prod",
          status: "ACTIVE",
          endpoint,
          health: {
            issues: [
              { code: "Ec2SubnetNotFound", message: "Subnets are gone", resourceIds: ["subnet-2", "subnet-1"] },
              { code: "AccessDenied", message: "The role lacks rights" },
            ],
          },
        },
      },
    };
    expect(await read()).toEqual({
      facts: {
        eks: {
          region: "eu-central-1",
          name: "prod",
          status: "ACTIVE",
          issues: [
            { code: "AccessDenied", message: "The role lacks rights", resourceIds: [] },
            { code: "Ec2SubnetNotFound", message: "Subnets are gone", resourceIds: ["subnet-1", "subnet-2"] },
          ],
        },
      },
    });
    expect(asked).toEqual(["GET /clusters/prod"]);
  });

  it("finds it by its endpoint on the second page, and never takes another with a like name", async () => {
    answers = {
      "/clusters": { body: { clusters: ["pro"], nextToken: "more" } },
      "/clusters?nextToken=more": { body: { clusters: ["prod-2", "prod"] } },
      "/clusters/pro": { body: { cluster: { name: "pro", endpoint: "https://A.gr7.eu-central-1.eks.amazonaws.com" } } },
      "/clusters/prod-2": { body: { cluster: { name: "prod-2", endpoint: endpoint.toLowerCase() } } },
    };
    expect(await read({ ...target, context: "live", clusterName: "live" })).toEqual({
      facts: { eks: { region: "eu-central-1", name: "prod-2", issues: [] } },
    });
    expect(asked.every((line) => line.startsWith("GET "))).toBe(true);
  });

  it("tells when no cluster of the account has the endpoint", async () => {
    answers = { "/clusters": { body: { clusters: [] } } };
    expect(await read({ ...target, context: "live", clusterName: "live" })).toMatchObject({
      reads: [{ state: "unread", reason: expect.stringContaining("in eu-central-1 has this endpoint") }],
    });
  });

  it.each([
    ["AccessDeniedException", 403, "AWS does not allow eks:DescribeCluster or eks:ListClusters"],
    ["ResourceNotFoundException", 404, 'AWS knows no EKS cluster "prod" in eu-central-1'],
  ])("says why there is no answer: %s", async (type, status, reason) => {
    answers["/clusters/prod"] = { status, type, body: { message: "arn:aws:iam::111122223333:user/ci" } };
    expect(await read()).toMatchObject({ reads: [{ fact: "eks", state: "unread", reason }] });
  });

  it("says that there are no credentials, without asking anybody", async () => {
    vi.stubEnv("AWS_ACCESS_KEY_ID", undefined);
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", undefined);
    vi.stubEnv("AWS_PROFILE", undefined);
    expect(await read()).toEqual({
      reads: [
        {
          fact: "eks",
          state: "unread",
          reason: "there are no AWS credentials",
          next: "Log in to AWS, or set AWS_PROFILE",
        },
      ],
    });
    expect(asked).toEqual([]);
  });
});
