import { describe, expect, test } from "vitest";
import { docKey, fieldDescription } from "../../src/report/field-doc.ts";

const document = {
  components: {
    schemas: {
      "io.example.v1.Service": { properties: { spec: { description: "a CRD whose name ends the same" } } },
      "io.k8s.api.core.v1.Service": {
        "x-kubernetes-group-version-kind": [{ group: "", version: "v1", kind: "Service" }],
        properties: {
          spec: { allOf: [{ $ref: "#/components/schemas/Spec" }], default: {}, description: "What is wanted." },
        },
      },
      Spec: {
        properties: {
          selector: { description: "Route traffic.", type: "object", additionalProperties: { type: "string" } },
          ports: {
            description: "The ports.",
            type: "array",
            items: { allOf: [{ $ref: "#/components/schemas/Port" }] },
          },
          loop: { $ref: "#/components/schemas/Loop" },
        },
      },
      Port: {
        properties: {
          port: { description: "The port." },
          inline: { type: "array", items: { properties: { deep: { description: "Deep." } } } },
        },
      },
      Loop: { $ref: "#/components/schemas/Loop" },
    },
  },
};
const service = { group: "", version: "v1", kind: "Service" };

describe("fieldDescription", () => {
  test.each([
    ["spec", "What is wanted."],
    ["spec.selector", "Route traffic."],
    ["spec.ports[0].port", "The port."],
    ["spec.ports[http].inline[2].deep", "Deep."],
    ["spec.nothing", undefined],
    ["spec.loop.more", undefined],
    ["spec.selector.app", undefined],
  ])("%s", (path, expected) => {
    expect(fieldDescription(document, service, path)).toBe(expected);
  });

  test("a kind that the document does not name has none", () => {
    expect(fieldDescription(document, { ...service, kind: "Pod" }, "spec")).toBeUndefined();
    expect(fieldDescription(undefined, service, "spec")).toBeUndefined();
  });

  test("the key leaves out what is data", () => {
    expect(docKey("Pod", "spec.containers[0].image")).toBe(docKey("Pod", "spec.containers[app].image"));
  });
});
