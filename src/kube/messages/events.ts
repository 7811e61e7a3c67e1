/**
 * Warning events that say nothing new: those that a rule of ours reads or explains, and those that come and go on healthy
 * clusters. Reasons of the kubelet, the scheduler and the controllers of Kubernetes v1.34, and of common controllers.
 */

const explained: ReadonlySet<string> = new Set([
  // kubelet: containers, images, volumes, sandboxes (pkg/kubelet/events)
  "BackOff",
  "ContainerGCFailed",
  "Evicted",
  "ExceededGracePeriod",
  "Failed",
  "FailedAttachVolume",
  "FailedCreatePodContainer",
  "FailedCreatePodSandBox",
  "FailedKillPod",
  "FailedMapVolume",
  "FailedMount",
  "FailedPodSandBoxStatus",
  "FailedPostStartHook",
  "FailedPreStopHook",
  "FailedSync",
  "FileSystemResizeFailed",
  "FreeDiskSpaceFailed",
  "ImageGCFailed",
  "InspectFailed",
  "InvalidDiskCapacity",
  "InvalidEnvironmentVariableNames",
  "NetworkNotReady",
  "NodeNotReady",
  "OOMKilling",
  "Preempting",
  "ProbeError",
  "Rebooted",
  "SystemOOM",
  "Unhealthy",
  "UnexpectedAdmissionError",
  "VolumeResizeFailed",
  // scheduler
  "FailedScheduling",
  "Preempted",
  // controllers
  "BackoffLimitExceeded",
  "CalculateExpectedPodCountFailed",
  "DeadlineExceeded",
  "FailedComputeMetricsReplicas",
  "FailedCreate",
  "FailedDaemonPod",
  "FailedGetContainerResourceMetric",
  "FailedGetExternalMetric",
  "FailedGetObjectMetric",
  "FailedGetPodsMetric",
  "FailedGetResourceMetric",
  "FailedGetScale",
  "FailedNeedsStart",
  "FailedRescale",
  "FailedUpdateScale",
  "InvalidSchedule",
  "MissingJob",
  "NoPods",
  "ProvisioningFailed",
  "ClaimLost",
  "SyncLoadBalancerFailed",
  "TooManyMissedTimes",
  "UnexpectedJob",
  "VolumeFailedDelete",
  "VolumeMismatch",
]);

/** Seen on healthy clusters, or retried by whoever wrote them until they are gone. */
const quiet: ReadonlySet<string> = new Set([
  "AlreadyMountedVolume",
  "CIDRNotAvailable",
  "DNSConfigForming",
  "FailedToCreateEndpoint",
  "FailedToCreateEndpointSlices",
  "FailedToDeleteEndpointSlices",
  "FailedToUpdateEndpoint",
  "FailedToUpdateEndpointSlices",
  "FailedToRetrieveImagePullSecret",
  "NodeSysctlChange",
  "OwnerRefInvalidNamespace",
  "PossibleMemoryBackedVolumesOnDisk",
  "RecyclerPod",
  "TopologyAwareHintsDisabled",
  "VolumeDelete",
]);

/** Whether warnings with that reason are told by a rule, or are no news at all. */
export function isKnownWarning(reason: string): boolean {
  return explained.has(reason) || quiet.has(reason);
}
