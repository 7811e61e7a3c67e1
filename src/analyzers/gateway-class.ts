import { fact, field } from "../findings/evidence.ts";
import { isGoingAway } from "../kube/guards.ts";
import { refOf } from "../kube/object-ref.ts";
import { type Analyzer, defineAnalyzer } from "./define.ts";
import {
  absentControllers,
  conditionFields,
  controllerAbsent,
  gatewaysOfClass,
  isUntouched,
  troubleIn,
} from "./rules/gateway-api.ts";

/** Reasons of `Accepted` (apis/v1/gatewayclass_types.go, Gateway API v1.6). */
const reasons: Readonly<Record<string, string>> = {
  InvalidParameters: "its parameters are missing or invalid",
  Unsupported: "its controller does not serve classes made by users",
  UnsupportedVersion: "its controller does not support the installed version of the Gateway API",
};

export const gatewayClass: Analyzer = defineAnalyzer({
  name: "GatewayClass",
  core: false,
  needs: ["GatewayClass"],
  uses: ["Gateway"],
  rules: {
    "gatewayclass-not-accepted": {
      severity: ["critical", "warning"],
      depth: 4,
      message: "The controller does not accept the GatewayClass",
      why: "The data plane ignores the listeners of all its Gateways",
      fix: "Read the reason in status.conditions[Accepted], and mend spec.parametersRef or the controller",
      source: "concepts/services-networking/gateway/",
      commands: ["kubectl describe gatewayclass {name}", "kubectl get gateways -A"],
      silent: [
        "less than 2 minutes",
        "no controller has looked at the class yet",
        "other conditions, such as SupportedVersion, in whatever order",
        "no Gateway uses the class (warning)",
      ],
    },
    "gateway-controller-absent": controllerAbsent,
  },
  *check(snapshot) {
    for (const object of snapshot.list("GatewayClass")) {
      if (isGoingAway(snapshot, object) || isUntouched(object)) continue;
      const trouble = troubleIn(snapshot, object, object.status?.conditions, "Accepted");
      if (trouble === undefined) continue;
      const ref = refOf("GatewayClass", object);
      const gateways = gatewaysOfClass(snapshot, ref.name);
      const because = reasons[trouble.condition.reason ?? ""];
      yield {
        rule: "gatewayclass-not-accepted",
        object: ref,
        severity: gateways.length > 0 ? "critical" : "warning",
        ...(because !== undefined && { because }),
        evidence: [
          ...conditionFields(ref, "status.conditions", trouble.condition),
          field(ref, "spec.controllerName", object.spec?.controllerName),
          ...(object.spec?.parametersRef === undefined
            ? []
            : [field(ref, "spec.parametersRef", { ...object.spec.parametersRef })]),
          fact(ref, "Gateways of the class", gateways.length),
        ],
        related: gateways.map((gateway) => refOf("Gateway", gateway)),
        ...(trouble.since !== undefined && { since: trouble.since }),
      };
    }
    yield* absentControllers(snapshot);
  },
});
