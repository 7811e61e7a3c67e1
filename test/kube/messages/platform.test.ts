import { describe, expect, it } from "vitest";
import { apiServiceFailureInWords } from "../../../src/kube/messages/api-service.ts";
import { dnsFailureInWords } from "../../../src/kube/messages/dns.ts";
import { isKnownWarning } from "../../../src/kube/messages/events.ts";
import { finalizerInWords } from "../../../src/kube/messages/finalizers.ts";
import {
  failingGroupVersions,
  remainingFinalizers,
  remainingResources,
} from "../../../src/kube/messages/namespace-deletion.ts";

describe("conditions of a namespace that is being deleted", () => {
  it("name what remains", () => {
    const message =
      "Some resources are remaining: pods. has 3 resource instances, widgets.example.com has 1 resource instances";
    expect(remainingResources(message)).toEqual([
      { name: "pods", count: 3 },
      { name: "widgets.example.com", count: 1 },
    ]);
  });

  it("name the finalizers that remain", () => {
    const message =
      "Some content in the namespace has finalizers remaining: example.com/keep in 1 resource instances, kubernetes in 2 resource instances";
    expect(remainingFinalizers(message)).toEqual([
      { name: "example.com/keep", count: 1 },
      { name: "kubernetes", count: 2 },
    ]);
  });

  it("name the group versions that do not answer", () => {
    const one = "metrics.k8s.io/v1beta1: the server is currently unable to handle the request";
    const two = "custom.metrics.k8s.io/v1beta1: stale GroupVersion discovery: custom.metrics.k8s.io/v1beta1";
    const message = `Discovery failed for some groups, 2 failing: unable to retrieve the complete list of server APIs: ${two}, ${one}`;
    expect(failingGroupVersions(message)).toEqual(["custom.metrics.k8s.io/v1beta1", "metrics.k8s.io/v1beta1"]);
  });
});

describe("tables of words", () => {
  it("say why an API does not answer", () => {
    const refused =
      'failing or missing response from https://10.0.0.1:443/apis/x/v1: Get "https://10.0.0.1:443/apis/x/v1": dial tcp 10.0.0.1:443: connect: connection refused';
    expect(apiServiceFailureInWords("FailedDiscoveryCheck", refused)).toBe("the connection is refused");
    expect(apiServiceFailureInWords("ServicePortError", undefined)).toBe(
      "its Service does not have the port that it names",
    );
  });

  it("say what CoreDNS misses", () => {
    const lines = [
      ".:53",
      "[ERROR] plugin/kubernetes: Kubernetes API connection failure: dial tcp 10.96.0.1:443: i/o timeout",
    ];
    expect(dnsFailureInWords(lines)).toBe("it cannot reach the API server");
  });

  it("say what a finalizer waits for", () => {
    expect(finalizerInWords("ingress.k8s.aws/resources")).toBe(
      "the load balancer outside the cluster is not removed yet",
    );
  });
});

it.each(["", "\u0000", "a, b: c", "toString", "__proto__", "has has has 9 resource instances", "x".repeat(100_000)])(
  "odd text is no news: %.20s",
  (text) => {
    expect(remainingResources(text)).toEqual([]);
    expect(remainingFinalizers(text)).toEqual([]);
    expect(failingGroupVersions(text)).toEqual([]);
    expect(apiServiceFailureInWords(text, text)).toBeUndefined();
    expect(dnsFailureInWords([text])).toBeUndefined();
    expect(finalizerInWords(text)).toBeUndefined();
    expect(isKnownWarning(text)).toBe(false);
  },
);
