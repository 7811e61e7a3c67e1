import { fact, field } from "../findings/evidence.ts";
import { hasSettled, graceMs, isFinished, isGoingAway } from "../kube/guards.ts";
import type { KubeObject } from "../kube/kinds.ts";
import { refOf } from "../kube/object-ref.ts";
import { endpointsOf, isUsable, podsSelectedBy } from "../kube/relations.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";

export const service: Analyzer = defineAnalyzer({
  name: "Service",
  needs: ["Service", "Pod", "EndpointSlice"],
  rules: {
    "service-selector-matches-nothing": {
      severity: ["critical", "warning"],
      depth: 5,
      message: "The selector matches no Pod in the namespace",
      why: "Callers are refused or time out: there is nothing behind the Service",
      fix: "Compare spec.selector with the labels of the Pods meant to serve it",
      source: "concepts/services-networking/service/",
      commands: ["kubectl -n {namespace} get pods --show-labels", "kubectl -n {namespace} get service {name} -o yaml"],
    },
  },
  *check(snapshot) {
    for (const object of snapshot.list("Service")) {
      if (isGoingAway(snapshot, object) || !hasSettled(snapshot, object, graceMs.pod)) continue;
      const { selector = {}, type } = object.spec ?? {};
      // Without a selector somebody else writes the EndpointSlices; ExternalName has none.
      if (type === "ExternalName" || Object.keys(selector).length === 0) continue;
      const { namespace = "" } = object.metadata ?? {};
      if (!snapshot.isComplete("Pod", namespace)) continue;
      const pods = podsSelectedBy(snapshot, object);
      if (pods.length > 0 || endpointsOf(snapshot, object).some(isUsable)) continue;
      const ref = refOf("Service", object);
      yield {
        rule: "service-selector-matches-nothing",
        severity: "warning",
        object: ref,
        evidence: [field(ref, "spec.selector", selector), ...nearest(snapshot.inNamespace("Pod", namespace), ref, selector)],
      };
    }
  },
});

function nearest(
  pods: readonly KubeObject<"Pod">[],
  ref: ReturnType<typeof refOf>,
  selector: Readonly<Record<string, string>>,
): readonly ReturnType<typeof fact>[] {
  const keys = Object.keys(selector);
  const near = pods.find((pod) => !isFinished(pod) && keys.every((key) => pod.metadata?.labels?.[key] !== undefined));
  return near === undefined ? [] : [fact(ref, "nearest Pod", near.metadata?.name ?? "")];
}
