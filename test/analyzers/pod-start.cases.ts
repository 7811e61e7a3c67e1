import { pod } from "../../src/analyzers/pod.ts";
import { ago, cases, yaml } from "./cases.ts";
import {
  containerStatus,
  crashed,
  healthyPod,
  node,
  ofReplicaSet,
  podEvent,
  podWith,
  replicaSet,
  statusWith,
  terminated,
  waiting,
} from "./pod-objects.ts";

const web = "Pod/shop/web-1";

function image(reason: string, message: string, more = {}) {
  return podWith({ status: statusWith([waiting(reason, message)], { phase: "Pending", ...more }) });
}

const backOff = 'Back-off pulling image "registry.example/web:1.4.2"';

function pulls(name: string, rule: string, message: string, severity: "critical" | "warning" = "critical") {
  return {
    name: `image: ${name}`,
    given: [image("ImagePullBackOff", `${backOff}: ErrImagePull: ${message}`)],
    expect: [{ rule, object: web, severity }],
  };
}

const creating = statusWith([waiting("ContainerCreating")], { phase: "Pending", podIP: undefined });

function created(message: string, more = {}) {
  return podWith({
    spec: {
      containers: [
        { name: "app", image: "registry.example/web:1.4.2", envFrom: [{ configMapRef: { name: "web-config" } }] },
      ],
    },
    status: statusWith([waiting("CreateContainerConfigError", message)], { phase: "Pending", ...more }),
  });
}

const secretVolume = { volumes: [{ name: "credentials", secret: { secretName: "backup-credentials" } }] };

export default cases(pod, {
  fires: [
    pulls(
      "unknown tag",
      "image-not-found",
      'failed to pull and unpack image "registry.example/web:1.4.2": failed to resolve reference "registry.example/web:1.4.2": registry.example/web:1.4.2: not found',
    ),
    pulls(
      "denied",
      "image-auth-denied",
      "pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials",
    ),
    pulls(
      "rate limit",
      "image-rate-limited",
      "toomanyrequests: You have reached your unauthenticated pull rate limit.",
      "warning",
    ),
    pulls(
      "other platform",
      "image-platform-missing",
      'failed to pull and unpack image "registry.example/web:1.4.2": no match for platform in manifest: not found',
    ),
    pulls(
      "TLS",
      "image-tls-untrusted",
      'failed to do request: Head "https://registry.example/v2/web/manifests/1.4.2": tls: failed to verify certificate: x509: certificate signed by unknown authority',
    ),
    pulls(
      "DNS",
      "image-dns-failed",
      'failed to do request: Head "https://registry.example/v2/web/manifests/1.4.2": dial tcp: lookup registry.example on 10.0.0.2:53: no such host',
    ),
    pulls(
      "unreachable",
      "image-unreachable",
      'failed to do request: Head "https://registry.example/v2/web/manifests/1.4.2": dial tcp 10.9.8.7:443: i/o timeout',
    ),
    pulls(
      "disk full",
      "image-node-disk-full",
      "failed to extract layer: write /var/lib/containerd/x: no space left on device",
    ),
    pulls("something else", "image-pull-failed", "rpc error: code = Unknown desc = the dog ate it"),
    {
      name: "image: never pulled",
      given: [
        image(
          "ErrImageNeverPull",
          'Container image "registry.example/web:1.4.2" is not present with pull policy of Never',
        ),
      ],
      expect: [{ rule: "image-never-present", object: web }],
    },
    {
      name: "image: invalid name",
      given: [
        image(
          "InvalidImageName",
          'Failed to apply default image tag "Web:${TAG}": couldn\'t parse image name: invalid reference format: repository name must be lowercase',
        ),
      ],
      expect: [{ rule: "image-name-invalid", object: web }],
    },
    {
      name: "image: signature",
      given: [
        image(
          "SignatureValidationFailed",
          "image pull failed for registry.example/web because the signature validation failed: Source image rejected: A signature was required, but no signature exists",
        ),
      ],
      expect: [{ rule: "image-signature-rejected", object: web }],
    },
    {
      name: "image: the cause stands in the event, not in the back-off",
      given: [
        image("ImagePullBackOff", backOff),
        podEvent(
          "Failed",
          'Failed to pull image "registry.example/web:1.4.2": rpc error: code = NotFound desc = manifest unknown',
          { container: "app" },
        ),
        podEvent("Failed", "Error: ImagePullBackOff", { container: "app", last: "10s" }),
      ],
      expect: [{ rule: "image-not-found", object: web }],
    },
    {
      name: "image: digits in the name are not an HTTP status",
      given: [
        podWith({
          spec: { containers: [{ name: "app", image: "registry.example/denied/web:401" }] },
          status: statusWith(
            [
              waiting(
                "ErrImagePull",
                'failed to pull and unpack image "registry.example/denied/web:401": dial tcp 10.9.8.7:443: connect: connection refused',
              ),
            ],
            { phase: "Pending" },
          ),
        }),
      ],
      expect: [{ rule: "image-unreachable", object: web }],
    },
    {
      name: "image: denied, and the pull secret does not exist",
      given: [
        podWith({
          spec: { imagePullSecrets: [{ name: "partner" }] },
          status: statusWith([waiting("ErrImagePull", "authorization failed: no basic auth credentials")], {
            phase: "Pending",
          }),
        }),
      ],
      expect: [{ rule: "image-auth-denied", object: web, cause: "Secret/shop/partner" }],
    },
    {
      name: "image: another replica serves",
      given: [
        replicaSet({ ready: 1 }),
        podWith({
          metadata: ofReplicaSet,
          status: statusWith([waiting("ErrImagePull", "manifest unknown")], { phase: "Pending" }),
        }),
        healthyPod({ metadata: ofReplicaSet }),
      ],
      expect: [{ rule: "image-not-found", object: web, severity: "warning" }],
    },
    {
      name: "image: three workloads wait for one host",
      given: ["a", "b", "c"].map((name) =>
        podWith({
          name,
          status: statusWith([waiting("ErrImagePull", "dial tcp 10.9.8.7:443: i/o timeout")], { phase: "Pending" }),
        }),
      ),
      expect: ["a", "b", "c"].map((name) => ({
        rule: "image-unreachable",
        object: `Pod/shop/${name}`,
        cause: "ImageHost/registry.example",
      })),
    },
    {
      name: "image: an ephemeral container",
      given: [
        podWith({
          spec: { ephemeralContainers: [{ name: "look", image: "busybox:nope", targetContainerName: "app" }] },
          status: statusWith([{ ready: true, state: { running: { startedAt: ago("1h") } } }], {
            conditions: [{ type: "Ready", status: "True", lastTransitionTime: ago("55m") }],
            ephemeralContainerStatuses: [
              containerStatus({ name: "look", image: "busybox:nope", ...waiting("ErrImagePull", "manifest unknown") }),
            ],
          }),
        }),
      ],
      expect: [{ rule: "image-not-found", object: web, severity: "info" }],
      notLive: "ephemeral containers are added through a subresource",
    },
    {
      name: "config: the ConfigMap does not exist",
      given: [created('configmap "web-config" not found')],
      expect: [
        {
          rule: "pod-create-config-error",
          object: web,
          cause: "ConfigMap/shop/web-config",
          severity: "critical",
          because: "the ConfigMap it names does not exist",
        },
      ],
    },
    {
      name: "config: ConfigMaps could not be read, but the kubelet says it",
      given: [created('configmap "web-config" not found', { podIP: "10.0.0.8" })],
      unread: ["ConfigMap"],
      expect: [{ rule: "pod-create-config-error", object: web, cause: "ConfigMap/shop/web-config" }],
    },
    {
      name: "config: a key is missing, one finding for the Pod",
      given: [
        created("couldn't find key port in ConfigMap shop/web-config"),
        yaml`{ apiVersion: v1, kind: ConfigMap, metadata: { name: web-config, namespace: shop }, data: { host: db } }`,
      ],
      expect: [
        {
          rule: "pod-create-config-error",
          object: web,
          cause: "ConfigMap/shop/web-config",
          because: "the ConfigMap lacks an entry that it names",
        },
      ],
    },
    {
      name: "config: two containers wait for one ConfigMap, which is one fault",
      given: [
        podWith({
          spec: {
            containers: ["app", "proxy"].map((name) => ({
              name,
              image: "x",
              envFrom: [{ configMapRef: { name: "gone" } }],
            })),
          },
          status: statusWith(
            ["app", "proxy"].map((name) => ({
              name,
              ...waiting("CreateContainerConfigError", 'configmap "gone" not found'),
            })),
            { phase: "Pending" },
          ),
        }),
      ],
      expect: [{ rule: "pod-create-config-error", object: web, cause: "ConfigMap/shop/gone" }],
    },
    {
      name: "config: the image would run as root",
      given: [created('container has runAsNonRoot and image will run as root (pod: "web-1_shop(1)", container: app)')],
      expect: [{ rule: "container-nonroot-conflict", object: web, because: "the image runs as root" }],
    },
    {
      name: "config: the user has a name",
      given: [
        created("container has runAsNonRoot and image has non-numeric user (nginx), cannot verify user is non-root"),
      ],
      expect: [{ rule: "container-nonroot-conflict", object: web }],
    },
    {
      name: "config: subPath",
      given: [created('failed to prepare subPath for volumeMount "data" of container "app"')],
      expect: [{ rule: "container-subpath-invalid", object: web }],
    },
    {
      name: "config: something else",
      given: [created("failed to sync configmap cache: timed out waiting for the condition")],
      expect: [
        { rule: "pod-create-config-error", object: web, because: "the kubelet has not read what the Pod names" },
      ],
    },
    {
      name: "create: the command is not in the image",
      given: [
        podWith({
          status: statusWith([
            crashed(128, "StartError", {
              lastState: terminated(
                128,
                "StartError",
                "2m",
                "2m",
                'failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: "tagger": executable file not found in $PATH',
              ),
            }),
          ]),
        }),
      ],
      expect: [{ rule: "pod-create-container-error", object: web, because: "the command does not exist in the image" }],
    },
    ...(
      [
        ["not executable", 'exec: "/app": permission denied', "the command may not be executed"],
        [
          "architecture",
          "exec /app: exec format error",
          "the program is built for another architecture than the node's",
        ],
        [
          "mount type",
          'error mounting "/x" to rootfs at "/y": not a directory: Are you trying to mount a directory onto a file',
          "a file is mounted over a directory, or a directory over a file",
        ],
        [
          "name taken",
          'failed to reserve container name "app_web": name "app_web" is reserved for "7"',
          "the name of the container is still in use on the node",
        ],
        ["slow runtime", "context deadline exceeded", "the container runtime does not answer in time"],
        ["disk full", "mkdir /run/x: no space left on device", "the node's disk is full"],
      ] as const
    ).map(([name, message, because]) => ({
      name: `create: ${name}`,
      given: [podWith({ status: statusWith([waiting("CreateContainerError", message)], { phase: "Pending" }) })],
      expect: [{ rule: "pod-create-container-error", object: web, because }],
    })),
    {
      name: "create: a hook",
      given: [
        podWith({
          status: statusWith([
            waiting("PostStartHookError", 'Exec lifecycle hook ([/warm-up]) for Container "app" failed'),
          ]),
        }),
      ],
      expect: [{ rule: "pod-create-container-error", object: web, because: "a lifecycle hook fails" }],
    },
    {
      name: "sandbox: the network plugin fails",
      given: [
        podWith({ status: creating }),
        podEvent(
          "FailedCreatePodSandBox",
          'Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "7": plugin type="calico" failed (add): error getting ClusterInformation: connection is unauthorized',
        ),
      ],
      expect: [{ rule: "pod-sandbox-failed", object: web, severity: "warning", because: "the network plugin fails" }],
    },
    {
      name: "sandbox: no address left",
      given: [
        podWith({ status: creating }),
        podEvent(
          "FailedCreatePodSandBox",
          'Failed to create pod sandbox: plugin type="aws-cni" name="aws-cni" failed (add): add cmd: failed to assign an IP address to container',
        ),
      ],
      expect: [{ rule: "pod-ip-exhausted", object: web }],
    },
    {
      name: "sandbox: the plugin is not ready, nor is the node",
      given: [
        podWith({ status: creating }),
        node("worker-1", {
          conditions: [
            {
              type: "Ready",
              status: "False",
              reason: "KubeletNotReady",
              message: "cni plugin not initialized",
              lastTransitionTime: ago("20m"),
            },
          ],
        }),
        podEvent(
          "NetworkNotReady",
          "network is not ready: container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized",
        ),
      ],
      expect: [{ rule: "cni-not-ready", object: web, cause: "Node/worker-1" }],
    },
    {
      name: "sandbox: three Pods of one node",
      given: ["a", "b", "c"].flatMap((name) => [
        podWith({ name, status: creating }),
        podEvent("FailedCreatePodSandBox", "Failed to create pod sandbox: context deadline exceeded", { pod: name }),
      ]),
      expect: ["a", "b", "c"].map((name) => ({
        rule: "pod-sandbox-failed",
        object: `Pod/shop/${name}`,
        severity: "critical" as const,
      })),
    },
    {
      name: "init: it does not end",
      given: [
        podWith({
          spec: {
            initContainers: [
              { name: "wait", image: "busybox:1", command: ["sh", "-c", "until nslookup database; do sleep 2; done"] },
            ],
          },
          status: statusWith([waiting("PodInitializing")], {
            phase: "Pending",
            initContainerStatuses: [
              containerStatus({ name: "wait", image: "busybox:1", state: { running: { startedAt: ago("20m") } } }),
            ],
          }),
        }),
        yaml`{ apiVersion: v1, kind: Service, metadata: { name: database, namespace: shop }, spec: { clusterIP: None, selector: { app: db } } }`,
      ],
      expect: [{ rule: "pod-init-stuck", object: web }],
    },
    {
      name: "creating: for minutes, and nobody says why",
      given: [podWith({ status: creating }), node()],
      expect: [{ rule: "pod-stuck-creating", object: web, severity: "warning" }],
    },
    {
      name: "creating: on a silent node",
      given: [
        podWith({ status: creating }),
        node("worker-1", { conditions: [{ type: "Ready", status: "Unknown", lastTransitionTime: ago("40m") }] }),
      ],
      expect: [{ rule: "pod-stuck-creating", object: web, cause: "Node/worker-1" }],
    },
    {
      name: "creating: a large image is being pulled",
      given: [
        podWith({ status: creating }),
        podEvent("Pulling", 'Pulling image "registry.example/web:1.4.2"', { last: "8m", count: 1 }),
      ],
      expect: [{ rule: "pod-stuck-creating", object: web, severity: "info" }],
    },
    {
      name: "volume: Multi-Attach names both nodes",
      given: [
        podWith({
          spec: { nodeName: "worker-2", volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data" } }] },
          status: creating,
        }),
        healthyPod({
          name: "web-0",
          spec: { volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data" } }] },
        }),
        yaml`
          apiVersion: v1
          kind: PersistentVolumeClaim
          metadata: { name: data, namespace: shop }
          spec: { accessModes: [ReadWriteOnce], volumeName: pv-7, resources: { requests: { storage: 1Gi } } }
          status: { phase: Bound, accessModes: [ReadWriteOnce] }
        `,
        podEvent("FailedAttachVolume", 'Multi-Attach error for volume "pv-7" Volume is already used by pod(s) web-0', {
          component: "attachdetach-controller",
          count: 1,
        }),
        node("worker-1"),
        node("worker-2"),
      ],
      expect: [{ rule: "volume-multi-attach", object: web, severity: "critical" }],
    },
    {
      name: "volume: attached to a node that is lost",
      given: [
        podWith({
          spec: { nodeName: "worker-2", volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data" } }] },
          status: creating,
        }),
        podWith({
          name: "web-0",
          spec: { volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data" } }] },
          status: statusWith([{ ready: true, state: { running: { startedAt: ago("1h") } } }]),
        }),
        node("worker-1", { conditions: [{ type: "Ready", status: "Unknown", lastTransitionTime: ago("10m") }] }),
        node("worker-2"),
        yaml`
          apiVersion: v1
          kind: PersistentVolumeClaim
          metadata: { name: data, namespace: shop }
          spec: { accessModes: [ReadWriteOnce], volumeName: pv-7, resources: { requests: { storage: 1Gi } } }
          status: { phase: Bound, accessModes: [ReadWriteOnce] }
          ---
          apiVersion: storage.k8s.io/v1
          kind: VolumeAttachment
          metadata: { name: csi-1 }
          spec: { attacher: csi.example, nodeName: worker-1, source: { persistentVolumeName: pv-7 } }
          status: { attached: true }
        `,
      ],
      expect: [{ rule: "volume-multi-attach", object: web, cause: "Node/worker-1" }],
    },
    {
      name: "volume: the driver cannot attach it",
      given: [
        podWith({
          spec: { volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data" } }] },
          status: creating,
        }),
        yaml`
          apiVersion: v1
          kind: PersistentVolumeClaim
          metadata: { name: data, namespace: shop }
          spec: { accessModes: [ReadWriteOnce], volumeName: pv-7, resources: { requests: { storage: 1Gi } } }
          status: { phase: Bound, accessModes: [ReadWriteOnce] }
          ---
          apiVersion: storage.k8s.io/v1
          kind: VolumeAttachment
          metadata: { name: csi-2 }
          spec: { attacher: csi.example, nodeName: worker-1, source: { persistentVolumeName: pv-7 } }
          status: { attached: false, attachError: { message: "rpc error: volume not found", time: "${ago("5m")}" } }
        `,
      ],
      expect: [{ rule: "volume-attach-failed", object: web }],
    },
    {
      name: "volume: the Secret does not exist",
      given: [
        podWith({ spec: secretVolume, status: creating }),
        podEvent(
          "FailedMount",
          'MountVolume.SetUp failed for volume "credentials" : secret "backup-credentials" not found',
          { count: 9 },
        ),
      ],
      expect: [
        { rule: "volume-mount-failed", object: web, cause: "Secret/shop/backup-credentials" },
        { rule: "secret-missing", object: "Secret/shop/backup-credentials", severity: "critical" },
      ],
    },
    {
      name: "volume: the time-out says less than the other event",
      given: [
        podWith({ spec: { volumes: [{ name: "cfg", configMap: { name: "nope" } }] }, status: creating }),
        podEvent("FailedMount", 'MountVolume.SetUp failed for volume "cfg" : configmap "nope" not found', {
          last: "3m",
        }),
        podEvent(
          "FailedMount",
          "Unable to attach or mount volumes: unmounted volumes=[cfg], unattached volumes=[], failed to process volumes=[]: timed out waiting for the condition",
          { last: "1m" },
        ),
      ],
      expect: [{ rule: "volume-mount-failed", object: web, cause: "ConfigMap/shop/nope" }],
    },
    {
      name: "volume: a key of the Secret is missing",
      given: [
        podWith({
          spec: {
            volumes: [{ name: "tls", secret: { secretName: "web-tls", items: [{ key: "ca.crt", path: "ca.crt" }] } }],
          },
          status: creating,
        }),
        yaml`{ apiVersion: v1, kind: Secret, metadata: { name: web-tls, namespace: shop } }`,
        podEvent(
          "FailedMount",
          'MountVolume.SetUp failed for volume "tls" : references non-existent secret key: ca.crt',
        ),
      ],
      expect: [
        { rule: "volume-mount-failed", object: web, cause: "Secret/shop/web-tls" },
        { rule: "secret-key-missing", object: "Secret/shop/web-tls" },
      ],
    },
    ...(
      [
        [
          "the driver is not there",
          'MountVolume.MountDevice failed for volume "pv-7" : kubernetes.io/csi: attacher.MountDevice failed to create newCsiDriverClient: driver name csi.example not found in the list of registered CSI drivers',
          "the CSI driver is not registered on the node",
        ],
        [
          "stale NFS",
          'MountVolume.SetUp failed for volume "pv-7" : mount failed: exit status 32 Output: mount.nfs: Stale file handle',
          "the NFS handle is stale",
        ],
        [
          "denied NFS",
          'MountVolume.SetUp failed for volume "pv-7" : mount failed: exit status 32 Output: mount.nfs: access denied by server while mounting',
          "access is denied",
        ],
        [
          "file system",
          'MountVolume.MountDevice failed for volume "pv-7" : mount: wrong fs type, bad option, bad superblock on /dev/sdb',
          "the file system or its options do not fit",
        ],
        [
          "host path",
          'MountVolume.SetUp failed for volume "host" : hostPath type check failed: /var/x is not a directory',
          "the path on the node is of another type",
        ],
        [
          "time-out",
          "Unable to attach or mount volumes: unmounted volumes=[data]: timed out waiting for the condition",
          "it is not ready in time",
        ],
      ] as const
    ).map(([name, message, because]) => ({
      name: `volume: ${name}`,
      given: [podWith({ status: creating }), podEvent("FailedMount", message)],
      expect: [{ rule: "volume-mount-failed", object: web, because }],
    })),
  ],
  silent: [
    { name: "a healthy Pod", given: [healthyPod()] },
    {
      name: "image: younger than a minute",
      given: [
        podWith({
          metadata: { creationTimestamp: ago("20s") },
          status: statusWith([waiting("ErrImagePull", "manifest unknown")], {
            phase: "Pending",
            startTime: ago("20s"),
          }),
        }),
      ],
    },
    {
      name: "image: the container has started since",
      given: [
        healthyPod({ name: "web-1" }),
        podEvent("Failed", 'Failed to pull image "registry.example/web:1.4.2": i/o timeout', { container: "app" }),
      ],
    },
    {
      name: "image: the Pod is being deleted",
      given: [
        podWith({
          metadata: { deletionTimestamp: ago("10s"), deletionGracePeriodSeconds: 30 },
          status: statusWith([waiting("ImagePullBackOff", "manifest unknown")]),
        }),
      ],
    },
    {
      name: "image: the Pod has ended well",
      given: [podWith({ status: statusWith([{ state: terminated(0, "Completed") }], { phase: "Succeeded" }) })],
    },
    {
      name: "config: younger than a minute",
      given: [
        podWith({
          metadata: { creationTimestamp: ago("30s") },
          status: statusWith([waiting("CreateContainerConfigError", 'configmap "x" not found')], {
            phase: "Pending",
            startTime: ago("30s"),
          }),
        }),
      ],
    },
    {
      name: "config: the ConfigMap was created a moment ago",
      given: [
        created('configmap "web-config" not found', { podIP: "10.0.0.9" }),
        yaml`{ apiVersion: v1, kind: ConfigMap, metadata: { name: web-config, namespace: shop, creationTimestamp: "${ago("30s")}" } }`,
      ],
      notLive: "creation times cannot be set",
    },
    {
      name: "create: the container runs by now",
      given: [
        healthyPod({
          name: "web-1",
          status: {
            containerStatuses: [
              containerStatus({
                ready: true,
                started: true,
                restartCount: 1,
                state: { running: { startedAt: ago("20m") } },
                lastState: terminated(128, "StartError", "21m", "21m"),
              }),
            ],
          },
        }),
      ],
    },
    {
      name: "sandbox: it failed once",
      given: [
        podWith({ status: { ...creating, startTime: ago("3m") } }),
        podEvent("FailedCreatePodSandBox", "Failed to create pod sandbox: timeout", { count: 1 }),
      ],
    },
    {
      name: "sandbox: the Pod has its address",
      given: [
        healthyPod({ name: "web-1" }),
        podEvent("FailedCreatePodSandBox", "Failed to create pod sandbox: timeout"),
      ],
    },
    {
      name: "creating: for less than five minutes",
      given: [podWith({ status: { ...creating, startTime: ago("2m") } })],
    },
    {
      name: "init: it runs for five minutes",
      given: [
        podWith({
          spec: { initContainers: [{ name: "wait", image: "busybox:1" }] },
          status: statusWith([waiting("PodInitializing")], {
            phase: "Pending",
            initContainerStatuses: [containerStatus({ name: "wait", state: { running: { startedAt: ago("5m") } } })],
          }),
        }),
      ],
    },
    {
      name: "init: a sidecar goes on",
      given: [
        healthyPod({
          name: "web-1",
          spec: { initContainers: [{ name: "proxy", image: "envoy:1", restartPolicy: "Always" }] },
          status: {
            initContainerStatuses: [
              containerStatus({
                name: "proxy",
                ready: true,
                started: true,
                state: { running: { startedAt: ago("1h") } },
              }),
            ],
          },
        }),
      ],
    },
    {
      name: "volume: within two minutes of a move",
      given: [
        podWith({ status: { ...creating, startTime: ago("1m") } }),
        podEvent("FailedAttachVolume", 'Multi-Attach error for volume "pv-7" Volume is already used by pod(s) web-0', {
          first: "50s",
          last: "40s",
        }),
      ],
    },
    {
      name: "volume: many nodes may use it",
      given: [
        podWith({
          spec: { nodeName: "worker-2", volumes: [{ name: "data", persistentVolumeClaim: { claimName: "shared" } }] },
          status: { ...creating, startTime: ago("4m") },
        }),
        yaml`
          apiVersion: v1
          kind: PersistentVolumeClaim
          metadata: { name: shared, namespace: shop }
          spec: { accessModes: [ReadWriteMany], volumeName: pv-8, resources: { requests: { storage: 1Gi } } }
          status: { phase: Bound, accessModes: [ReadWriteMany] }
          ---
          apiVersion: storage.k8s.io/v1
          kind: VolumeAttachment
          metadata: { name: csi-3 }
          spec: { attacher: csi.example, nodeName: worker-1, source: { persistentVolumeName: pv-8 } }
          status: { attached: true }
        `,
      ],
    },
    {
      name: "volume: the first failure is seconds old",
      given: [
        podWith({ status: { ...creating, startTime: ago("3m") } }),
        podEvent("FailedMount", 'MountVolume.SetUp failed for volume "cfg" : configmap "nope" not found', {
          first: "30s",
          last: "20s",
          count: 2,
        }),
      ],
    },
    {
      name: "volume: the Pod has started since",
      given: [
        healthyPod({ name: "web-1" }),
        podEvent("FailedMount", 'MountVolume.SetUp failed for volume "cfg" : configmap "nope" not found'),
      ],
    },
    { name: "a manifest that no server has seen", given: [podWith({})], notLive: "a server gives it a phase" },
    {
      name: "odd objects",
      given: [
        {
          apiVersion: "v1",
          kind: "Pod",
          metadata: { name: "odd", namespace: "shop" },
          spec: { containers: null },
          status: {
            phase: "Pending",
            containerStatuses: [null, {}, { state: null }, { name: "x", state: { waiting: {} } }],
            conditions: [{}],
          },
        },
        podEvent("FailedMount", "", { pod: "odd", count: 0 }),
      ],
      notLive: "a server refuses them",
    },
  ],
});
