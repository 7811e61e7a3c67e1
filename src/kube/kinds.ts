/**
 * The kinds that k8sgpt reads, each with its place in the API and the fields that are kept. This table is the single
 * source for the live reader (paths, JSON and protobuf decoding), for dumps, for the types that rules see, and for the
 * least-privilege role. A rule that needs another field names it here first: reading an undeclared one does not compile.
 */
import type {
  CoreV1Event,
  V1APIService,
  V1CertificateSigningRequest,
  V1ClusterRole,
  V1ClusterRoleBinding,
  V1ConfigMap,
  V1CronJob,
  V1CSIDriver,
  V1CSINode,
  V1CustomResourceDefinition,
  V1DaemonSet,
  V1Deployment,
  V1EndpointSlice,
  V1Ingress,
  V1IngressClass,
  V1Job,
  V1Lease,
  V1LimitRange,
  V1MutatingWebhookConfiguration,
  V1Namespace,
  V1NetworkPolicy,
  V1NetworkPolicyPeer,
  V1NetworkPolicyPort,
  V1NetworkPolicySpec,
  V1Node,
  V1PersistentVolume,
  V1PersistentVolumeClaim,
  V1Pod,
  V1PodDisruptionBudget,
  V1PriorityClass,
  V1ReplicaSet,
  V1ResourceQuota,
  V1Role,
  V1RoleBinding,
  V1RuntimeClass,
  V1Secret,
  V1Service,
  V1ServiceAccount,
  V1StatefulSet,
  V1StorageClass,
  V1ValidatingWebhookConfiguration,
  V1VolumeAttachment,
  V2HorizontalPodAutoscaler,
} from "@kubernetes/client-node";
import type { PluginNetworkPolicy } from "./custom-kinds.ts";
import type {
  CatalogSourceResource,
  ClusterCatalogResource,
  ClusterExtensionResource,
  ClusterServiceVersionResource,
  GatewayClassResource,
  GatewayResource,
  GatewayRouteResource,
  InstallPlanResource,
  OperatorGroupResource,
  ReferenceGrantResource,
  SubscriptionResource,
  CertificateResource,
  ConfigAuditReportResource,
  IssuerResource,
  PolicyReportResource,
  ScaledJobResource,
  ScaledObjectResource,
  TriggerAuthenticationResource,
  VulnerabilityReportResource,
} from "./custom-kinds.ts";
import type { AnyFields, Fields, Kept, Wire } from "./wire.ts";

/** Where a kind lives in the API and what is kept of its objects. */
export interface KindDefinition {
  /** API group, `""` for the core group. */
  readonly group: string;
  readonly version: string;
  /** The resource name in paths and in RBAC rules. */
  readonly plural: string;
  readonly namespaced: boolean;
  /** Short names that `kubectl` accepts. */
  readonly shortNames: readonly string[];
  /**
   * `metadata` lists the kind as `PartialObjectMetadata`, so that values never reach the process: Secrets and ConfigMaps.
   */
  readonly read: "whole" | "metadata";
  readonly fields: AnyFields;
}

/** Joins a definition to the API type that its fields are checked against. */
function kind<T>() {
  return <const F extends Fields<Wire<T>>>(definition: {
    readonly group: string;
    readonly version: string;
    readonly plural: string;
    readonly namespaced: boolean;
    readonly shortNames?: readonly string[];
    readonly read?: "whole" | "metadata";
    readonly fields: F;
  }): KindDefinition & { readonly fields: F & AnyFields; readonly shape?: Kept<Wire<T>, F> } => ({
    shortNames: [],
    read: "whole",
    ...definition,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every projection is plain data; the compiler cannot see that of a generic one
    fields: definition.fields as F & AnyFields,
  });
}

/** What is kept of a Secret of type `kubernetes.io/tls` with `--read-tls`: nothing that is secret. */
export interface TlsOfSecret {
  /** Its PEM certificates as base64, as in `caBundle`; empty when it holds none. */
  readonly certificateBundle: string;
  /** Which of `tls.crt` and `tls.key` are absent or empty. */
  readonly lacks: string[];
}

const metadata = {
  name: true,
  namespace: true,
  uid: true,
  labels: true,
  annotations: true,
  creationTimestamp: true,
  deletionTimestamp: true,
  generation: true,
  finalizers: true,
  ownerReferences: [{ apiVersion: true, kind: true, name: true, uid: true, controller: true }],
} as const;

/** With the times of changes, for kinds whose rules ask since when a spec has been as it is. */
const metadataWithChanges = { ...metadata, managedFields: [{ subresource: true, time: true }] } as const;

/** With the clients that wrote it and the API version that each used, for kinds that old API versions once served. */
const metadataWithManagers = {
  ...metadata,
  managedFields: [{ manager: true, apiVersion: true, subresource: true, time: true }],
} as const;

const conditions = [
  { type: true, status: true, reason: true, message: true, lastTransitionTime: true, observedGeneration: true },
] as const;

const probe = {
  initialDelaySeconds: true,
  periodSeconds: true,
  timeoutSeconds: true,
  failureThreshold: true,
  httpGet: { path: true, port: true, scheme: true },
  tcpSocket: { port: true },
  grpc: { port: true, service: true },
  exec: { command: true },
} as const;

const container = {
  name: true,
  image: true,
  imagePullPolicy: true,
  command: true,
  args: true,
  workingDir: true,
  restartPolicy: true,
  ports: [{ name: true, containerPort: true, hostPort: true, protocol: true }],
  // Literal environment values may be credentials: only the references are kept.
  env: [
    {
      name: true,
      valueFrom: {
        configMapKeyRef: { name: true, key: true, optional: true },
        secretKeyRef: { name: true, key: true, optional: true },
      },
    },
  ],
  envFrom: [{ configMapRef: { name: true, optional: true }, secretRef: { name: true, optional: true } }],
  resources: { requests: true, limits: true },
  volumeMounts: [{ name: true, mountPath: true, subPath: true, readOnly: true }],
  readinessProbe: probe,
  livenessProbe: probe,
  startupProbe: probe,
  securityContext: { privileged: true, runAsNonRoot: true, runAsUser: true, capabilities: { add: [true] } },
} as const;

const keyToPath = [{ key: true, path: true }] as const;

const nodeRequirement = { key: true, operator: true, values: [true] } as const;

const podSpec = {
  nodeName: true,
  nodeSelector: true,
  schedulerName: true,
  serviceAccountName: true,
  priorityClassName: true,
  priority: true,
  runtimeClassName: true,
  overhead: true,
  restartPolicy: true,
  terminationGracePeriodSeconds: true,
  activeDeadlineSeconds: true,
  hostNetwork: true,
  hostPID: true,
  hostIPC: true,
  dnsPolicy: true,
  hostname: true,
  subdomain: true,
  automountServiceAccountToken: true,
  affinity: true,
  tolerations: true,
  topologySpreadConstraints: true,
  schedulingGates: [{ name: true }],
  readinessGates: [{ conditionType: true }],
  imagePullSecrets: [{ name: true }],
  securityContext: { runAsNonRoot: true, runAsUser: true },
  resources: { requests: true, limits: true },
  containers: [container],
  initContainers: [container],
  ephemeralContainers: [container],
  volumes: [
    {
      name: true,
      configMap: { name: true, optional: true, items: keyToPath },
      secret: { secretName: true, optional: true, items: keyToPath },
      persistentVolumeClaim: { claimName: true, readOnly: true },
      ephemeral: { volumeClaimTemplate: { spec: { storageClassName: true } } },
      projected: {
        sources: [
          {
            configMap: { name: true, optional: true, items: keyToPath },
            secret: { name: true, optional: true, items: keyToPath },
          },
        ],
      },
      csi: { driver: true, nodePublishSecretRef: { name: true } },
      hostPath: { path: true, type: true },
      nfs: { server: true, path: true },
      emptyDir: { medium: true, sizeLimit: true },
    },
  ],
} as const;

const podTemplate = { metadata: { labels: true, annotations: true }, spec: podSpec } as const;

const containerState = {
  waiting: { reason: true, message: true },
  running: { startedAt: true },
  terminated: { exitCode: true, signal: true, reason: true, message: true, startedAt: true, finishedAt: true },
} as const;

const containerStatus = {
  name: true,
  image: true,
  imageID: true,
  ready: true,
  started: true,
  restartCount: true,
  state: containerState,
  lastState: containerState,
  resources: { requests: true, limits: true },
} as const;

const labelSelector = { matchLabels: true, matchExpressions: [{ key: true, operator: true, values: true }] } as const;

const volumeClaimTemplate = {
  metadata: { name: true },
  spec: { storageClassName: true, accessModes: true, volumeMode: true, resources: { requests: true } },
} as const;

const jobSpec = {
  suspend: true,
  completions: true,
  parallelism: true,
  backoffLimit: true,
  activeDeadlineSeconds: true,
  completionMode: true,
  ttlSecondsAfterFinished: true,
  managedBy: true,
  selector: labelSelector,
  template: podTemplate,
} as const;

const webhook = {
  name: true,
  failurePolicy: true,
  timeoutSeconds: true,
  sideEffects: true,
  matchPolicy: true,
  clientConfig: { url: true, caBundle: true, service: { namespace: true, name: true, port: true, path: true } },
  rules: [{ apiGroups: true, apiVersions: true, operations: true, resources: true, scope: true }],
  namespaceSelector: labelSelector,
  objectSelector: labelSelector,
  matchConditions: [{ name: true }],
} as const;

const loadBalancerIngress = [
  { ip: true, hostname: true, ports: [{ port: true, protocol: true, error: true }] },
] as const;

const networkPolicyPeer = {
  podSelector: labelSelector,
  namespaceSelector: labelSelector,
  ipBlock: { cidr: true, except: true },
} as const;

const networkPolicyPorts = [{ port: true, endPort: true, protocol: true }] as const;

const metricTarget = { type: true, averageUtilization: true, averageValue: true, value: true } as const;

const metricCurrent = { averageUtilization: true, averageValue: true, value: true } as const;

/** client-node calls the field `_from`, because `from` is a word of other languages; in JSON it is `from`. */
type NetworkPolicyJson = Omit<V1NetworkPolicy, "spec"> & {
  readonly spec?: Omit<V1NetworkPolicySpec, "ingress"> & {
    readonly ingress?: { readonly from?: V1NetworkPolicyPeer[]; readonly ports?: V1NetworkPolicyPort[] }[];
  };
};

const gatewayReference = { group: true, kind: true, namespace: true, name: true } as const;

const gatewayBackend = { ...gatewayReference, port: true, weight: true } as const;

const gatewayParent = { ...gatewayReference, sectionName: true, port: true } as const;

/** All kinds of routes have parents and backends in the same places. */
const gatewayRoute = {
  metadata,
  spec: {
    parentRefs: [gatewayParent],
    hostnames: [true],
    rules: [
      { filters: [{ type: true, requestMirror: { backendRef: gatewayBackend } }], backendRefs: [gatewayBackend] },
    ],
  },
  status: { parents: [{ parentRef: gatewayParent, controllerName: true, conditions }] },
} as const;

const operatorReference = { kind: true, namespace: true, name: true } as const;

const kedaConditions = [{ type: true, status: true, reason: true, message: true }] as const;

const kedaTriggers = [
  {
    type: true,
    name: true,
    metricType: true,
    // Addresses and credentials may stand beside these two.
    metadata: { type: true, containerName: true },
    authenticationRef: { name: true, kind: true },
  },
] as const;

const triggerAuthentication = {
  metadata,
  spec: { secretTargetRef: [{ name: true, key: true }], configMapTargetRef: [{ name: true, key: true }] },
} as const;

const reportedObject = { apiVersion: true, kind: true, namespace: true, name: true } as const;

const policyReport = {
  metadata,
  scope: reportedObject,
  results: [
    {
      source: true,
      policy: true,
      rule: true,
      category: true,
      severity: true,
      result: true,
      message: true,
      resources: [reportedObject],
    },
  ],
} as const;

const issuer = { metadata, spec: { ca: { secretName: true } }, status: { conditions } } as const;

/** Every kind that k8sgpt reads, by its API name: the built-in ones, and custom resources of well-known projects. */
export const kinds = {
  Pod: kind<V1Pod>()({
    group: "",
    version: "v1",
    plural: "pods",
    namespaced: true,
    shortNames: ["po"],
    fields: {
      metadata,
      spec: podSpec,
      status: {
        phase: true,
        reason: true,
        message: true,
        startTime: true,
        podIP: true,
        podIPs: [{ ip: true }],
        hostIP: true,
        qosClass: true,
        nominatedNodeName: true,
        observedGeneration: true,
        conditions,
        containerStatuses: [containerStatus],
        initContainerStatuses: [containerStatus],
        ephemeralContainerStatuses: [containerStatus],
      },
    },
  }),
  Node: kind<V1Node>()({
    group: "",
    version: "v1",
    plural: "nodes",
    namespaced: false,
    shortNames: ["no"],
    fields: {
      metadata,
      spec: {
        unschedulable: true,
        providerID: true,
        taints: [{ key: true, value: true, effect: true, timeAdded: true }],
      },
      status: {
        phase: true,
        capacity: true,
        allocatable: true,
        conditions: [
          {
            type: true,
            status: true,
            reason: true,
            message: true,
            lastTransitionTime: true,
            lastHeartbeatTime: true,
          },
        ],
        addresses: [{ type: true, address: true }],
        nodeInfo: {
          kubeletVersion: true,
          architecture: true,
          operatingSystem: true,
          osImage: true,
          kernelVersion: true,
          containerRuntimeVersion: true,
          bootID: true,
        },
      },
    },
  }),
  Namespace: kind<V1Namespace>()({
    group: "",
    version: "v1",
    plural: "namespaces",
    namespaced: false,
    shortNames: ["ns"],
    fields: { metadata, status: { phase: true, conditions } },
  }),
  Event: kind<CoreV1Event>()({
    group: "",
    version: "v1",
    plural: "events",
    namespaced: true,
    shortNames: ["ev"],
    fields: {
      metadata,
      type: true,
      reason: true,
      message: true,
      count: true,
      eventTime: true,
      firstTimestamp: true,
      lastTimestamp: true,
      action: true,
      reportingComponent: true,
      source: { component: true, host: true },
      series: { count: true, lastObservedTime: true },
      involvedObject: { apiVersion: true, kind: true, namespace: true, name: true, uid: true, fieldPath: true },
    },
  }),
  ConfigMap: kind<V1ConfigMap & { dataKeys: string[] }>()({
    group: "",
    version: "v1",
    plural: "configmaps",
    namespaced: true,
    shortNames: ["cm"],
    read: "metadata",
    // dataKeys is ours: the names of the entries without their values (see keep.ts). Absent when they are not known.
    fields: { metadata, dataKeys: true },
  }),
  Secret: kind<V1Secret & { tls: TlsOfSecret }>()({
    group: "",
    version: "v1",
    plural: "secrets",
    namespaced: true,
    read: "metadata",
    // tls is ours: the certificates of a TLS Secret, when they were asked for (see keep.ts).
    fields: { metadata, tls: { certificateBundle: true, lacks: true } },
  }),
  ServiceAccount: kind<V1ServiceAccount>()({
    group: "",
    version: "v1",
    plural: "serviceaccounts",
    namespaced: true,
    shortNames: ["sa"],
    fields: { metadata, imagePullSecrets: [{ name: true }], automountServiceAccountToken: true },
  }),
  Service: kind<V1Service>()({
    group: "",
    version: "v1",
    plural: "services",
    namespaced: true,
    shortNames: ["svc"],
    fields: {
      metadata,
      spec: {
        type: true,
        selector: true,
        clusterIP: true,
        externalName: true,
        externalTrafficPolicy: true,
        internalTrafficPolicy: true,
        publishNotReadyAddresses: true,
        loadBalancerClass: true,
        loadBalancerIP: true,
        externalIPs: true,
        ports: [{ name: true, port: true, targetPort: true, protocol: true, nodePort: true, appProtocol: true }],
      },
      status: { conditions, loadBalancer: { ingress: loadBalancerIngress } },
    },
  }),
  PersistentVolumeClaim: kind<V1PersistentVolumeClaim>()({
    group: "",
    version: "v1",
    plural: "persistentvolumeclaims",
    namespaced: true,
    shortNames: ["pvc"],
    fields: {
      metadata,
      spec: {
        storageClassName: true,
        volumeName: true,
        volumeMode: true,
        accessModes: true,
        selector: labelSelector,
        resources: { requests: true },
        dataSource: { kind: true, name: true },
      },
      status: {
        phase: true,
        capacity: true,
        accessModes: true,
        allocatedResources: true,
        allocatedResourceStatuses: true,
        conditions,
      },
    },
  }),
  PersistentVolume: kind<V1PersistentVolume>()({
    group: "",
    version: "v1",
    plural: "persistentvolumes",
    namespaced: false,
    shortNames: ["pv"],
    fields: {
      metadata,
      spec: {
        storageClassName: true,
        volumeMode: true,
        accessModes: true,
        capacity: true,
        persistentVolumeReclaimPolicy: true,
        claimRef: { namespace: true, name: true, uid: true },
        csi: { driver: true, volumeHandle: true },
        nodeAffinity: {
          required: {
            nodeSelectorTerms: [{ matchExpressions: [nodeRequirement], matchFields: [nodeRequirement] }],
          },
        },
      },
      status: { phase: true, reason: true, message: true, lastPhaseTransitionTime: true },
    },
  }),
  ResourceQuota: kind<V1ResourceQuota>()({
    group: "",
    version: "v1",
    plural: "resourcequotas",
    namespaced: true,
    shortNames: ["quota"],
    fields: { metadata, spec: { hard: true, scopes: true }, status: { hard: true, used: true } },
  }),
  LimitRange: kind<V1LimitRange>()({
    group: "",
    version: "v1",
    plural: "limitranges",
    namespaced: true,
    shortNames: ["limits"],
    fields: { metadata },
  }),
  Deployment: kind<V1Deployment>()({
    group: "apps",
    version: "v1",
    plural: "deployments",
    namespaced: true,
    shortNames: ["deploy"],
    fields: {
      metadata: metadataWithChanges,
      spec: {
        replicas: true,
        paused: true,
        minReadySeconds: true,
        progressDeadlineSeconds: true,
        selector: labelSelector,
        strategy: { type: true, rollingUpdate: { maxSurge: true, maxUnavailable: true } },
        template: podTemplate,
      },
      status: {
        observedGeneration: true,
        replicas: true,
        updatedReplicas: true,
        readyReplicas: true,
        availableReplicas: true,
        unavailableReplicas: true,
        conditions,
      },
    },
  }),
  ReplicaSet: kind<V1ReplicaSet>()({
    group: "apps",
    version: "v1",
    plural: "replicasets",
    namespaced: true,
    shortNames: ["rs"],
    fields: {
      metadata: metadataWithChanges,
      spec: { replicas: true, minReadySeconds: true, selector: labelSelector, template: podTemplate },
      status: { observedGeneration: true, replicas: true, readyReplicas: true, availableReplicas: true, conditions },
    },
  }),
  StatefulSet: kind<V1StatefulSet>()({
    group: "apps",
    version: "v1",
    plural: "statefulsets",
    namespaced: true,
    shortNames: ["sts"],
    fields: {
      metadata: metadataWithChanges,
      spec: {
        replicas: true,
        serviceName: true,
        podManagementPolicy: true,
        minReadySeconds: true,
        ordinals: { start: true },
        selector: labelSelector,
        updateStrategy: { type: true, rollingUpdate: { partition: true, maxUnavailable: true } },
        template: podTemplate,
        volumeClaimTemplates: [volumeClaimTemplate],
      },
      status: {
        observedGeneration: true,
        replicas: true,
        readyReplicas: true,
        availableReplicas: true,
        currentReplicas: true,
        updatedReplicas: true,
        currentRevision: true,
        updateRevision: true,
        conditions,
      },
    },
  }),
  DaemonSet: kind<V1DaemonSet>()({
    group: "apps",
    version: "v1",
    plural: "daemonsets",
    namespaced: true,
    shortNames: ["ds"],
    fields: {
      metadata: metadataWithChanges,
      spec: {
        minReadySeconds: true,
        selector: labelSelector,
        updateStrategy: { type: true, rollingUpdate: { maxSurge: true, maxUnavailable: true } },
        template: podTemplate,
      },
      status: {
        observedGeneration: true,
        desiredNumberScheduled: true,
        currentNumberScheduled: true,
        numberReady: true,
        numberAvailable: true,
        numberUnavailable: true,
        numberMisscheduled: true,
        updatedNumberScheduled: true,
        conditions,
      },
    },
  }),
  Job: kind<V1Job>()({
    group: "batch",
    version: "v1",
    plural: "jobs",
    namespaced: true,
    fields: {
      metadata,
      spec: jobSpec,
      status: {
        active: true,
        ready: true,
        succeeded: true,
        failed: true,
        failedIndexes: true,
        startTime: true,
        completionTime: true,
        conditions,
      },
    },
  }),
  CronJob: kind<V1CronJob>()({
    group: "batch",
    version: "v1",
    plural: "cronjobs",
    namespaced: true,
    shortNames: ["cj"],
    fields: {
      metadata: metadataWithManagers,
      spec: {
        schedule: true,
        timeZone: true,
        suspend: true,
        concurrencyPolicy: true,
        startingDeadlineSeconds: true,
        jobTemplate: { metadata: { labels: true }, spec: jobSpec },
      },
      status: {
        active: [{ name: true, namespace: true, uid: true }],
        lastScheduleTime: true,
        lastSuccessfulTime: true,
      },
    },
  }),
  EndpointSlice: kind<V1EndpointSlice>()({
    group: "discovery.k8s.io",
    version: "v1",
    plural: "endpointslices",
    namespaced: true,
    fields: {
      metadata,
      addressType: true,
      ports: [{ name: true, port: true, protocol: true }],
      endpoints: [
        {
          addresses: true,
          nodeName: true,
          zone: true,
          conditions: { ready: true, serving: true, terminating: true },
          targetRef: { kind: true, namespace: true, name: true, uid: true },
        },
      ],
    },
  }),
  Ingress: kind<V1Ingress>()({
    group: "networking.k8s.io",
    version: "v1",
    plural: "ingresses",
    namespaced: true,
    shortNames: ["ing"],
    fields: {
      metadata: metadataWithManagers,
      spec: {
        ingressClassName: true,
        defaultBackend: true,
        tls: [{ hosts: true, secretName: true }],
        rules: [{ host: true, http: { paths: [{ path: true, pathType: true, backend: true }] } }],
      },
      status: { loadBalancer: { ingress: loadBalancerIngress } },
    },
  }),
  IngressClass: kind<V1IngressClass>()({
    group: "networking.k8s.io",
    version: "v1",
    plural: "ingressclasses",
    namespaced: false,
    fields: { metadata: metadataWithManagers, spec: { controller: true } },
  }),
  NetworkPolicy: kind<NetworkPolicyJson>()({
    group: "networking.k8s.io",
    version: "v1",
    plural: "networkpolicies",
    namespaced: true,
    shortNames: ["netpol"],
    fields: {
      metadata,
      spec: {
        podSelector: labelSelector,
        policyTypes: true,
        ingress: [{ from: [networkPolicyPeer], ports: networkPolicyPorts }],
        egress: [{ to: [networkPolicyPeer], ports: networkPolicyPorts }],
      },
    },
  }),
  CiliumNetworkPolicy: kind<PluginNetworkPolicy>()({
    group: "cilium.io",
    version: "v2",
    plural: "ciliumnetworkpolicies",
    namespaced: true,
    fields: { metadata },
  }),
  CiliumClusterwideNetworkPolicy: kind<PluginNetworkPolicy>()({
    group: "cilium.io",
    version: "v2",
    plural: "ciliumclusterwidenetworkpolicies",
    namespaced: false,
    fields: { metadata },
  }),
  GlobalNetworkPolicy: kind<PluginNetworkPolicy>()({
    group: "crd.projectcalico.org",
    version: "v1",
    plural: "globalnetworkpolicies",
    namespaced: false,
    fields: { metadata },
  }),
  AdminNetworkPolicy: kind<PluginNetworkPolicy>()({
    group: "policy.networking.k8s.io",
    version: "v1alpha1",
    plural: "adminnetworkpolicies",
    namespaced: false,
    fields: { metadata },
  }),
  StorageClass: kind<V1StorageClass>()({
    group: "storage.k8s.io",
    version: "v1",
    plural: "storageclasses",
    namespaced: false,
    shortNames: ["sc"],
    fields: {
      metadata: metadataWithManagers,
      provisioner: true,
      volumeBindingMode: true,
      allowVolumeExpansion: true,
      reclaimPolicy: true,
    },
  }),
  CSIDriver: kind<V1CSIDriver>()({
    group: "storage.k8s.io",
    version: "v1",
    plural: "csidrivers",
    namespaced: false,
    fields: { metadata: metadataWithManagers, spec: { attachRequired: true } },
  }),
  CSINode: kind<V1CSINode>()({
    group: "storage.k8s.io",
    version: "v1",
    plural: "csinodes",
    namespaced: false,
    fields: { metadata, spec: { drivers: [{ name: true }] } },
  }),
  VolumeAttachment: kind<V1VolumeAttachment>()({
    group: "storage.k8s.io",
    version: "v1",
    plural: "volumeattachments",
    namespaced: false,
    fields: {
      metadata,
      spec: { attacher: true, nodeName: true, source: { persistentVolumeName: true } },
      status: {
        attached: true,
        attachError: { message: true, time: true },
        detachError: { message: true, time: true },
      },
    },
  }),
  // Neither `spec.request` nor `status.certificate`: who asked, of which signer, and what was decided is all that is told.
  CertificateSigningRequest: kind<V1CertificateSigningRequest>()({
    group: "certificates.k8s.io",
    version: "v1",
    plural: "certificatesigningrequests",
    namespaced: false,
    shortNames: ["csr"],
    fields: { metadata, spec: { signerName: true, username: true }, status: { conditions } },
  }),
  PriorityClass: kind<V1PriorityClass>()({
    group: "scheduling.k8s.io",
    version: "v1",
    plural: "priorityclasses",
    namespaced: false,
    shortNames: ["pc"],
    fields: { metadata: metadataWithManagers, value: true, globalDefault: true, preemptionPolicy: true },
  }),
  RuntimeClass: kind<V1RuntimeClass>()({
    group: "node.k8s.io",
    version: "v1",
    plural: "runtimeclasses",
    namespaced: false,
    fields: { metadata: metadataWithManagers, handler: true },
  }),
  HorizontalPodAutoscaler: kind<V2HorizontalPodAutoscaler>()({
    group: "autoscaling",
    version: "v2",
    plural: "horizontalpodautoscalers",
    namespaced: true,
    shortNames: ["hpa"],
    fields: {
      metadata: metadataWithManagers,
      spec: {
        minReplicas: true,
        maxReplicas: true,
        scaleTargetRef: { apiVersion: true, kind: true, name: true },
        metrics: [
          {
            type: true,
            resource: { name: true, target: metricTarget },
            containerResource: { name: true, container: true, target: metricTarget },
            pods: { metric: { name: true }, target: metricTarget },
            external: { metric: { name: true }, target: metricTarget },
            object: { metric: { name: true }, target: metricTarget },
          },
        ],
      },
      status: {
        observedGeneration: true,
        currentReplicas: true,
        desiredReplicas: true,
        lastScaleTime: true,
        currentMetrics: [
          {
            type: true,
            resource: { name: true, current: metricCurrent },
            containerResource: { name: true, container: true, current: metricCurrent },
            pods: { metric: { name: true }, current: metricCurrent },
            external: { metric: { name: true }, current: metricCurrent },
            object: { metric: { name: true }, current: metricCurrent },
          },
        ],
        conditions,
      },
    },
  }),
  PodDisruptionBudget: kind<V1PodDisruptionBudget>()({
    group: "policy",
    version: "v1",
    plural: "poddisruptionbudgets",
    namespaced: true,
    shortNames: ["pdb"],
    fields: {
      metadata: metadataWithManagers,
      spec: { minAvailable: true, maxUnavailable: true, selector: labelSelector, unhealthyPodEvictionPolicy: true },
      status: {
        observedGeneration: true,
        disruptionsAllowed: true,
        currentHealthy: true,
        desiredHealthy: true,
        expectedPods: true,
        conditions,
      },
    },
  }),
  Lease: kind<V1Lease>()({
    group: "coordination.k8s.io",
    version: "v1",
    plural: "leases",
    namespaced: true,
    fields: {
      metadata,
      spec: { holderIdentity: true, leaseDurationSeconds: true, renewTime: true, acquireTime: true },
    },
  }),
  Role: kind<V1Role>()({
    group: "rbac.authorization.k8s.io",
    version: "v1",
    plural: "roles",
    namespaced: true,
    fields: {
      metadata: metadataWithManagers,
      rules: [{ apiGroups: [true], resources: [true], resourceNames: [true], verbs: [true] }],
    },
  }),
  ClusterRole: kind<V1ClusterRole>()({
    group: "rbac.authorization.k8s.io",
    version: "v1",
    plural: "clusterroles",
    namespaced: false,
    fields: {
      metadata: metadataWithManagers,
      rules: [{ apiGroups: [true], resources: [true], resourceNames: [true], nonResourceURLs: [true], verbs: [true] }],
    },
  }),
  RoleBinding: kind<V1RoleBinding>()({
    group: "rbac.authorization.k8s.io",
    version: "v1",
    plural: "rolebindings",
    namespaced: true,
    fields: {
      metadata: metadataWithManagers,
      roleRef: { kind: true, name: true },
      subjects: [{ kind: true, name: true, namespace: true }],
    },
  }),
  ClusterRoleBinding: kind<V1ClusterRoleBinding>()({
    group: "rbac.authorization.k8s.io",
    version: "v1",
    plural: "clusterrolebindings",
    namespaced: false,
    fields: {
      metadata: metadataWithManagers,
      roleRef: { kind: true, name: true },
      subjects: [{ kind: true, name: true, namespace: true }],
    },
  }),
  CustomResourceDefinition: kind<V1CustomResourceDefinition>()({
    group: "apiextensions.k8s.io",
    version: "v1",
    plural: "customresourcedefinitions",
    namespaced: false,
    shortNames: ["crd", "crds"],
    // The schemas of the versions are most of its size, and nothing here needs them.
    fields: {
      metadata: metadataWithManagers,
      spec: {
        group: true,
        scope: true,
        names: { kind: true, plural: true, shortNames: true },
        versions: [{ name: true, served: true, storage: true, deprecated: true, subresources: { status: true } }],
        conversion: {
          strategy: true,
          webhook: {
            clientConfig: { url: true, caBundle: true, service: { namespace: true, name: true, port: true } },
          },
        },
      },
      status: { storedVersions: [true], conditions },
    },
  }),
  APIService: kind<V1APIService>()({
    group: "apiregistration.k8s.io",
    version: "v1",
    plural: "apiservices",
    namespaced: false,
    fields: {
      metadata: metadataWithManagers,
      spec: { group: true, version: true, service: { namespace: true, name: true, port: true } },
      status: { conditions },
    },
  }),
  ValidatingWebhookConfiguration: kind<V1ValidatingWebhookConfiguration>()({
    group: "admissionregistration.k8s.io",
    version: "v1",
    plural: "validatingwebhookconfigurations",
    namespaced: false,
    fields: { metadata: metadataWithManagers, webhooks: [webhook] },
  }),
  MutatingWebhookConfiguration: kind<V1MutatingWebhookConfiguration>()({
    group: "admissionregistration.k8s.io",
    version: "v1",
    plural: "mutatingwebhookconfigurations",
    namespaced: false,
    fields: { metadata: metadataWithManagers, webhooks: [webhook] },
  }),
  GatewayClass: kind<GatewayClassResource>()({
    group: "gateway.networking.k8s.io",
    version: "v1",
    plural: "gatewayclasses",
    namespaced: false,
    shortNames: ["gc"],
    fields: { metadata, spec: { controllerName: true, parametersRef: gatewayReference }, status: { conditions } },
  }),
  Gateway: kind<GatewayResource>()({
    group: "gateway.networking.k8s.io",
    version: "v1",
    plural: "gateways",
    namespaced: true,
    shortNames: ["gtw"],
    fields: {
      metadata,
      spec: {
        gatewayClassName: true,
        listeners: [
          {
            name: true,
            hostname: true,
            port: true,
            protocol: true,
            tls: { mode: true, certificateRefs: [gatewayReference] },
            allowedRoutes: { namespaces: { from: true, selector: labelSelector } },
          },
        ],
      },
      status: {
        addresses: [{ type: true, value: true }],
        conditions,
        listeners: [{ name: true, attachedRoutes: true, conditions }],
      },
    },
  }),
  HTTPRoute: kind<GatewayRouteResource>()({
    group: "gateway.networking.k8s.io",
    version: "v1",
    plural: "httproutes",
    namespaced: true,
    fields: gatewayRoute,
  }),
  GRPCRoute: kind<GatewayRouteResource>()({
    group: "gateway.networking.k8s.io",
    version: "v1",
    plural: "grpcroutes",
    namespaced: true,
    fields: gatewayRoute,
  }),
  TLSRoute: kind<GatewayRouteResource>()({
    group: "gateway.networking.k8s.io",
    version: "v1",
    plural: "tlsroutes",
    namespaced: true,
    fields: gatewayRoute,
  }),
  ReferenceGrant: kind<ReferenceGrantResource>()({
    group: "gateway.networking.k8s.io",
    // Served by every release of the API; v1 only by the newest.
    version: "v1beta1",
    plural: "referencegrants",
    namespaced: true,
    shortNames: ["refgrant"],
    fields: {
      metadata,
      spec: { from: [{ group: true, kind: true, namespace: true }], to: [{ group: true, kind: true, name: true }] },
    },
  }),
  ClusterCatalog: kind<ClusterCatalogResource>()({
    group: "olm.operatorframework.io",
    version: "v1",
    plural: "clustercatalogs",
    namespaced: false,
    fields: {
      metadata: metadataWithChanges,
      spec: { availabilityMode: true, source: { type: true, image: { ref: true } } },
      status: { conditions, resolvedSource: { type: true, image: { ref: true } } },
    },
  }),
  ClusterExtension: kind<ClusterExtensionResource>()({
    group: "olm.operatorframework.io",
    version: "v1",
    plural: "clusterextensions",
    namespaced: false,
    fields: {
      metadata: metadataWithChanges,
      spec: {
        namespace: true,
        serviceAccount: { name: true },
        source: {
          sourceType: true,
          catalog: { packageName: true, version: true, channels: [true], upgradeConstraintPolicy: true },
        },
      },
      status: { conditions, install: { bundle: { name: true, version: true } } },
    },
  }),
  ClusterServiceVersion: kind<ClusterServiceVersionResource>()({
    group: "operators.coreos.com",
    version: "v1alpha1",
    plural: "clusterserviceversions",
    namespaced: true,
    shortNames: ["csv", "csvs"],
    fields: {
      metadata,
      spec: { version: true, replaces: true, installModes: [{ type: true, supported: true }] },
      status: {
        phase: true,
        reason: true,
        message: true,
        lastTransitionTime: true,
        lastUpdateTime: true,
        requirementStatus: [{ group: true, version: true, kind: true, name: true, status: true, message: true }],
      },
    },
  }),
  Subscription: kind<SubscriptionResource>()({
    group: "operators.coreos.com",
    version: "v1alpha1",
    plural: "subscriptions",
    namespaced: true,
    shortNames: ["sub", "subs"],
    fields: {
      metadata,
      spec: {
        source: true,
        sourceNamespace: true,
        name: true,
        channel: true,
        startingCSV: true,
        installPlanApproval: true,
      },
      status: {
        state: true,
        reason: true,
        currentCSV: true,
        installedCSV: true,
        installPlanRef: operatorReference,
        catalogHealth: [{ healthy: true, lastUpdated: true, catalogSourceRef: operatorReference }],
        conditions,
        lastUpdated: true,
      },
    },
  }),
  InstallPlan: kind<InstallPlanResource>()({
    group: "operators.coreos.com",
    version: "v1alpha1",
    plural: "installplans",
    namespaced: true,
    shortNames: ["ip"],
    fields: {
      metadata,
      spec: { approval: true, approved: true, generation: true, clusterServiceVersionNames: [true] },
      status: {
        phase: true,
        message: true,
        startTime: true,
        conditions,
        bundleLookups: [{ identifier: true, path: true, catalogSourceRef: operatorReference, conditions }],
      },
    },
  }),
  CatalogSource: kind<CatalogSourceResource>()({
    group: "operators.coreos.com",
    version: "v1alpha1",
    plural: "catalogsources",
    namespaced: true,
    shortNames: ["catsrc"],
    fields: {
      metadata,
      spec: { sourceType: true, image: true, address: true, configMap: true },
      status: {
        reason: true,
        message: true,
        connectionState: { address: true, lastObservedState: true, lastConnect: true },
      },
    },
  }),
  OperatorGroup: kind<OperatorGroupResource>()({
    group: "operators.coreos.com",
    version: "v1",
    plural: "operatorgroups",
    namespaced: true,
    shortNames: ["og"],
    fields: {
      metadata,
      spec: { targetNamespaces: [true], selector: labelSelector, serviceAccountName: true },
      status: { namespaces: [true], conditions },
    },
  }),
  ScaledObject: kind<ScaledObjectResource>()({
    group: "keda.sh",
    version: "v1alpha1",
    plural: "scaledobjects",
    namespaced: true,
    shortNames: ["so"],
    fields: {
      metadata,
      spec: {
        scaleTargetRef: { apiVersion: true, kind: true, name: true },
        minReplicaCount: true,
        maxReplicaCount: true,
        triggers: kedaTriggers,
      },
      status: { conditions: kedaConditions, hpaName: true, pausedReplicaCount: true },
    },
  }),
  ScaledJob: kind<ScaledJobResource>()({
    group: "keda.sh",
    version: "v1alpha1",
    plural: "scaledjobs",
    namespaced: true,
    shortNames: ["sj"],
    fields: { metadata, spec: { triggers: kedaTriggers }, status: { conditions: kedaConditions } },
  }),
  TriggerAuthentication: kind<TriggerAuthenticationResource>()({
    group: "keda.sh",
    version: "v1alpha1",
    plural: "triggerauthentications",
    namespaced: true,
    shortNames: ["ta", "triggerauth"],
    fields: triggerAuthentication,
  }),
  ClusterTriggerAuthentication: kind<TriggerAuthenticationResource>()({
    group: "keda.sh",
    version: "v1alpha1",
    plural: "clustertriggerauthentications",
    namespaced: false,
    shortNames: ["cta", "clustertriggerauth"],
    fields: triggerAuthentication,
  }),
  PolicyReport: kind<PolicyReportResource>()({
    group: "wgpolicyk8s.io",
    version: "v1alpha2",
    plural: "policyreports",
    namespaced: true,
    shortNames: ["polr"],
    fields: policyReport,
  }),
  ClusterPolicyReport: kind<PolicyReportResource>()({
    group: "wgpolicyk8s.io",
    version: "v1alpha2",
    plural: "clusterpolicyreports",
    namespaced: false,
    shortNames: ["cpolr"],
    fields: policyReport,
  }),
  Report: kind<PolicyReportResource>()({
    group: "openreports.io",
    version: "v1alpha1",
    plural: "reports",
    namespaced: true,
    shortNames: ["reps"],
    fields: policyReport,
  }),
  ClusterReport: kind<PolicyReportResource>()({
    group: "openreports.io",
    version: "v1alpha1",
    plural: "clusterreports",
    namespaced: false,
    shortNames: ["creps"],
    fields: policyReport,
  }),
  VulnerabilityReport: kind<VulnerabilityReportResource>()({
    group: "aquasecurity.github.io",
    version: "v1alpha1",
    plural: "vulnerabilityreports",
    namespaced: true,
    shortNames: ["vuln", "vulns"],
    fields: {
      metadata,
      report: {
        artifact: { repository: true, tag: true, digest: true },
        registry: { server: true },
        summary: { criticalCount: true, highCount: true },
        vulnerabilities: [
          { vulnerabilityID: true, resource: true, installedVersion: true, fixedVersion: true, severity: true },
        ],
      },
    },
  }),
  ConfigAuditReport: kind<ConfigAuditReportResource>()({
    group: "aquasecurity.github.io",
    version: "v1alpha1",
    plural: "configauditreports",
    namespaced: true,
    shortNames: ["configaudit"],
    fields: { metadata, report: { checks: [{ checkID: true, title: true, severity: true, success: true }] } },
  }),
  Certificate: kind<CertificateResource>()({
    group: "cert-manager.io",
    version: "v1",
    plural: "certificates",
    namespaced: true,
    shortNames: ["cert", "certs"],
    fields: {
      metadata,
      spec: { secretName: true, issuerRef: { name: true, kind: true, group: true } },
      status: {
        conditions,
        lastFailureTime: true,
        notBefore: true,
        notAfter: true,
        renewalTime: true,
        failedIssuanceAttempts: true,
      },
    },
  }),
  Issuer: kind<IssuerResource>()({
    group: "cert-manager.io",
    version: "v1",
    plural: "issuers",
    namespaced: true,
    fields: issuer,
  }),
  ClusterIssuer: kind<IssuerResource>()({
    group: "cert-manager.io",
    version: "v1",
    plural: "clusterissuers",
    namespaced: false,
    fields: issuer,
  }),
} as const;

/** The API name of a kind that k8sgpt reads. */
export type KindName = keyof typeof kinds;

/** An object of kind `K` as a snapshot holds it: the kept fields, each possibly absent. */
export type KubeObject<K extends KindName = KindName> = NonNullable<(typeof kinds)[K]["shape"]>;

/** A Pod's spec, or that of a Pod template. */
export type PodSpec = NonNullable<KubeObject<"Pod">["spec"]>;

/** One container of a Pod's spec. */
export type Container = NonNullable<PodSpec["containers"]>[number];

/** The status of one container. */
export type ContainerStatus = NonNullable<NonNullable<KubeObject<"Pod">["status"]>["containerStatuses"]>[number];

/** A status condition as most kinds have it. */
export interface Condition {
  readonly type?: string;
  readonly status?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
}

/** The metadata that every kind has. */
export type ObjectMeta = NonNullable<KubeObject<"Pod">["metadata"]>;

/** All kind names in one fixed order. */
export const kindNames: readonly KindName[] = Object.keys(kinds).filter((name): name is KindName => name in kinds);

/** Whether `name` is a kind that k8sgpt reads. */
export function isKindName(name: string): name is KindName {
  return Object.hasOwn(kinds, name);
}

/** The definition of `name`, without the type of its fields. */
export function kindDefinition(name: KindName): KindDefinition {
  return kinds[name];
}

/** `apps/v1`, or `v1` for the core group. */
export function apiVersionOf({ group, version }: Pick<KindDefinition, "group" | "version">): string {
  return group === "" ? version : `${group}/${version}`;
}

/** The resource as `kubectl` and RBAC name it: `pods`, `deployments.apps`. */
export function resourceName({ group, plural }: Pick<KindDefinition, "group" | "plural">): string {
  return group === "" ? plural : `${plural}.${group}`;
}
