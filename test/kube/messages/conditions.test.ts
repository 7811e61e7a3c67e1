import { describe, expect, it } from "vitest";
import {
  isBadPhase,
  isCriticalKind,
  isIgnored,
  isProgressReason,
  isRecordKind,
  polarityOf,
  reportsWithoutSubresource,
  restAnnotationsOf,
} from "../../../src/kube/messages/conditions.ts";

describe("polarityOf", () => {
  it.each([
    ["example.com", "Tenant", "Ready", "bad-when-false"],
    ["example.com", "Tenant", "Stalled", "bad-when-true"],
    ["example.com", "Tenant", "constructor", undefined],
    ["helm.toolkit.fluxcd.io", "HelmRelease", "Released", "bad-when-false"],
    ["helm.toolkit.fluxcd.io", "HelmRelease", "Reconciling", undefined],
    ["config.openshift.io", "ClusterOperator", "Upgradeable", undefined],
    ["config.openshift.io", "ClusterOperator", "Degraded", "bad-when-true"],
    ["config.openshift.io", "ClusterVersion", "Failing", "bad-when-true"],
    ["argoproj.io", "Application", "Synced", undefined],
    ["ec2.aws.upbound.io", "VPC", "LastAsyncOperation", "bad-when-false"],
    ["notupbound.io", "VPC", "LastAsyncOperation", undefined],
  ])("%s %s %s: %s", (group, kind, type, expected) => {
    expect(polarityOf(group, kind, type)).toBe(expected);
  });

  it("tells what means nothing from what is not known", () => {
    expect(isIgnored("keda.sh", "ScaledJob", "Active")).toBe(true);
    expect(isIgnored("example.com", "Tenant", "Active")).toBe(false);
  });
});

describe("isProgressReason", () => {
  it.each([
    "Progressing",
    "ReconcilePending",
    "Creating",
    "WaitingForPods",
    "ArtifactNotYetAvailable",
    "DependencyNotReadyWaiting",
  ])("%s is progress", (reason) => expect(isProgressReason(reason)).toBe(true));
  it.each([
    "",
    "BuildFailed",
    "ProgressDeadlineExceeded",
    "ReconciliationFailed",
    "CreatingFailed",
    "DependencyNotReady",
  ])("%s is not", (reason) => expect(isProgressReason(reason)).toBe(false));
});

it("knows phases, records, critical kinds and switches by kind and group", () => {
  expect(["Failed", "error", "DEGRADED", "Lost"].every(isBadPhase)).toBe(true);
  expect(["Running", "Pending", "", "Succeeded", "Failover"].some(isBadPhase)).toBe(false);
  expect(isRecordKind("cilium.io", "CiliumEndpoint")).toBe(true);
  expect(isRecordKind("velero.io", "Schedule")).toBe(false);
  expect(isCriticalKind("serving.knative.dev", "Service")).toBe(true);
  expect(isCriticalKind("example.com", "Service")).toBe(false);
  expect(reportsWithoutSubresource("argoproj.io", "Application")).toBe(true);
  expect(restAnnotationsOf("pkg.crossplane.io", "Provider")).toContain("crossplane.io/paused");
});
