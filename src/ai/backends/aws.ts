/** What the three Amazon backends with AWS credentials share: a client's options, and the region. */
import type { NodeHttpHandler } from "@smithy/node-http-handler";
import { Fault } from "../../fault.ts";
import type { BackendSettings } from "../backend.ts";
import { baseAddress, required } from "./adapter.ts";
import type { Transport } from "./transport.ts";

/** The options of an AWS client. Credentials are found by AWS's own chain: environment, profile, SSO, role. */
export interface AwsOptions {
  readonly region: string;
  readonly maxAttempts: 1;
  readonly endpoint?: string;
  readonly requestHandler: NodeHttpHandler;
}

/** Where the calls of a service go. */
export function awsAddress(name: string, settings: BackendSettings, service: string, region: string): string {
  return settings.baseURL ? baseAddress(name, settings.baseURL) : `https://${service}.${region}.amazonaws.com`;
}

/** Client options that follow the settings. The region is what was configured, never another one. */
export async function awsOptions(
  name: string,
  settings: BackendSettings,
  transport: Transport,
  address: string,
  region: string,
): Promise<AwsOptions> {
  const {
    default: { NodeHttpHandler },
  } = await import("@smithy/node-http-handler");
  return {
    region,
    maxAttempts: 1,
    ...(settings.baseURL && { endpoint: baseAddress(name, settings.baseURL) }),
    requestHandler: new NodeHttpHandler(transport.agentsFor(address)),
  };
}

/**
 * The region: of the model when it is an ARN, else the configured one.
 *
 * @throws Fault when there is none.
 */
export function awsRegion(name: string, settings: BackendSettings): string {
  const [prefix, , , ofModel] = (settings.model ?? "").split(":");
  const region = prefix === "arn" && ofModel ? ofModel : required(name, settings, "providerRegion");
  if (/^[a-z]{2,}(-[a-z]+)+-\d+$/.test(region)) return region;
  throw new Fault(`"${region}" is not the name of an AWS region`, {
    next: `Run \`k8sgpt auth update -b ${name} --providerRegion eu-central-1\` with the region that you use`,
    usage: true,
  });
}

/** What to tell when the model's ARN and the configured region differ. */
export function regionWarnings(name: string, { providerRegion }: BackendSettings, region: string): readonly string[] {
  if (!providerRegion || providerRegion === region) return [];
  return [`${name}: the model's ARN is of region ${region}; providerregion ${providerRegion} is not used`];
}

/**
 * Checks where every request of a client goes, which AWS's environment and profiles may change, and puts headers into it,
 * before it is signed.
 */
export function atTheDoor(
  client: { readonly middlewareStack: { add(middleware: never, options: never): void } },
  transport: Pick<Transport, "check">,
  headers: Readonly<Record<string, string>> = {},
): void {
  const middleware = (next: (call: AwsCall) => Promise<unknown>) => async (call: AwsCall) => {
    const { protocol = "https:", hostname, port } = call.request;
    transport.check(`${protocol}//${hostname}${port === undefined ? "" : `:${port}`}`);
    Object.assign(call.request.headers, headers);
    return next(call);
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each client types its own stack; `build` calls have an HTTP request
  client.middlewareStack.add(middleware as never, { step: "build", name: "door" } as never);
}

interface AwsCall {
  readonly request: {
    readonly protocol?: string;
    readonly hostname: string;
    readonly port?: number;
    readonly headers: Record<string, string>;
  };
}
