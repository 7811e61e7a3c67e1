/**
 * An access token for a Google service account: the signed statement of RFC 7523 that Google's token address takes. The SDK
 * of the `google` backend knows API keys only, and existing configurations also hold service accounts.
 */
import { createSign } from "node:crypto";
import { Fault } from "../../fault.ts";
import { BackendFailure } from "../backend.ts";
import type { Fetch } from "./transport.ts";

/** What a service account's key file says of it. */
export interface ServiceAccount {
  readonly email: string;
  readonly privateKey: string;
  readonly tokenAddress: string;
}

const scope = "https://www.googleapis.com/auth/generative-language https://www.googleapis.com/auth/cloud-platform";
const lifetimeSeconds = 3600;

/**
 * Reads a service account's key file, given as text.
 *
 * @throws Fault when it is none.
 */
export function serviceAccountOf(name: string, text: string): ServiceAccount {
  const next = "Set password to an API key, or to the whole JSON key file of a service account (file:PATH reads it)";
  const fields = parsed(text);
  const email: unknown = fields["client_email"];
  const privateKey: unknown = fields["private_key"];
  const tokenAddress: unknown = fields["token_uri"] ?? "https://oauth2.googleapis.com/token";
  if (typeof email !== "string" || typeof privateKey !== "string" || typeof tokenAddress !== "string") {
    throw new Fault(`The password of backend ${name} looks like JSON but is no service account's key`, { next });
  }
  return { email, privateKey, tokenAddress };
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

/** Gives the current access token, and fetches a new one when the old one is about to expire. */
export function accessTokens(name: string, account: ServiceAccount): (fetch: Fetch) => Promise<string> {
  let current: { readonly token: string; readonly expiresAt: number } | undefined;
  return async (fetch) => {
    if (current !== undefined && current.expiresAt > Date.now() + 60_000) return current.token;
    const response = await fetch(account.tokenAddress, {
      method: "POST",
      body: new URLSearchParams({
        grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
        assertion: statement(account),
      }),
    });
    const answer = parsed(await response.text());
    const token = answer["access_token"];
    if (!response.ok || typeof token !== "string") {
      throw new BackendFailure(`${name}: no access token for service account ${account.email} (${response.status})`, {
        status: response.status,
        isTransient: response.status >= 500,
      });
    }
    const lifetime = Number(answer["expires_in"] ?? lifetimeSeconds);
    current = { token, expiresAt: Date.now() + lifetime * 1000 };
    return token;
  };
}

function statement({ email, privateKey, tokenAddress }: ServiceAccount): string {
  const issuedAt = Math.floor(Date.now() / 1000);
  const claims = { iss: email, scope, aud: tokenAddress, iat: issuedAt, exp: issuedAt + lifetimeSeconds };
  const content = [{ alg: "RS256", typ: "JWT" }, claims].map(encoded).join(".");
  return `${content}.${createSign("RSA-SHA256").update(content).sign(privateKey, "base64url")}`;
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
