import { endpointSlice } from "../../src/analyzers/endpoint-slice.ts";
import { ago, but, cases, type Manifest, yaml } from "./cases.ts";

const slice = (changes = "{}"): Manifest =>
  but(
    yaml`
      apiVersion: discovery.k8s.io/v1
      kind: EndpointSlice
      metadata:
        name: web-x7k2p
        namespace: shop
        labels: { kubernetes.io/service-name: web, endpointslice.kubernetes.io/managed-by: endpointslice-controller.k8s.io }
      addressType: IPv4
      ports: [{ port: 80 }]
      endpoints:
        - addresses: [10.1.0.5]
          conditions: { ready: true }
          targetRef: { kind: Pod, namespace: shop, name: web-1, uid: web-1-uid }
    `,
    changes,
  );
const pod = (changes = "{}"): Manifest =>
  but(
    yaml`
      apiVersion: v1
      kind: Pod
      metadata: { name: web-1, namespace: shop, uid: web-1-uid }
      spec: { containers: [{ name: web, image: nginx }] }
      status:
        phase: Running
        podIP: 10.1.0.5
        podIPs: [{ ip: 10.1.0.5 }]
        conditions: [{ type: Ready, status: "True", lastTransitionTime: "${ago("30m")}" }]
    `,
    changes,
  );
const killing = (seen: string): readonly Manifest[] => yaml`
  apiVersion: v1
  kind: Event
  metadata: { name: web-1.killing, namespace: shop }
  involvedObject: { apiVersion: v1, kind: Pod, namespace: shop, name: web-1, uid: web-1-uid }
  type: Normal
  reason: Killing
  message: Stopping container web
  lastTimestamp: "${ago(seen)}"
`;
const rule = "service-endpoints-stale";
const object = "EndpointSlice/shop/web-x7k2p";

export default cases(endpointSlice, {
  fires: [
    {
      name: "the Pod was stopped six minutes ago",
      given: [slice(), killing("6m")],
      expect: [{ rule, object, severity: "warning", because: "the Pod does not exist any more" }],
    },
    { name: "the Pod is gone, and has left no event", given: [slice()], expect: [{ rule, object }] },
    {
      name: "a younger Pod has the name",
      given: [slice(), pod(`metadata: { uid: another, creationTimestamp: "${ago("10m")}" }`)],
      expect: [{ rule, object, because: "the Pod was replaced by another of the same name" }],
    },
    {
      name: "the Pod has ended",
      given: [
        slice(),
        pod(
          `status: { phase: Failed, conditions: [{ type: Ready, status: "False", lastTransitionTime: "${ago("10m")}" }] }`,
        ),
      ],
      expect: [{ rule, object, because: "the Pod has ended" }],
    },
    {
      name: "the Pod has another address",
      given: [slice(), pod("status: { podIP: 10.1.0.9, podIPs: [{ ip: 10.1.0.9 }] }")],
      expect: [{ rule, object, because: "the Pod has another address" }],
    },
  ],
  silent: [
    { name: "the Pod is there", given: [slice(), pod()] },
    {
      name: "the slice was changed just now: the Pod may be new",
      given: [
        slice(`metadata: { annotations: { endpoints.kubernetes.io/last-change-trigger-time: "${ago("20s")}" } }`),
      ],
    },
    { name: "the slice is new", given: [slice(`metadata: { creationTimestamp: "${ago("1m")}" }`)] },
    { name: "events could not be read", given: [slice()], unread: ["Event"] },
    { name: "the Pod was stopped just now", given: [slice(), killing("20s")] },
    {
      name: "a Pod of a StatefulSet was replaced just now",
      given: [slice(), pod(`metadata: { uid: another, creationTimestamp: "${ago("20s")}" }`)],
    },
    {
      name: "the endpoint is terminating",
      given: [
        slice(
          "endpoints: [{ addresses: [10.1.0.5], conditions: { ready: false, serving: true, terminating: true }, targetRef: { kind: Pod, namespace: shop, name: web-1, uid: web-1-uid } }]",
        ),
        killing("6m"),
      ],
    },
    {
      name: "written by hand",
      given: [slice("metadata: { labels: { endpointslice.kubernetes.io/managed-by: my-operator } }"), killing("6m")],
    },
    {
      name: "an address that is no Pod",
      given: [slice("endpoints: [{ addresses: [10.1.0.5], conditions: { ready: true } }]"), killing("6m")],
    },
    { name: "Pods could not be read", given: [slice(), killing("7m")], unread: ["Pod"] },
    {
      name: "the second address of a Pod",
      given: [
        slice(
          "addressType: IPv6\nendpoints: [{ addresses: ['fd00::5'], conditions: { ready: true }, targetRef: { kind: Pod, namespace: shop, name: web-1, uid: web-1-uid } }]",
        ),
        pod("status: { podIPs: [{ ip: 10.1.0.5 }, { ip: 'fd00::5' }] }"),
      ],
    },
  ],
});
