/** What the record says of a request to an API server, also of one that a policy kept back. */
import { openAuditFile } from "../audit.ts";
import { askedBy } from "./policy.ts";

/** One request. */
export interface AuditedRead {
  readonly context: string;
  /** The user entry of the kubeconfig, and whom it acts as: `ci`, `ci as deployer`. */
  readonly user: string;
  /** Below the server's address, with the query. */
  readonly path: string;
  /** Of the answer; absent when there was none. */
  readonly status?: number;
  /** Objects in the answer, when it was a list or one object. */
  readonly objects?: number;
  /** Of the unpacked body. */
  readonly bytes: number;
  /** Why it was not sent. */
  readonly refused?: string;
}

export interface AuditLog {
  /** @throws {Fault} when an earlier line could not be written: nothing more may be read then. */
  check(): void;
  /** @throws {Fault} when the line cannot be written, now or earlier. */
  record(read: AuditedRead): void;
  close(): void;
}

/**
 * Opens the record for requests to API servers.
 *
 * @param run what its first line says: the version, the command
 * @param now gives milliseconds since the epoch
 * @throws {Fault} when the file cannot be opened or written, or others may read it.
 */
export function openAuditLog(path: string, run: Readonly<Record<string, string>>, now: () => number): AuditLog {
  const file = openAuditFile(path, run, now);
  return {
    check: () => file.check(),
    record({ path: asked, user, context, ...rest }) {
      file.write("read", { user, context, verb: verbOf(asked), path: asked, ...rest });
    },
    close: () => file.close(),
  };
}

/** As RBAC calls it. */
function verbOf(path: string): "get" | "list" {
  const asked = askedBy(path);
  return asked === undefined || asked.plural === "" || asked.name !== undefined ? "get" : "list";
}
