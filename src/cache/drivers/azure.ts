import type { ContainerClient } from "@azure/storage-blob";
import { Fault, messageOf } from "../../fault.ts";
import type { CacheDriver } from "../driver.ts";
import type { AzureSettings } from "../settings.ts";

/** An account that is reached otherwise than by the default chain: an emulator, a key. Azure's own variable. */
const connectionVariable = "AZURE_STORAGE_CONNECTION_STRING";

/**
 * A container of Azure Blob Storage, one blob per key. Credentials come from `AZURE_STORAGE_CONNECTION_STRING` when it is
 * set, else from Azure's default chain: environment, workload identity, managed identity, `az login`.
 */
export async function azureCache(
  settings: AzureSettings,
  env: Readonly<Record<string, string | undefined>>,
): Promise<CacheDriver> {
  const container = await containerFor(settings, env);
  return {
    async get(key) {
      try {
        const { readableStreamBody } = await container.getBlockBlobClient(key).download();
        return readableStreamBody === undefined ? undefined : await textOf(readableStreamBody);
      } catch (error) {
        if (codeOf(error) === "BlobNotFound") return undefined;
        throw cannot("read from", settings, error);
      }
    },
    async set(key, value) {
      const bytes = Buffer.from(value);
      await container
        .getBlockBlobClient(key)
        .uploadData(bytes, { blobHTTPHeaders: { blobContentType: "text/plain" } })
        .catch((error: unknown) => {
          throw cannot("write to", settings, error);
        });
    },
    async delete(key) {
      await container
        .getBlockBlobClient(key)
        .deleteIfExists()
        .catch((error: unknown) => {
          throw cannot("delete from", settings, error);
        });
    },
    entries: async function* () {
      try {
        for await (const { name: key, properties } of container.listBlobsFlat()) {
          const { lastModified, contentLength } = properties;
          yield {
            key,
            updatedAt: lastModified.getTime(),
            ...(contentLength !== undefined && { sizeBytes: contentLength }),
          };
        }
      } catch (error) {
        throw cannot("list", settings, error);
      }
    },
    close: async () => undefined,
  };
}

/** Whether the container is there, made first when `create` says so. @throws Fault */
export async function checkAzure(
  settings: AzureSettings,
  env: Readonly<Record<string, string | undefined>>,
  create: boolean,
): Promise<void> {
  const container = await containerFor(settings, env);
  try {
    if (create) await container.createIfNotExists();
    else await container.getProperties();
  } catch (error) {
    throw cannot(create ? "create" : "use", settings, error);
  }
}

async function containerFor(
  { storageAccount, container }: AzureSettings,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ContainerClient> {
  const { BlobServiceClient } = await import("@azure/storage-blob");
  // A cache is not worth a wait.
  const options = { retryOptions: { maxTries: 2, tryTimeoutInMs: 5000, retryDelayInMs: 200 } };
  const connection = env[connectionVariable];
  if (connection !== undefined && connection !== "") {
    return BlobServiceClient.fromConnectionString(connection, options).getContainerClient(container);
  }
  const { DefaultAzureCredential } = await import("@azure/identity");
  const address = `https://${storageAccount}.blob.core.windows.net`;
  return new BlobServiceClient(address, new DefaultAzureCredential(), options).getContainerClient(container);
}

async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(Buffer.from(part));
  return Buffer.concat(parts).toString("utf8");
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

function cannot(what: string, { storageAccount, container }: AzureSettings, cause: unknown): Fault {
  const where = `Azure container "${container}" of account "${storageAccount}"`;
  const status = cause instanceof Error && "statusCode" in cause ? cause.statusCode : undefined;
  if (status === 404) {
    return new Fault(`Cannot ${what} ${where}: it does not exist`, {
      cause,
      next: "`k8sgpt cache add azure --create …` makes it; or correct --storageacc and --container",
    });
  }
  if (status === 401 || status === 403) {
    return new Fault(`Cannot ${what} ${where}: access is denied`, {
      cause,
      next: "Your account needs the role Storage Blob Data Contributor there; `az account show` shows who you are",
    });
  }
  const [reason = ""] = messageOf(cause).split("\n");
  return new Fault(`Cannot ${what} ${where}: ${reason}`, {
    cause,
    next: "`k8sgpt cache remove` goes back to local files",
  });
}
