import type { BackendFactory, IAI } from "../backend.ts";
import { type Attempt, backendOf, required } from "./adapter.ts";
import { awsAddress, awsOptions, awsRegion, atTheDoor } from "./aws.ts";
import { textAt } from "./bedrock-families.ts";
import { refusal } from "./failure.ts";
import { openTransport } from "./transport.ts";

const name = "amazonsagemaker";
/** Where the containers that SageMaker offers for text put it. */
const answers: readonly (readonly (string | number)[])[] = [
  [0, "generation", "content"],
  [0, "generated_text"],
  ["generated_text"],
  ["generation"],
  ["choices", 0, "message", "content"],
];

/** A model behind an Amazon SageMaker endpoint, in the JSON of SageMaker's chat containers. */
export const amazonsagemaker: BackendFactory = {
  name,
  defaultModel: undefined,
  async configure(settings, guard): Promise<IAI> {
    const endpointName = required(name, settings, "endpointName");
    // The endpoint is the model.
    const region = awsRegion(name, { ...settings, model: "" });
    const {
      default: { InvokeEndpointCommand, SageMakerRuntimeClient },
    } = await import("@aws-sdk/client-sagemaker-runtime");
    const address = awsAddress(name, settings, "runtime.sagemaker", region);
    const transport = await openTransport(name, settings, guard, address);
    const client = new SageMakerRuntimeClient(await awsOptions(name, settings, transport, address, region));
    atTheDoor(client, transport, settings.customHeaders);
    async function* complete({ request, sampling, signal }: Attempt): ReturnType<IAI["getCompletion"]> {
      const { temperature, topP, topK, maxTokens, stopSequences } = sampling;
      const system = request.system === "" ? [] : [{ role: "system", content: request.system }];
      const command = new InvokeEndpointCommand({
        EndpointName: endpointName,
        ContentType: "application/json",
        Accept: "application/json",
        CustomAttributes: "accept_eula=true",
        Body: JSON.stringify({
          inputs: [[...system, { role: "user", content: request.prompt }]],
          parameters: { max_new_tokens: maxTokens, top_p: topP, top_k: topK, temperature, stop: stopSequences },
        }),
      });
      const { Body } = await client.send(command, { abortSignal: signal });
      const answer: unknown = JSON.parse(Body?.transformToString() ?? "null");
      const text = answers.map((steps) => textAt(answer, steps)).find((found) => found !== undefined);
      if (text === undefined) throw refusal(name, "answered in a form that holds no text that k8sgpt knows");
      yield { text };
    }
    return backendOf({
      name,
      settings,
      transport,
      honours: [
        "baseURL",
        "endpointName",
        "providerRegion",
        "temperature",
        "topP",
        "topK",
        "maxTokens",
        "stopSequences",
      ],
      complete,
      close: () => client.destroy(),
    });
  },
};
