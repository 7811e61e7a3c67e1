import type { Bucket } from "@google-cloud/storage";
import { Fault, messageOf } from "../../fault.ts";
import type { CacheDriver } from "../driver.ts";
import type { GcsSettings } from "../settings.ts";

/**
 * A bucket of Google Cloud Storage, one object per key. Credentials are the application default ones;
 * `STORAGE_EMULATOR_HOST`, Google's own variable, names another server.
 */
export async function gcsCache(settings: GcsSettings): Promise<CacheDriver> {
  const bucket = await bucketFor(settings);
  return {
    async get(key) {
      try {
        const [bytes] = await bucket.file(key).download();
        return bytes.toString("utf8");
      } catch (error) {
        // A missing bucket answers with the same status as a missing object, and other words.
        if (statusOf(error) === 404 && !/bucket does not exist/i.test(messageOf(error))) return undefined;
        throw cannot("read from", settings, error);
      }
    },
    async set(key, value) {
      await bucket
        .file(key)
        .save(value, { resumable: false, contentType: "text/plain" })
        .catch((error: unknown) => {
          throw cannot("write to", settings, error);
        });
    },
    async delete(key) {
      await bucket
        .file(key)
        .delete({ ignoreNotFound: true })
        .catch((error: unknown) => {
          throw cannot("delete from", settings, error);
        });
    },
    entries: async function* () {
      try {
        for await (const file of bucket.getFilesStream()) {
          const { name: key, metadata } = asFile(file);
          yield {
            key,
            ...(metadata.updated !== undefined && { updatedAt: Date.parse(metadata.updated) }),
            ...(metadata.size !== undefined && { sizeBytes: Number(metadata.size) }),
          };
        }
      } catch (error) {
        throw cannot("list", settings, error);
      }
    },
    close: async () => undefined,
  };
}

/** Whether the bucket is there, made first when `create` says so. @throws Fault */
export async function checkGcs(settings: GcsSettings, create: boolean): Promise<void> {
  const bucket = await bucketFor(settings);
  try {
    const [isThere] = await bucket.exists();
    if (isThere) return;
    if (!create) throw cannot("use", settings, Object.assign(new Error("not found"), { code: 404 }));
    await bucket.create({ location: settings.region });
  } catch (error) {
    throw error instanceof Fault ? error : cannot(create ? "create" : "use", settings, error);
  }
}

async function bucketFor({ projectId, bucket }: GcsSettings): Promise<Bucket> {
  const { Storage } = await import("@google-cloud/storage");
  return new Storage({ projectId, retryOptions: { maxRetries: 1, totalTimeout: 10 } }).bucket(bucket);
}

/** The stream of a listing is typed `any` by its library; it gives `File`s. */
function asFile(file: unknown): {
  readonly name: string;
  readonly metadata: { readonly updated?: string; readonly size?: string | number };
} {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
  return file as ReturnType<typeof asFile>;
}

function statusOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? Number(error.code) : undefined;
}

function cannot(what: string, { bucket, projectId }: GcsSettings, cause: unknown): Fault {
  const where = `GCS bucket "${bucket}" of project "${projectId}"`;
  const status = statusOf(cause);
  if (status === 404) {
    return new Fault(`Cannot ${what} ${where}: it does not exist`, {
      cause,
      next: "`k8sgpt cache add gcs --create …` makes it; or correct --bucket and --projectid",
    });
  }
  if (status === 401 || status === 403) {
    return new Fault(`Cannot ${what} ${where}: access is denied`, {
      cause,
      next: "`gcloud auth application-default login` signs you in; the role Storage Object User is needed",
    });
  }
  const [reason = ""] = messageOf(cause).split("\n");
  return new Fault(`Cannot ${what} ${where}: ${reason}`, {
    cause,
    next: "`k8sgpt cache remove` goes back to local files",
  });
}
