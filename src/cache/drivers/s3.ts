import type * as s3 from "@aws-sdk/client-s3";
import type { BucketLocationConstraint, S3Client } from "@aws-sdk/client-s3";
import { Fault, messageOf } from "../../fault.ts";
import type { CacheDriver } from "../driver.ts";
import type { S3Settings } from "../settings.ts";

/**
 * A bucket of Amazon S3 or of a server that speaks its API (`endpoint`); objects lie at its root under their keys.
 * Credentials come from AWS's own chain: environment, profile, web identity, instance.
 */
export async function s3Cache(settings: S3Settings): Promise<CacheDriver> {
  const sdk = await loadSdk();
  const client = await clientFor(settings);
  const { bucket: Bucket } = settings;
  return {
    async get(Key) {
      try {
        const { Body } = await client.send(new sdk.GetObjectCommand({ Bucket, Key }));
        return await Body?.transformToString("utf8");
      } catch (error) {
        if (isMissing(error) && nameOf(error) !== "NoSuchBucket") return undefined;
        throw cannot("read from", settings, error);
      }
    },
    async set(Key, Body) {
      await client
        .send(new sdk.PutObjectCommand({ Bucket, Key, Body, ContentType: "text/plain" }))
        .catch((error: unknown) => {
          throw cannot("write to", settings, error);
        });
    },
    async delete(Key) {
      await client.send(new sdk.DeleteObjectCommand({ Bucket, Key })).catch((error: unknown) => {
        throw cannot("delete from", settings, error);
      });
    },
    entries: async function* () {
      try {
        for await (const page of sdk.paginateListObjectsV2({ client }, { Bucket })) {
          for (const { Key: key, LastModified, Size } of page.Contents ?? []) {
            if (key === undefined) continue;
            yield {
              key,
              ...(LastModified !== undefined && { updatedAt: LastModified.getTime() }),
              ...(Size !== undefined && { sizeBytes: Size }),
            };
          }
        }
      } catch (error) {
        throw cannot("list", settings, error);
      }
    },
    close: async () => client.destroy(),
  };
}

/** Whether the bucket is there, made first when `create` says so. @throws Fault that tells missing and forbidden apart. */
export async function checkS3(settings: S3Settings, create: boolean): Promise<void> {
  const sdk = await loadSdk();
  const client = await clientFor(settings);
  const { bucket: Bucket, region } = settings;
  try {
    await client.send(new sdk.HeadBucketCommand({ Bucket }));
  } catch (error) {
    if (!isMissing(error) || !create) throw cannot("use", settings, error);
    // us-east-1 is the one region that must not be named.
    const place =
      region === "us-east-1" ? {} : { CreateBucketConfiguration: { LocationConstraint: asLocation(region) } };
    await client.send(new sdk.CreateBucketCommand({ Bucket, ...place })).catch((cause: unknown) => {
      throw cannot("create", settings, cause);
    });
  } finally {
    client.destroy();
  }
}

function asLocation(region: string): BucketLocationConstraint {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the SDK lists the regions of its day; AWS adds more
  return region as BucketLocationConstraint;
}

/** CommonJS: in a bundle its names are found on the default export only. */
async function loadSdk(): Promise<(typeof s3)["default"]> {
  return (await import("@aws-sdk/client-s3")).default;
}

async function clientFor({ region, endpoint, insecure }: S3Settings): Promise<S3Client> {
  const { S3Client } = await loadSdk();
  if (endpoint === undefined) return new S3Client({ region });
  const shared = {
    region,
    endpoint,
    forcePathStyle: true,
    // Checksums in trailers are newer than most servers that speak this API.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  } as const;
  if (insecure !== true) return new S3Client(shared);
  // `insecure` is the user's own choice for a server with a certificate of its own making.
  return new S3Client({ ...shared, requestHandler: { httpsAgent: { rejectUnauthorized: false } } });
}

function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("$metadata" in error)) return undefined;
  const { $metadata } = error;
  return typeof $metadata === "object" && $metadata !== null && "httpStatusCode" in $metadata
    ? Number($metadata.httpStatusCode)
    : undefined;
}

/** Whether the bucket or the object is not there. Some servers answer 404 also for a user that they do not know. */
function isMissing(error: unknown): boolean {
  return statusOf(error) === 404 && /^(NotFound|NoSuchKey|NoSuchBucket)$/.test(nameOf(error));
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : "";
}

function cannot(what: string, { bucket, region, endpoint }: S3Settings, cause: unknown): Fault {
  const where = `S3 bucket "${bucket}" (${endpoint ?? region})`;
  const status = statusOf(cause);
  if (isMissing(cause)) {
    return new Fault(`Cannot ${what} ${where}: it does not exist`, {
      cause,
      next: "`k8sgpt cache add s3 --create …` makes it; or correct --bucket and --region",
    });
  }
  if (status === 401 || status === 403) {
    return new Fault(`Cannot ${what} ${where}: access is denied`, {
      cause,
      next: "`aws sts get-caller-identity` shows who you are; the bucket's policy must let you read and write",
    });
  }
  const reason = messageOf(cause) === "" && cause instanceof Error ? cause.name : messageOf(cause);
  return new Fault(`Cannot ${what} ${where}: ${reason}`, {
    cause,
    next: "`k8sgpt cache remove` goes back to local files",
  });
}
