import { service } from "../../src/analyzers/service.ts";
import { cases, yaml } from "./cases.ts";

const web = yaml`
  apiVersion: v1
  kind: Service
  metadata: { name: web, namespace: shop }
  spec: { selector: { app: web }, ports: [{ port: 80 }] }
`;

export default cases(service, {
  fires: [
    {
      name: "no Pod carries the label",
      given: [web],
      expect: [{ rule: "service-selector-matches-nothing", object: "Service/shop/web" }],
    },
  ],
  silent: [
    {
      name: "no selector: its endpoints are managed by hand",
      given: [yaml`
        apiVersion: v1
        kind: Service
        metadata: { name: db, namespace: shop }
        spec: { ports: [{ port: 5432 }] }
      `],
    },
  ],
});
