/**
 * What status conditions of custom resources mean. By convention (contributors' API conventions, "Typical status
 * properties") a condition's type says which polarity it has, and there is no list of types: this one holds those that
 * widely used controllers write, read from their sources as noted. A type that is not here says nothing.
 */

/** The state in which a condition means a fault. */
export type Polarity = "bad-when-false" | "bad-when-true";

/** Types that mean the same wherever they occur. */
const polarities: Readonly<Record<string, Polarity>> = {
  Ready: "bad-when-false",
  Available: "bad-when-false",
  Healthy: "bad-when-false",
  Synced: "bad-when-false",
  Reconciled: "bad-when-false",
  Succeeded: "bad-when-false",
  Established: "bad-when-false",
  Failed: "bad-when-true",
  Degraded: "bad-when-true",
  Stalled: "bad-when-true",
  ReconcileError: "bad-when-true",
};

/** What is different for one kind. */
export interface KindOverride {
  /** The API group, or its ending after a `*`: `*.upbound.io`. */
  readonly group: string;
  /** Absent: every kind of the group. */
  readonly kinds?: readonly string[];
  /** Types of conditions that mean something here, beside the general ones. `ignored`: means nothing. */
  readonly conditions?: Readonly<Record<string, Polarity | "ignored">>;
  /** Something is down for users when it is not ready. */
  readonly isCritical?: boolean;
  /** The field that says the object is put to rest, when it is another than `spec.suspend` or `spec.paused`. */
  readonly restAnnotation?: string;
  /** Its status is no subresource, although a controller writes it. */
  readonly hasNoSubresource?: boolean;
  /** Records, or copies of what other objects say better: not looked at. */
  readonly isRecord?: boolean;
}

const overrides: readonly KindOverride[] = [
  // Argo CD 3.1, pkg/apis/application/v1alpha1: conditions are a list of errors without a status; health says it.
  {
    group: "argoproj.io",
    kinds: ["Application"],
    hasNoSubresource: true,
    conditions: { Synced: "ignored" },
    restAnnotation: "argocd.argoproj.io/skip-reconcile",
  },
  // ErrorOccurred stands beside ResourcesUpToDate (applicationset_types.go).
  {
    group: "argoproj.io",
    kinds: ["ApplicationSet"],
    hasNoSubresource: true,
    conditions: { ErrorOccurred: "bad-when-true", ResourcesUpToDate: "ignored" },
  },
  // A Workflow that failed is a run that failed, as a Job's Pod is; those who started it were told.
  {
    group: "argoproj.io",
    kinds: ["Workflow", "WorkflowTaskSet", "WorkflowTaskResult", "AnalysisRun", "Experiment"],
    isRecord: true,
  },
  // Argo Rollouts 1.8: Progressing False is the deadline; Available and Healthy are as everywhere, Completed is history.
  { group: "argoproj.io", kinds: ["Rollout"], conditions: { Progressing: "bad-when-false", Completed: "ignored" } },
  // Flux 2.6, fluxcd/pkg/apis/meta: Reconciling and Stalled stand beside Ready. Released and TestSuccess: helm-controller.
  {
    group: "*.toolkit.fluxcd.io",
    conditions: {
      Reconciling: "ignored",
      Released: "bad-when-false",
      Remediated: "ignored",
      FetchFailed: "bad-when-true",
      StorageOperationFailed: "bad-when-true",
    },
  },
  // cert-manager 1.21: requests and orders are steps of a Certificate, and it tells of them.
  { group: "cert-manager.io", kinds: ["CertificateRequest"], isRecord: true },
  { group: "acme.cert-manager.io", isRecord: true },
  // External Secrets Operator 0.18: a Secret that is not made stops the Pods that mount it.
  { group: "external-secrets.io", conditions: { Deleted: "ignored" } },
  // Crossplane 1.20 and 2.0: crossplane-runtime/apis/common. LastAsyncOperation is of upjet's providers.
  {
    group: "*.crossplane.io",
    conditions: { LastAsyncOperation: "bad-when-false", AsyncOperation: "ignored" },
    restAnnotation: "crossplane.io/paused",
  },
  {
    group: "*.upbound.io",
    conditions: { LastAsyncOperation: "bad-when-false", AsyncOperation: "ignored" },
    restAnnotation: "crossplane.io/paused",
  },
  { group: "apiextensions.crossplane.io", kinds: ["CompositionRevision"], isRecord: true },
  { group: "pkg.crossplane.io", conditions: { Installed: "bad-when-false" }, restAnnotation: "crossplane.io/paused" },
  // Knative Serving 1.18: an old Revision is at rest, and its Active is False; PodAutoscaler and the like repeat it.
  { group: "serving.knative.dev", kinds: ["Revision"], isRecord: true },
  { group: "serving.knative.dev", kinds: ["Service", "Route"], isCritical: true },
  { group: "*.internal.knative.dev", isRecord: true },
  // Strimzi 0.46: Warning is a note.
  {
    group: "kafka.strimzi.io",
    conditions: { NotReady: "bad-when-true", Warning: "ignored", ReconciliationPaused: "ignored" },
    restAnnotation: "strimzi.io/pause-reconciliation",
  },
  { group: "kafka.strimzi.io", kinds: ["Kafka"], isCritical: true },
  { group: "core.strimzi.io", isRecord: true },
  // Storage in use: Rook 1.17 (phase and Ready), Longhorn 1.9 (robustness is no condition: its volumes are told by claims).
  { group: "ceph.rook.io", kinds: ["CephCluster"], isCritical: true, conditions: { Progressing: "ignored" } },
  { group: "longhorn.io", isRecord: true },
  { group: "snapshot.storage.k8s.io", isRecord: true },
  // Databases whose operators write Ready: CloudNativePG 1.26 (ContinuousArchiving False loses backups).
  {
    group: "postgresql.cnpg.io",
    kinds: ["Cluster"],
    isCritical: true,
    conditions: { ContinuousArchiving: "bad-when-false" },
  },
  { group: "postgresql.cnpg.io", kinds: ["Backup"], isRecord: true },
  // KEDA: its own analyzer has ScaledObject and ScaledJob; Active False is the normal state of rest.
  { group: "keda.sh", conditions: { Active: "ignored", Fallback: "ignored", Paused: "ignored" } },
  // Cluster API 1.10: phases are enough; v1beta1 conditions carry a severity.
  { group: "cluster.x-k8s.io", conditions: { Paused: "ignored", ScalingUp: "ignored", ScalingDown: "ignored" } },
  // OpenShift 4.18, config.openshift.io: Upgradeable False is advice.
  {
    group: "config.openshift.io",
    kinds: ["ClusterOperator", "ClusterVersion"],
    isCritical: true,
    conditions: {
      Upgradeable: "ignored",
      Progressing: "ignored",
      EvaluationConditionsDetected: "ignored",
      Failing: "bad-when-true",
      ReleaseAccepted: "ignored",
      RetrievedUpdates: "ignored",
    },
  },
  // Runs: what failed once is history, and was told to whoever started it.
  { group: "tekton.dev", isRecord: true },
  {
    group: "velero.io",
    kinds: [
      "Backup",
      "Restore",
      "DeleteBackupRequest",
      "DownloadRequest",
      "PodVolumeBackup",
      "PodVolumeRestore",
      "DataUpload",
      "DataDownload",
      "ServerStatusRequest",
    ],
    isRecord: true,
  },
  {
    group: "kubeflow.org",
    kinds: ["PyTorchJob", "TFJob", "MPIJob", "XGBoostJob", "PaddleJob", "JAXJob"],
    isRecord: true,
  },
  { group: "batch.volcano.sh", isRecord: true },
  { group: "ray.io", kinds: ["RayJob"], isRecord: true },
  { group: "sparkoperator.k8s.io", kinds: ["SparkApplication"], isRecord: true },
  // One object per Pod, node or address, or the records of another tool.
  { group: "cilium.io", isRecord: true },
  { group: "crd.projectcalico.org", isRecord: true },
  { group: "whereabouts.cni.cncf.io", isRecord: true },
  { group: "metrics.k8s.io", isRecord: true },
  { group: "wgpolicyk8s.io", isRecord: true },
  { group: "openreports.io", isRecord: true },
  { group: "reports.kyverno.io", isRecord: true },
  { group: "kyverno.io", kinds: ["UpdateRequest", "AdmissionReport", "BackgroundScanReport"], isRecord: true },
  { group: "aquasecurity.github.io", isRecord: true },
  // Gatekeeper 3.19: violations are its status, readiness is per Pod in objects of their own.
  { group: "status.gatekeeper.sh", isRecord: true },
  { group: "constraints.gatekeeper.sh", isRecord: true },
  { group: "operators.coreos.com", isRecord: true },
  { group: "packages.operators.coreos.com", isRecord: true },
  { group: "acid.zalan.do", isCritical: true },
  {
    group: "karpenter.sh",
    kinds: ["NodeClaim"],
    conditions: { Drifted: "ignored", Consolidatable: "ignored", Empty: "ignored", Initialized: "ignored" },
  },
  { group: "karpenter.sh", kinds: ["NodePool"], conditions: { NodeRegistrationHealthy: "ignored" } },
];

function overridesOf(group: string, kind: string): readonly KindOverride[] {
  return overrides.filter((entry) => {
    const isGroup = entry.group.startsWith("*") ? `.${group}`.endsWith(entry.group.slice(1)) : entry.group === group;
    return isGroup && (entry.kinds?.includes(kind) ?? true);
  });
}

/** What a condition of that type means for the kind; undefined when that is not known or it means nothing. */
export function polarityOf(group: string, kind: string, type: string): Polarity | undefined {
  for (const { conditions } of overridesOf(group, kind)) {
    if (conditions !== undefined && Object.hasOwn(conditions, type)) {
      const found = conditions[type];
      return found === "ignored" ? undefined : found;
    }
  }
  return Object.hasOwn(polarities, type) ? polarities[type] : undefined;
}

/** Whether a type of condition is known to mean nothing here, other than not being known at all. */
export function isIgnored(group: string, kind: string, type: string): boolean {
  return overridesOf(group, kind).some(({ conditions }) => conditions?.[type] === "ignored");
}

/** Whether something is down for users when an object of the kind is not ready. */
export function isCriticalKind(group: string, kind: string): boolean {
  return overridesOf(group, kind).some((entry) => entry.isCritical === true);
}

/** Whether objects of the kind are records, or copies of what others say better. */
export function isRecordKind(group: string, kind: string): boolean {
  return overridesOf(group, kind).some((entry) => entry.isRecord === true);
}

/** Whether a controller reports in the kind's status although it is no subresource. */
export function reportsWithoutSubresource(group: string, kind: string): boolean {
  return overridesOf(group, kind).some((entry) => entry.hasNoSubresource === true);
}

/** The annotations by which people put objects of the kind to rest. */
export function restAnnotationsOf(group: string, kind: string): readonly string[] {
  return overridesOf(group, kind).flatMap(({ restAnnotation }) => restAnnotation ?? []);
}

/** Words of `status.phase`, `status.state` and `status.health.status` that mean a fault, in lower case. */
const badPhases: ReadonlySet<string> = new Set(["failed", "error", "degraded", "lost"]);

/** Whether the word of a phase, state or health means a fault. */
export function isBadPhase(word: string): boolean {
  return badPhases.has(word.toLowerCase());
}

/** Whether a condition's reason says that the controller is still at work: most use the words of this list. */
export function isProgressReason(reason: string): boolean {
  if (/fail|error|invalid|denied|exceeded|stalled|notfound|missing/i.test(reason)) return false;
  return /progress|pending|reconciling|creating|provisioning|installing|upgrading|updating|initiali[sz]|starting|waiting|deploying|scheduling|issuing|bootstrapping|rolling|syncing|unknown|notyet/i.test(
    reason,
  );
}
