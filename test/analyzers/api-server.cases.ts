import { apiServer } from "../../src/analyzers/api-server.ts";
import { cases } from "./cases.ts";

const notLive =
  "the health of a server is its own; test/cluster/facts.cluster.test.ts reads it from one that lost etcd";
const checks = (passed: readonly string[], failed: readonly string[]) => ({
  health: [...passed.map((name) => ({ name, isPassed: true })), ...failed.map((name) => ({ name, isPassed: false }))],
});
const object = "APIServer/case";
const rule = "apiserver-not-ready";

export default cases(apiServer, {
  fires: [
    {
      name: "it does not reach etcd",
      given: [],
      facts: checks(["ping", "log"], ["etcd", "etcd-readiness"]),
      expect: [{ rule, object, severity: "critical", because: "it does not reach etcd" }],
      notLive,
    },
    {
      name: "a check of which nothing is known",
      given: [],
      facts: checks(["ping"], ["vendor-extension"]),
      expect: [{ rule, object }],
      notLive,
    },
    {
      name: "it is shutting down, and has lost etcd",
      given: [],
      facts: checks(["ping"], ["shutdown", "etcd"]),
      expect: [{ rule, object, because: "it is shutting down" }],
      notLive,
    },
  ],
  silent: [
    {
      name: "every check passes",
      given: [],
      facts: checks(["ping", "etcd", "informer-sync", "shutdown"], []),
      notLive,
    },
    { name: "it is only shutting down", given: [], facts: checks(["ping", "etcd"], ["shutdown"]), notLive },
    { name: "its health is not known", given: [], notLive },
  ],
});
