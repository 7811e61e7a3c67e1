/** Credentials are found in one place for all: analyzers that quote logs remove them too. */
export { redactCredentials, redacted } from "../kube/credentials.ts";
