/**
 * The read tools of silenceper/mcp-k8s under their names and with their arguments, so that prompts written for it go on
 * working. Each is one of our own tools behind another door: the same answers, policy and masking.
 */
import { z } from "zod";
import { Fault } from "../../fault.ts";
import { defineTool, type Tool } from "./tool.ts";
import { helmTools } from "./tools/helm.ts";
import { objectTools } from "./tools/objects.ts";
import { runningTools } from "./tools/running.ts";

const kind = z.string().describe("Kind of the resource: Pod, Deployment, any custom one");
const namespace = z.string().optional().describe("Namespace; all that are open when left out");

/** Names of that project; each can be allowed and denied under either name. */
export const mcpK8sTools: readonly Tool[] = [
  alias(
    "get_api_resources",
    "get-api-resources",
    z.object({
      includeNamespaceScoped: z.boolean().default(true),
      includeClusterScoped: z.boolean().default(true),
    }),
    (input) => input,
  ),
  alias(
    "get_resource",
    "get-resource",
    z.object({ kind, name: z.string(), namespace: z.string().optional().describe("Default: default") }),
    (input) => ({ resourceType: input.kind, name: input.name, namespace: input.namespace }),
  ),
  alias(
    "list_resources",
    "list-resources",
    z.object({
      kind,
      namespace,
      labelSelector: z.string().optional(),
      fieldSelector: z.string().optional(),
    }),
    ({ kind: resourceType, ...rest }) => ({ resourceType, ...rest }),
  ),
  alias(
    "get_pod_logs",
    "get-logs",
    z.object({
      pod_name: z.string(),
      namespace: z.string().default("default"),
      container: z.string().optional(),
      tail_lines: z.string().default("50").describe("How many lines from the end"),
    }),
    (input) => ({
      podName: input.pod_name,
      namespace: input.namespace,
      container: input.container === "" ? undefined : input.container,
      tailLines: lines(input.tail_lines),
    }),
  ),
  alias(
    "list_events",
    "list-events",
    z.object({
      namespace,
      kind: z.string().optional().describe("Kind of the object that an event is about"),
      name: z.string().optional().describe("Name of the object that an event is about"),
      field_selector: z.string().optional().describe("As for kubectl --field-selector"),
    }),
    (input) => ({
      namespace: input.namespace,
      involvedObjectKind: input.kind === "" ? undefined : input.kind,
      involvedObjectName: input.name === "" ? undefined : input.name,
      fieldSelector: input.field_selector,
    }),
  ),
  alias(
    "list_helm_releases",
    "list-helm-releases",
    z.object({ all_namespaces: z.boolean().default(false).describe("Default: only namespace default") }),
    ({ all_namespaces: isAll }) => (isAll ? { allNamespaces: true } : { namespace: "default" }),
  ),
  alias(
    "get_helm_release",
    "get-helm-release",
    z.object({ name: z.string(), namespace: z.string().default("default") }),
    (input) => input,
  ),
];

function alias<const Input extends z.ZodObject>(
  name: string,
  own: string,
  input: Input,
  translate: (input: z.output<Input>) => Readonly<Record<string, unknown>>,
): Tool {
  const tool = [...objectTools, ...runningTools, ...helmTools].find(({ names }) => names.some((one) => one === own));
  if (tool === undefined) throw new Error(`there is no tool ${own}`);
  return {
    ...defineTool({
      names: [name],
      title: tool.title,
      description: tool.description,
      reads: tool.reads,
      input,
      output: tool.output,
      run: async (given, call) =>
        tool.run(Object.fromEntries(Object.entries(translate(given)).filter(([, value]) => value !== undefined)), call),
    }),
    policyNames: [name, ...tool.names],
  };
}

/** That project takes a number as text. @throws Fault */
function lines(text: string): number {
  if (/^\d{1,4}$/.test(text) && Number(text) > 0) return Number(text);
  throw new Fault(`"${text}" is not a number of lines`, { next: "Give tail_lines between 1 and 5000" });
}
