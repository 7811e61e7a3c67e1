/**
 * The auth-provider `oidc` (reference/access-authn-authz/authentication/#option-1-oidc-authenticator): an ID token, and a
 * refresh token to get the next one. client-node's own refresh does not work with the OpenID library that it brings (it
 * passes the issuer as text where a URL is asked for, and leaves the client secret out), so it is done here. Unlike
 * kubectl we do not write the new tokens into the kubeconfig, which is not ours; where that matters, it is told.
 */
import { readFileSync } from "node:fs";
import { type IncomingMessage, request as requestPlain } from "node:http";
import { request as requestSecure } from "node:https";
import { Fault, messageOf } from "../../fault.ts";
import type { ExecOptions } from "./exec-plugin.ts";
import { type Entry, entryIn, isEntry, type Target, textIn } from "./kubeconfig.ts";

/** How long the identity provider may take. */
const providerTimeoutMs = 15_000;

/** Refreshes what the kubeconfig holds, and remembers it: a refresh token may be good for one use only. */
export function oidcTokens(
  target: Target,
  { onNote, signal }: Pick<ExecOptions, "onNote" | "signal">,
): () => Promise<string> {
  const provider = entryIn(target.user, "auth-provider");
  const config = (provider === undefined ? undefined : entryIn(provider, "config")) ?? {};
  let idToken = textIn(config, "id-token");
  let refreshToken = textIn(config, "refresh-token");
  return async () => {
    const expiresAt = idToken === undefined ? undefined : tokenExpiry(idToken);
    if (idToken !== undefined && (expiresAt === undefined || expiresAt > Date.now())) return idToken;
    const { context, userName } = target;
    const issuer = textIn(config, "idp-issuer-url");
    const clientId = textIn(config, "client-id");
    if (refreshToken === undefined || issuer === undefined || clientId === undefined) {
      throw new Fault(`The login of user "${userName}" of context "${context}" has expired and cannot be renewed`, {
        next: "Log in again with your identity provider's command",
      });
    }
    try {
      const answer = await refresh({ config, issuer, clientId, refreshToken, signal });
      idToken = answer.idToken;
      if (answer.refreshToken !== undefined && answer.refreshToken !== refreshToken) {
        refreshToken = answer.refreshToken;
        onNote(
          `The identity provider replaced the refresh token of user "${userName}"; kubectl may ask you to log in again.`,
        );
      }
      return idToken;
    } catch (error) {
      if (signal.aborted) throw error;
      throw new Fault(
        `Cannot renew the login of user "${userName}" of context "${context}" at ${issuer}: ${messageOf(error)}`,
        {
          cause: error,
          next: "Log in again with your identity provider's command",
        },
      );
    }
  };
}

/** `exp` of a JWT, in milliseconds since the epoch; undefined when there is none. */
export function tokenExpiry(token: string): number | undefined {
  const payload = token.split(".")[1];
  if (payload === undefined) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, "base64url").toString("utf8"));
    const seconds = isEntry(claims) ? claims["exp"] : undefined;
    return typeof seconds === "number" ? seconds * 1000 : undefined;
  } catch {
    return undefined;
  }
}

interface RefreshRequest {
  readonly config: Entry;
  readonly issuer: string;
  readonly clientId: string;
  readonly refreshToken: string;
  readonly signal: AbortSignal;
}

async function refresh({
  config,
  issuer,
  clientId,
  refreshToken,
  signal,
}: RefreshRequest): Promise<{ idToken: string; refreshToken: string | undefined }> {
  const ca = authorityOf(config);
  const discovery = await ask(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`, { ca, signal });
  const endpoint = textIn(discovery.body, "token_endpoint");
  if (discovery.status !== 200 || endpoint === undefined)
    throw new Error(`it does not say where tokens are had (status ${discovery.status})`);

  const secret = textIn(config, "client-secret");
  const form = { grant_type: "refresh_token", refresh_token: refreshToken };
  // Providers differ in where they want the secret; a header is tried first, as in Go (RFC 6749, 2.3.1).
  const attempts: { form: Record<string, string>; authorization?: string }[] =
    secret === undefined
      ? [{ form: { ...form, client_id: clientId } }]
      : [
          {
            form,
            authorization: `Basic ${Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(secret)}`).toString("base64")}`,
          },
          { form: { ...form, client_id: clientId, client_secret: secret } },
        ];
  let why = "";
  for (const attempt of attempts) {
    const { status, body } = await ask(endpoint, { ca, signal, ...attempt });
    const idToken = textIn(body, "id_token");
    if (status === 200 && idToken !== undefined) return { idToken, refreshToken: textIn(body, "refresh_token") };
    if (status === 200) throw new Error("its answer holds no ID token");
    why = [`status ${status}`, textIn(body, "error"), textIn(body, "error_description")]
      .filter((part) => part !== undefined)
      .join(", ");
  }
  throw new Error(why);
}

function authorityOf(config: Entry): string | Buffer | undefined {
  const data = textIn(config, "idp-certificate-authority-data");
  if (data !== undefined) return Buffer.from(data, "base64");
  const file = textIn(config, "idp-certificate-authority");
  return file === undefined ? undefined : readFileSync(file);
}

interface Question {
  readonly ca: string | Buffer | undefined;
  readonly signal: AbortSignal;
  /** Sent by POST. The identity provider is no API server: a token is asked for, nothing is changed in a cluster. */
  readonly form?: Readonly<Record<string, string>>;
  readonly authorization?: string;
}

/** Asks the identity provider; a body that is no JSON object is taken for an empty one. */
function ask(url: string, { ca, signal, form, authorization }: Question): Promise<{ status: number; body: Entry }> {
  const text = form === undefined ? undefined : new URLSearchParams(form).toString();
  return new Promise((resolve, reject) => {
    const send = new URL(url).protocol === "http:" ? requestPlain : requestSecure;
    const asked = send(
      url,
      {
        method: text === undefined ? "GET" : "POST",
        signal: AbortSignal.any([signal, AbortSignal.timeout(providerTimeoutMs)]),
        headers: {
          accept: "application/json",
          ...(text !== undefined && { "content-type": "application/x-www-form-urlencoded" }),
          ...(authorization !== undefined && { authorization }),
        },
        ...(ca !== undefined && { ca }),
      },
      (answer: IncomingMessage) => {
        let body = "";
        answer.setEncoding("utf8");
        answer.on("data", (part: string) => (body += part));
        answer.on("error", reject);
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body: parseEntry(body) }));
      },
    );
    asked.on("error", reject);
    asked.end(text);
  });
}

function parseEntry(text: string): Entry {
  try {
    const value: unknown = JSON.parse(text);
    return isEntry(value) ? value : {};
  } catch {
    return {};
  }
}
