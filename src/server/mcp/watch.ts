/**
 * Tells subscribers when incidents change. A cluster is analyzed again and again only while somebody is subscribed to
 * it; nothing is watched otherwise, and a saved cluster never changes. Ages are no change: what counts is which
 * incidents there are, how bad they are, and which findings they hold.
 */
import type { Incident } from "../../findings/report.ts";
import type { Fleet, McpContext } from "./context.ts";
import { incidentUri, incidentsUri } from "./uris.ts";

/** Told the address of what changed. */
export type Heard = (uri: string) => void;

/** See the head of this file. */
export interface Watch {
  /** Begins to tell about one cluster, or about all. */
  readonly listen: (about: McpContext | "all", heard: Heard) => Listening;
  readonly close: () => void;
}

/** Somebody who is told. */
export interface Listening {
  /** Done when it is known how things are now: what changes later is told. */
  readonly ready: Promise<void>;
  readonly end: () => void;
}

interface Listener {
  readonly about: McpContext | "all";
  readonly heard: Heard;
}

/** How often a cluster is looked at while somebody is subscribed. */
const defaultEveryMs = 30_000;

/** Does nothing until somebody listens. */
export function createWatch(fleet: Fleet, everyMs: number = fleet.options.watchMs ?? defaultEveryMs): Watch {
  const listeners = new Set<Listener>();
  const before = new Map<McpContext, ReadonlyMap<string, string>>();
  const looking = new Map<McpContext, Promise<void>>();
  let timer: NodeJS.Timeout | undefined;

  const listenersTo = (cluster: McpContext): readonly Listener[] =>
    [...listeners].filter(({ about }) => about === "all" || about === cluster);

  const lookOnce = async (cluster: McpContext): Promise<void> => {
    try {
      const view = cluster.forTool(["analyze"]);
      const known = before.get(cluster);
      const request = { scope: view.policy.scope, filters: [], include: [] };
      const { report } = await view.analysis(request, { isAnew: known !== undefined });
      const now = new Map(report.incidents.map((incident) => [incident.id, printOf(incident)]));
      // Nobody listens any more: what was found is not kept, so that the next one begins anew.
      if (listenersTo(cluster).length === 0) return;
      before.set(cluster, now);
      if (known === undefined) return;
      const changed = [...new Set([...known.keys(), ...now.keys()])].filter((id) => known.get(id) !== now.get(id));
      if (changed.length === 0) return;
      for (const { heard } of listenersTo(cluster)) {
        for (const uri of incidentsUri(fleet, cluster)) heard(uri);
        for (const id of changed) for (const uri of incidentUri(fleet, cluster, id)) heard(uri);
      }
    } catch {
      // A cluster that does not answer now is asked again at the next turn; reading the resource tells why.
    }
  };
  const look = async (cluster: McpContext): Promise<void> => {
    if (listenersTo(cluster).length === 0) return;
    const under = looking.get(cluster) ?? lookOnce(cluster).finally(() => looking.delete(cluster));
    looking.set(cluster, under);
    await under;
  };
  const lookAtAll = async (): Promise<void> => {
    await Promise.all(fleet.clusters.map(async (cluster) => (cluster.isSaved ? undefined : look(cluster))));
  };
  const stop = (): void => {
    clearInterval(timer);
    timer = undefined;
    before.clear();
  };
  return {
    listen(about, heard) {
      const listener = { about, heard };
      listeners.add(listener);
      if (timer === undefined) {
        timer = setInterval(() => void lookAtAll(), everyMs);
        timer.unref();
      }
      return {
        ready: lookAtAll(),
        end() {
          listeners.delete(listener);
          if (listeners.size === 0) stop();
        },
      };
    },
    close() {
      listeners.clear();
      stop();
    },
  };
}

function printOf({ severity, root, members }: Incident): string {
  return JSON.stringify([severity, root.title, members.map(({ id, objects }) => [id, objects.length])]);
}
