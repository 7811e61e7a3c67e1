/**
 * What is known about Ingress controllers: how to recognise their Pods, and where they differ from the rule. Only
 * controllers that run as Pods in the cluster are listed; for any other nothing is concluded from the absence of Pods.
 */
import { isFinished, isReady } from "../../kube/guards.ts";
import type { KubeObject } from "../../kube/kinds.ts";
import { oncePerSnapshot } from "../../kube/relations.ts";
import type { Snapshot } from "../../kube/snapshot.ts";

interface ControllerFacts {
  /** Part of an image name that only this controller has. */
  readonly image?: RegExp;
  /** It serves a certificate of its own where a TLS Secret is missing. */
  readonly hasDefaultCertificate: boolean;
  /** It makes a load balancer per Ingress, so that equal routes do not meet. */
  readonly isPerIngress: boolean;
  /** It reads certificates from a place other than the Secret. */
  readonly ignoresSecrets: boolean;
}

const usual: ControllerFacts = { hasDefaultCertificate: true, isPerIngress: false, ignoresSecrets: false };

/** By `spec.controller` of the IngressClass. */
const controllers: Readonly<Record<string, ControllerFacts>> = {
  "k8s.io/ingress-nginx": { ...usual, image: /ingress-nginx.*controller|nginx-ingress-controller/ },
  "nginx.org/ingress-controller": { ...usual, image: /nginx\/nginx-ingress|nginx-ic|nginx-ingress:/ },
  "traefik.io/ingress-controller": { ...usual, image: /traefik/ },
  "haproxy-ingress.github.io/controller": { ...usual, image: /haproxy-ingress/ },
  "haproxy.org/ingress-controller": { ...usual, image: /haproxytech\/kubernetes-ingress/ },
  "ingress-controllers.konghq.com/kong": { ...usual, image: /kong\/kubernetes-ingress-controller|kong/ },
  "ingress.k8s.aws/alb": {
    image: /aws-load-balancer-controller/,
    hasDefaultCertificate: true,
    isPerIngress: true,
    ignoresSecrets: true,
  },
  "k8s.io/ingress-gce": { hasDefaultCertificate: false, isPerIngress: true, ignoresSecrets: false },
  "azure/application-gateway": { hasDefaultCertificate: false, isPerIngress: false, ignoresSecrets: false },
};

/** What is known of the controller that a class names; undefined for one that is not known. */
export function controllerFacts(controller: string | undefined): ControllerFacts | undefined {
  return controller === undefined
    ? undefined
    : (controllers[controller] ?? controllers[controller.replace(/\/[^/]*$/, "")]);
}

/** Classes that a provider serves without an IngressClass object (cloud.google.com/kubernetes-engine/docs/concepts/ingress). */
export const builtInClasses: ReadonlySet<string> = new Set(["gce", "gce-internal", "gce-multi-cluster"]);

const containersByPod = oncePerSnapshot((snapshot) =>
  snapshot.list("Pod").flatMap((pod) => {
    if (isFinished(pod)) return [];
    const containers = pod.spec?.containers ?? [];
    return [
      {
        pod,
        images: containers.map(({ image = "" }) => image),
        words: containers.flatMap(({ command = [], args = [] }) => [...command, ...args]),
      },
    ];
  }),
);

/**
 * The Pods that run a controller, or undefined when its Pods cannot be told from others: then their absence says nothing.
 */
export function controllerPods(snapshot: Snapshot, controller: string): readonly KubeObject<"Pod">[] | undefined {
  const image = controllerFacts(controller)?.image;
  const found = containersByPod(snapshot).filter(
    ({ images, words }) =>
      (image !== undefined && images.some((name) => image.test(name))) ||
      words.some((word) => word.includes(controller)),
  );
  if (found.length === 0 && image === undefined) return undefined;
  return found.map(({ pod }) => pod);
}

/** Whether a running container is told to serve a class by name (`--ingress-class=nginx`). */
export function isClassServedByFlag(snapshot: Snapshot, name: string): boolean {
  return containersByPod(snapshot).some(
    ({ pod, words }) => isReady(pod) && words.some((word) => /ingress-?class/i.test(word) && word.endsWith(`=${name}`)),
  );
}
