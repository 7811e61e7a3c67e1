import { writeFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * Writes application default credentials into `folder` that get their access tokens from `server`, as a workload's do: no
 * key, and no host but that one.
 *
 * @returns the file for GOOGLE_APPLICATION_CREDENTIALS
 */
export async function writeGoogleIdentity(folder: string, server: string): Promise<string> {
  const subject = join(folder, "subject");
  await writeFile(subject, "subject-token");
  const file = join(folder, "adc.json");
  await writeFile(
    file,
    JSON.stringify({
      type: "external_account",
      audience: "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
      subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
      token_url: `${server}/token`,
      credential_source: { file: subject },
    }),
  );
  return file;
}
