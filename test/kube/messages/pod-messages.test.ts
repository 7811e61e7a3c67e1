import { describe, expect, test } from "vitest";
import { configErrorCause, createErrorCause } from "../../../src/kube/messages/container-create.ts";
import { exitMeaning, exitSentence } from "../../../src/kube/messages/exit-code.ts";
import { imagePullCause, isInformative, registryOf } from "../../../src/kube/messages/image-pull.ts";
import { keyNamed, mountCause, multiAttachVolume, volumeNamed } from "../../../src/kube/messages/mount.ts";
import { failedProbe, killingProbe, probeCause } from "../../../src/kube/messages/probe.ts";
import { sandboxCause } from "../../../src/kube/messages/sandbox.ts";
import { dominantClause, parseSchedulerMessage, type SchedulerReason } from "../../../src/kube/messages/scheduler.ts";

describe("the scheduler's message", () => {
  test("is taken apart, with head and preemption cut off", () => {
    const { nodes, clauses } = parseSchedulerMessage(
      "0/5 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 3 Insufficient cpu, 1 node(s) were unschedulable. preemption: 0/5 nodes are available: 2 No preemption victims found for incoming pod, 3 Preemption is not helpful for scheduling.",
    );
    expect(nodes).toBe(5);
    expect(clauses).toEqual([
      {
        reason: "untolerated-taint",
        nodes: 1,
        text: "node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }",
        taint: { key: "node-role.kubernetes.io/control-plane", value: "" },
      },
      { reason: "insufficient-cpu", nodes: 3, text: "Insufficient cpu", resource: "cpu" },
      { reason: "cordoned", nodes: 1, text: "node(s) were unschedulable" },
    ]);
    expect(dominantClause(clauses)?.reason).toBe("insufficient-cpu");
  });

  const reasons: readonly (readonly [string, SchedulerReason])[] = [
    ["2 Insufficient memory", "insufficient-memory"],
    ["2 Insufficient example.com/fpga", "insufficient-extended"],
    ["2 Too many pods", "too-many-pods"],
    ["2 node(s) had untolerated taint(s)", "untolerated-taint"],
    ["2 node(s) didn't match Pod's node affinity/selector", "node-selector"],
    ["2 node(s) didn't satisfy existing pods anti-affinity rules", "pod-anti-affinity"],
    ["2 node(s) had no available volume zone", "volume-zone"],
    ["2 node(s) didn't find available persistent volumes to bind", "volume-unbound"],
    ["2 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)", "pvc-missing"],
    ["2 node(s) did not have enough free storage", "storage-capacity"],
    ["2 cannot allocate all claims", "dra"],
    ["pod has unbound immediate PersistentVolumeClaims", "volume-unbound"],
    ['persistentvolumeclaim "data" not found', "pvc-missing"],
  ];
  test.each(reasons)("%s", (text, reason) => {
    expect(parseSchedulerMessage(`0/2 nodes are available: ${text}.`).clauses.map((clause) => clause.reason)).toEqual([
      reason,
    ]);
  });

  test("a clause about the Pod itself decides, whatever the counts", () => {
    const { clauses } = parseSchedulerMessage(
      "0/9 nodes are available: pod has unbound immediate PersistentVolumeClaims, 9 Insufficient cpu.",
    );
    expect(dominantClause(clauses)?.reason).toBe("volume-unbound");
  });

  test("taints of the control plane decide only when there is nothing else", () => {
    const taint = "node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }";
    expect(
      dominantClause(parseSchedulerMessage(`0/4 nodes are available: 3 ${taint}, 1 Insufficient cpu.`).clauses)?.reason,
    ).toBe("insufficient-cpu");
    expect(dominantClause(parseSchedulerMessage(`0/3 nodes are available: 3 ${taint}.`).clauses)?.reason).toBe(
      "untolerated-taint",
    );
  });

  test.each(["", "0/0 nodes are available", ", , ,", "{{{", "0/3 nodes are available: .", "3"])(
    "odd text %j does not throw",
    (text) => {
      expect(() => dominantClause(parseSchedulerMessage(text).clauses)).not.toThrow();
    },
  );
});

describe("images", () => {
  test("no match for the platform is not a missing image, although containerd says not found", () => {
    expect(imagePullCause("ErrImagePull", "no match for platform in manifest: not found", "x")).toBe(
      "platform-missing",
    );
  });
  test("names of images, URLs and digests are not mistaken for causes", () => {
    expect(
      imagePullCause("ErrImagePull", 'Failed to pull image "r.example/denied:429": EOF', "r.example/denied:429"),
    ).toBe("unreachable");
    expect(
      imagePullCause(
        "ErrImagePull",
        'Get "https://certificate.example/v2/": dial tcp: connect: connection refused',
        "x",
      ),
    ).toBe("unreachable");
  });
  test("an unknown text is a failed pull", () => {
    expect(imagePullCause("ErrImagePull", "", undefined)).toBe("failed");
    expect(imagePullCause("RegistryUnavailable", "", undefined)).toBe("unreachable");
  });
  test("a back-off says nothing unless it carries the error", () => {
    expect(isInformative('Back-off pulling image "x"')).toBe(false);
    expect(isInformative("Error: ErrImagePull")).toBe(false);
    expect(isInformative('Back-off pulling image "x": ErrImagePull: EOF')).toBe(true);
  });
  test.each([
    ["nginx", "docker.io"],
    ["library/nginx:1", "docker.io"],
    ["registry.example:5000/a/b@sha256:1", "registry.example:5000"],
    ["localhost/a", "localhost"],
  ])("the registry of %s is %s", (image, host) => {
    expect(registryOf(image)).toBe(host);
  });
});

describe("containers", () => {
  test("reads what is missing", () => {
    expect(configErrorCause('configmap "a" not found')).toEqual({
      type: "object-missing",
      kind: "ConfigMap",
      name: "a",
    });
    expect(configErrorCause("couldn't find key k in Secret shop/s")).toEqual({
      type: "key-missing",
      kind: "Secret",
      namespace: "shop",
      name: "s",
      key: "k",
    });
    expect(configErrorCause("container's runAsUser breaks non-root policy")).toEqual({
      type: "nonroot",
      why: "run-as-user",
    });
    expect(configErrorCause("what?")).toEqual({ type: "other" });
  });
  test("a hook is a hook, whatever it says", () => {
    expect(createErrorCause("PostStartHookError", "permission denied")).toBe("hook");
    expect(createErrorCause("CreateContainerError", "")).toBe("other");
  });
  test("exit codes", () => {
    expect(exitMeaning(127).id).toBe("exit-command-missing");
    expect(exitMeaning(137, "OOMKilled").says).toBe("killed for want of memory");
    expect(exitMeaning(137).says).toContain("not reported as out of memory");
    expect(exitMeaning(160)).toEqual({ id: "exit-signal-n", says: "ended by signal 32" });
    expect(exitMeaning(-1_073_741_819).id).toBe("exit-windows-access");
    expect(exitSentence(1)).toBe("exit code 1, the application reported an error");
  });
});

describe("volumes, sandboxes, probes", () => {
  test("mounts", () => {
    expect(mountCause('MountVolume.SetUp failed for volume "c" : secret "s" not found')).toEqual({
      type: "object-missing",
      kind: "Secret",
      name: "s",
    });
    expect(
      mountCause('MountVolume.SetUp failed for volume "c" : references non-existent config key: app.yaml'),
    ).toEqual({ type: "key-missing", kind: "ConfigMap" });
    expect(mountCause("timed out waiting for the condition")).toEqual({ type: "timeout" });
    expect(mountCause("")).toEqual({ type: "other" });
    expect(volumeNamed('MountVolume.SetUp failed for volume "c" : x')).toBe("c");
    expect(volumeNamed("Unable to attach or mount volumes: unmounted volumes=[data tmp], unattached volumes=[]")).toBe(
      "data",
    );
    expect(keyNamed("references non-existent secret key: tls.key")).toBe("tls.key");
    expect(multiAttachVolume('Multi-Attach error for volume "pv-1" Volume is already exclusively attached')).toBe(
      "pv-1",
    );
    expect(multiAttachVolume("AttachVolume.Attach failed")).toBeUndefined();
  });
  test.each([
    ["failed to assign an IP address to container", "ip-exhausted"],
    ["cni plugin not initialized", "cni-not-ready"],
    ['no runtime for "gvisor" is configured', "runtime-class"],
    ["context deadline exceeded", "timeout"],
    ["", "other"],
  ])("sandbox: %s", (message, cause) => {
    expect(sandboxCause(message)).toBe(cause);
  });
  test("probes", () => {
    expect(failedProbe("Liveness probe failed: x")).toBe("liveness");
    expect(failedProbe("Back-off restarting")).toBeUndefined();
    expect(killingProbe("Container app failed startup probe, will be restarted")).toBe("startup");
    expect(killingProbe("Stopping container app")).toBeUndefined();
    expect(probeCause("Readiness probe failed: HTTP probe failed with statuscode: 404").says).toBe(
      "it answers with HTTP status 404",
    );
    expect(probeCause('Get "http://x": read tcp: connection reset by peer').type).toBe("network");
    expect(probeCause('Readiness probe failed: service unhealthy (responded with "NOT_SERVING")').type).toBe("grpc");
    expect(probeCause("Readiness probe failed: ").type).toBe("other");
  });
});
