import { fact, field } from "../findings/evidence.ts";
import { isFinished, isGoingAway } from "../kube/guards.ts";
import { refOf } from "../kube/object-ref.ts";
import { oncePerSnapshot } from "../kube/relations.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";
import { prometheusConfigs } from "./rules/prometheus.ts";

/** The annotation by which Pods and Services commonly ask to be measured; a convention of configurations, not an API. */
const asks = "prometheus.io/scrape";

export const prometheusConfigRelabelReport: Analyzer = defineAnalyzer({
  name: "PrometheusConfigRelabelReport",
  core: false,
  needs: ["Pod"],
  uses: ["ReplicaSet", "Service"],
  rules: {
    "prometheus-targets-unknown": {
      severity: "info",
      depth: 5,
      message: "Which targets the relabel rules of Prometheus keep is not reported",
      why: "The rules stand in its configuration, which is not read: values of ConfigMaps and Secrets never reach k8sgpt",
      fix: "Look at Status > Service discovery of Prometheus itself: it shows what was kept and dropped, and by which label",
      source: "concepts/overview/working-with-objects/annotations/",
      commands: ["kubectl -n {namespace} get pod {name} -o yaml"],
      silent: ["no Prometheus runs"],
    },
  },
  *check(snapshot) {
    for (const { pod, container, file, from } of prometheusConfigs(snapshot)) {
      const ref = refOf("Pod", pod);
      const { pods, services } = asking(snapshot);
      yield {
        rule: "prometheus-targets-unknown",
        object: ref,
        discriminator: container,
        evidence: [
          fact(ref, "configuration file", file),
          ...(from === undefined ? [] : [field(ref, from.path, from.object.name)]),
          fact(ref, `Pods annotated ${asks}`, pods),
          fact(ref, `Services annotated ${asks}`, services),
        ],
      };
    }
  },
});

/** How many Pods and Services ask to be measured. */
const asking = oncePerSnapshot((snapshot) => ({
  pods: snapshot
    .list("Pod")
    .filter((pod) => pod.metadata?.annotations?.[asks] === "true" && !isFinished(pod) && !isGoingAway(snapshot, pod))
    .length,
  services: snapshot.list("Service").filter(({ metadata }) => metadata?.annotations?.[asks] === "true").length,
}));
