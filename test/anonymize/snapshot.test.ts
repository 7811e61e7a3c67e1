import { describe, expect, it } from "vitest";
import { dictionaryOf, maskSnapshot } from "../../src/anonymize/snapshot.ts";
import { isKept, isPublicDomain } from "../../src/anonymize/words.ts";
import type { Analyzer } from "../../src/analyzers/define.ts";
import { type CustomResource, isKnownKind, keepCustomObject } from "../../src/kube/custom-resources.ts";
import { keepObject } from "../../src/kube/keep.ts";
import { isKindName, type KindName, type KubeObject } from "../../src/kube/kinds.ts";
import { compareText, type ObjectRef } from "../../src/kube/object-ref.ts";
import { createSnapshot, type SnapshotInput } from "../../src/kube/snapshot.ts";
import { parseBundle } from "../../src/kube/certificates.ts";
import { type Manifest, takenAt, yaml } from "../analyzers/cases.ts";
import { certificates, tlsSecret } from "../analyzers/certificates.ts";
import { manifestsOf } from "../analyzers/run-cases.ts";
import { caseTables } from "../analyzers/tables.ts";

const given = [
  yaml`
    { apiVersion: v1, kind: Namespace, metadata: { name: acme-pay, labels: { kubernetes.io/metadata.name: acme-pay } } }
  `,
  yaml`
    { apiVersion: v1, kind: Node, metadata: { name: worker-7.acme.internal, labels: { kubernetes.io/hostname: worker-7.acme.internal,
      topology.kubernetes.io/zone: acme-dc-1, kubernetes.io/os: linux, acme.com/rack: r77x } },
      spec: { providerID: "aws:///eu-1a/i-0abc", taints: [{ key: acme.com/dedicated, value: ledgers, effect: NoSchedule }] },
      status: { addresses: [{ type: InternalIP, address: 10.9.8.7 }, { type: Hostname, address: worker-7.acme.internal }],
        capacity: { cpu: "4", acme.com/fpga: "1" }, nodeInfo: { kubeletVersion: v1.34.1, osImage: "Ubuntu 24.04" } } }
  `,
  yaml`
    { apiVersion: apps/v1, kind: Deployment, metadata: { name: ledger, namespace: acme-pay, uid: 11111111-2222-4333-8444-555555555555,
      labels: { app: ledger, team: falcon }, annotations: { acme.com/owner: "Jane Roe <jane.roe@acme.com>", deployment.kubernetes.io/revision: "3" } },
      spec: { replicas: 1, selector: { matchLabels: { app: ledger } },
        template: { metadata: { labels: { app: ledger, team: falcon } }, spec: { serviceAccountName: ledger-bot,
          affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: acme.com/rack, operator: In, values: [r77x] }] }] } } },
          containers: [{ name: ledger-main, image: "registry.acme.com/pay/ledger:v7-falcon", command: [/opt/acme/ledgerd], args: ["--mode=falcon", "--port=8080", "run the books"],
            env: [{ name: LEDGER_KEY, valueFrom: { secretKeyRef: { name: ledger-keys, key: master.key } } }],
            volumeMounts: [{ name: books, mountPath: /srv/books }] }],
          volumes: [{ name: books, configMap: { name: ledger-books } }] } } } }
  `,
  yaml`
    { apiVersion: apps/v1, kind: ReplicaSet, metadata: { name: ledger-7d4b9c6f5, namespace: acme-pay, uid: 22222222-2222-4333-8444-555555555555,
      ownerReferences: [{ apiVersion: apps/v1, kind: Deployment, name: ledger, uid: 11111111-2222-4333-8444-555555555555, controller: true }],
      labels: { app: ledger, pod-template-hash: 7d4b9c6f5 } }, spec: { selector: { matchLabels: { app: ledger, pod-template-hash: 7d4b9c6f5 } } } }
  `,
  yaml`
    { apiVersion: v1, kind: Pod, metadata: { name: ledger-7d4b9c6f5-x2x8l, namespace: acme-pay, uid: 33333333-2222-4333-8444-555555555555,
      ownerReferences: [{ apiVersion: apps/v1, kind: ReplicaSet, name: ledger-7d4b9c6f5, uid: 22222222-2222-4333-8444-555555555555, controller: true }],
      labels: { app: ledger, pod-template-hash: 7d4b9c6f5, acme.com/run: 99999999-2222-4333-8444-555555555555 } }, spec: { nodeName: worker-7.acme.internal, containers: [{ name: ledger-main, image: "registry.acme.com/pay/ledger:v7-falcon" }] },
      status: { phase: Pending, podIP: 10.244.1.9, containerStatuses: [{ name: ledger-main, image: "registry.acme.com/pay/ledger:v7-falcon", state: { waiting: { reason: ImagePullBackOff,
        message: 'Back-off pulling image "registry.acme.com/pay/ledger:v7-falcon"' } } }] } }
  `,
  yaml`
    { apiVersion: v1, kind: Service, metadata: { name: ledger, namespace: acme-pay }, spec: { selector: { app: ledger }, clusterIP: 10.96.0.9, ports: [{ name: books, port: 80, targetPort: books }] } }
  `,
  yaml`
    { apiVersion: apps/v1, kind: StatefulSet, metadata: { name: vaultdb, namespace: acme-pay, uid: 44444444-2222-4333-8444-555555555555 },
      spec: { serviceName: vaultdb, selector: { matchLabels: { app: vaultdb } }, volumeClaimTemplates: [{ metadata: { name: tapes } }],
        template: { metadata: { labels: { app: vaultdb } }, spec: { containers: [{ name: db, image: postgres }] } } },
      status: { currentRevision: vaultdb-6d5f8b9c74 } }
  `,
  yaml`
    { apiVersion: v1, kind: Pod, metadata: { name: vaultdb-0, namespace: acme-pay, labels: { app: vaultdb, statefulset.kubernetes.io/pod-name: vaultdb-0, apps.kubernetes.io/pod-index: "0", controller-revision-hash: vaultdb-6d5f8b9c74 },
      ownerReferences: [{ apiVersion: apps/v1, kind: StatefulSet, name: vaultdb, uid: 44444444-2222-4333-8444-555555555555, controller: true }] },
      spec: { containers: [{ name: db, image: postgres }], volumes: [{ name: tapes, persistentVolumeClaim: { claimName: tapes-vaultdb-0 } }] } }
  `,
  yaml`
    { apiVersion: v1, kind: PersistentVolumeClaim, metadata: { name: tapes-vaultdb-0, namespace: acme-pay }, spec: { storageClassName: acme-gold } }
  `,
  yaml`
    { apiVersion: v1, kind: Event, metadata: { name: ledger-7d4b9c6f5-zzzzz.18a1, namespace: acme-pay }, type: Warning, reason: FailedScheduling,
      source: { component: kubelet, host: worker-7.acme.internal },
      involvedObject: { kind: Pod, namespace: acme-pay, name: ledger-7d4b9c6f5-zzzzz },
      message: '0/1 nodes are available: 1 node(s) had untolerated taint {acme.com/dedicated: ledgers}. User "jroe" at 10.9.8.7 used password=falcon9 on https://wiki.acme.com/books' }
  `,
];

function inputOf(manifests: readonly (Manifest | readonly Manifest[])[]): SnapshotInput {
  const lists = new Map<KindName, KubeObject[]>();
  for (const manifest of manifests.flat()) {
    const { kind } = manifest;
    if (!isKindName(kind)) continue;
    const object = keepObject(kind, manifest);
    if (object !== undefined) lists.set(kind, [...(lists.get(kind) ?? []), object]);
  }
  return {
    takenAt,
    cluster: { name: "acme-prod-eks", source: "live", server: "https://k8s.acme.com:6443", serverVersion: "v1.34.1" },
    objects: Object.fromEntries(lists),
    reads: [
      {
        kind: "Pod",
        namespace: "acme-pay",
        state: "unread",
        reason: 'forbidden for user "jroe"',
        next: "kubectl auth can-i list pods -n acme-pay",
      },
    ],
    logs: [
      {
        namespace: "acme-pay",
        pod: "ledger-7d4b9c6f5-x2x8l",
        container: "ledger-main",
        previous: true,
        lines: [
          "start ledger",
          "-----BEGIN PRIVATE KEY-----",
          "falconkey",
          "-----END PRIVATE KEY-----",
          "dial tcp 10.9.8.7:5432",
        ],
      },
    ],
    notes: [{ what: "acme-pay/pods.yaml", reason: "permission denied" }],
  };
}

function podsOf(input: SnapshotInput): readonly string[] {
  return (maskSnapshot(input).objects.Pod ?? []).map(({ metadata }) => metadata?.name ?? "").sort(compareText);
}

const plainRef = ({ kind, namespace, name }: ObjectRef) => [kind, namespace ?? "", name].join("/");

describe("maskSnapshot", () => {
  const input = inputOf(given);
  const masked = maskSnapshot(input);
  const text = JSON.stringify(masked);

  it("leaves no name of the cluster in any corner", () => {
    expect(
      text.match(
        /acme|ledger|falcon|vaultdb|jroe|jane|roe\b|books|tapes|r77x|10\.9\.8|10\.244|10\.96|i-0abc|eu-1a|1111-|2222-|33333333|rack|dedicated|ledger-main|master\.key/g,
      ),
    ).toBeNull();
    expect(text).not.toContain("11111111-2222");
  });

  it("keeps the words that rules read", () => {
    for (const word of [
      "ImagePullBackOff",
      "FailedScheduling",
      "Pending",
      "NoSchedule",
      "0/1 nodes are available: 1 node(s) had untolerated taint",
      "kubelet",
      "Ubuntu 24.04",
      "v1.34.1",
      "Back-off pulling image",
      "linux",
    ]) {
      expect(text).toContain(word);
    }
    expect(masked.objects.Node?.[0]?.status?.capacity).toMatchObject({ cpu: "4" });
    expect(masked.objects.Node?.[0]?.spec?.providerID).toBe("aws:///machine-1".replace(":///", "://"));
  });

  it("keeps references, selectors, suffixes and ordinals", () => {
    const {
      Deployment: [deployment] = [],
      ReplicaSet: [set] = [],
      Pod: [pod, member] = [],
      Service: [service] = [],
      StatefulSet: [stateful] = [],
    } = masked.objects;
    const name = deployment?.metadata?.name ?? "";
    expect(name).toBe("deployment-1");
    expect(set?.metadata?.name).toBe(`${name}-7d4b9c6f5`);
    expect(pod?.metadata?.name).toBe(`${name}-7d4b9c6f5-x2x8l`);
    expect(set?.metadata?.ownerReferences?.[0]).toMatchObject({ name, uid: deployment?.metadata?.uid });
    expect(pod?.metadata?.ownerReferences?.[0]).toMatchObject({ name: set?.metadata?.name, uid: set?.metadata?.uid });
    expect(service?.spec?.selector).toEqual({ app: pod?.metadata?.labels?.["app"] });
    expect(deployment?.spec?.selector?.matchLabels).toEqual({ app: pod?.metadata?.labels?.["app"] });
    expect(pod?.metadata?.labels?.["pod-template-hash"]).toBe("7d4b9c6f5");
    expect(pod?.spec?.nodeName).toBe(masked.objects.Node?.[0]?.metadata?.name);
    const database = stateful?.metadata?.name ?? "";
    expect(member?.metadata?.name).toBe(`${database}-0`);
    expect(member?.metadata?.labels?.["statefulset.kubernetes.io/pod-name"]).toBe(`${database}-0`);
    expect(member?.metadata?.labels?.["controller-revision-hash"]).toBe(stateful?.status?.currentRevision);
    const claim = `${stateful?.spec?.volumeClaimTemplates?.[0]?.metadata?.name}-${database}-0`;
    expect(member?.spec?.volumes?.[0]?.persistentVolumeClaim?.claimName).toBe(claim);
    expect(masked.objects.PersistentVolumeClaim?.[0]?.metadata?.name).toBe(claim);
    expect(masked.objects.Event?.[0]?.involvedObject?.name).toBe(`${name}-7d4b9c6f5-zzzzz`);
    expect(masked.logs?.[0]).toMatchObject({ pod: pod?.metadata?.name, container: pod?.spec?.containers?.[0]?.name });
    expect(masked.logs?.[0]?.lines[1]).toBe("[redacted]");
    expect(masked.reads[0]).toMatchObject({ namespace: pod?.metadata?.namespace });
    expect(masked.cluster).toEqual({ name: "cluster-1", source: "live", serverVersion: "v1.34.1" });
  });

  it("reads well", () => {
    expect(masked.objects.Pod?.[0]?.spec?.containers?.[0]?.image).toBe(
      "registry-1.example/repository-1/deployment-1:tag-1",
    );
    expect(masked.objects.Event?.[0]?.message).toBe(
      '0/1 nodes are available: 1 node(s) had untolerated taint {host-1.example/field-2: label-2}. User "user-1" at 192.0.2.2 used password=[redacted] on https://host-2.example/volume-2',
    );
  });

  it("gives the same for the same, whatever the order of the objects", () => {
    expect(maskSnapshot(input)).toEqual(masked);
    const shuffled = inputOf(given.toReversed());
    expect(podsOf(shuffled)).toEqual(podsOf(input));
  });

  it("changes nothing of the input, and masks what is masked no further", () => {
    expect(input).toEqual(inputOf(given));
    const twice = maskSnapshot(masked);
    expect(twice.objects.Deployment?.[0]?.metadata?.name).toMatch(/^deployment-\d+$/);
    expect(Object.keys(twice.objects)).toEqual(Object.keys(masked.objects));
  });
});

/** Which of two objects is named depends on the order of their names, which tokens do not keep. */
const namesFirst: ReadonlySet<string> = new Set(["workload-selector-overlap", "hpa-selector-ambiguous"]);

/** The custom resource that a manifest is; those of private groups are left out of a masked snapshot. */
function publicResource(manifest: Manifest): readonly CustomResource[] {
  const { kind, apiVersion } = manifest;
  const [group = "", version = ""] = apiVersion.split("/");
  const object = isKnownKind(kind, group) || !isPublicDomain(group) ? undefined : keepCustomObject(manifest);
  return object === undefined ? [] : [{ group, version, kind, plural: `${kind.toLowerCase()}s`, object }];
}

/** What an analyzer says, each object named by `nameOf`. Guesses at the name that was meant are facts: they may differ. */
function said(analyzer: Analyzer, input: SnapshotInput, nameOf: (ref: ObjectRef) => string): readonly string[] {
  return [...analyzer.check(createSnapshot(input))]
    .map(({ rule, object, severity, because, cause, evidence }) =>
      JSON.stringify({
        rule,
        object: namesFirst.has(rule) ? object.kind : nameOf(object),
        severity,
        because,
        cause: cause === undefined ? undefined : nameOf(cause),
        evidence: [...new Set(evidence.map(({ type }) => type))].filter((type) => type !== "fact"),
      }),
    )
    .sort(compareText);
}

describe("what somebody else's host is, and what a cluster defines for itself", () => {
  const input: SnapshotInput = {
    ...inputOf([
      yaml`
        { apiVersion: v1, kind: Service, metadata: { name: ledger, namespace: acme-pay, annotations: { external-dns.alpha.kubernetes.io/hostname: pay.acme.com } },
          spec: { type: ExternalName, externalName: falcon-db.c9akciq32.eu-west-1.rds.amazonaws.com },
          status: { loadBalancer: { ingress: [{ hostname: falcon-lb-77.eu-west-1.elb.amazonaws.com }] } } }
      `,
      yaml`
        { apiVersion: apps/v1, kind: Deployment, metadata: { name: engine, namespace: acme-pay,
          ownerReferences: [{ apiVersion: books.acme.com/v1, kind: LedgerBook, name: books-of-may, uid: 55555555-2222-4333-8444-555555555555, controller: true }] },
          spec: { template: { spec: { containers: [{ name: main, image: nginx, args: ["--db=falcon-db.c9akciq32.eu-west-1.rds.amazonaws.com"] }] } } } }
      `,
      yaml`
        { apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: { name: ledgerbooks.books.acme.com },
          spec: { group: books.acme.com, scope: Namespaced, names: { kind: LedgerBook, plural: ledgerbooks, shortNames: [lbk] },
            versions: [{ name: v1, served: true, storage: true }] }, status: { storedVersions: [v1] } }
      `,
      yaml`
        { apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: { name: "system:node-proxier", labels: { kubernetes.io/bootstrapping: rbac-defaults } },
          roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:node-proxier" }, subjects: [{ kind: User, name: "system:kube-proxy" }] }
      `,
      yaml`{ apiVersion: storage.k8s.io/v1, kind: CSIDriver, metadata: { name: ebs.csi.aws.com } }`,
      yaml`{ apiVersion: storage.k8s.io/v1, kind: CSIDriver, metadata: { name: disks.acme.com } }`,
    ]),
    customResources: [
      {
        group: "books.acme.com",
        version: "v1",
        kind: "LedgerBook",
        plural: "ledgerbooks",
        object: { metadata: { name: "books-of-may", namespace: "acme-pay" }, status: { phase: "Failed" } },
      },
      {
        group: "external-secrets.io",
        version: "v1",
        kind: "ExternalSecret",
        plural: "externalsecrets",
        object: {
          metadata: { name: "ledger-keys", namespace: "acme-pay", labels: { team: "falcon" } },
          spec: { suspend: false, target: { name: "falcon-secret" } },
          status: {
            conditions: [
              {
                type: "Ready",
                status: "False",
                reason: "SecretSyncedError",
                message: 'could not get secret "vaultroom/falcon" of acme: 403',
                lastTransitionTime: "2026-01-01T00:00:00Z",
              },
            ],
          },
        },
      },
    ],
    customReads: [
      {
        resource: "ledgerbooks.books.acme.com",
        state: "partial",
        reason: "forbidden",
        next: "kubectl auth can-i list ledgerbooks.books.acme.com",
      },
    ],
  };
  const masked = maskSnapshot(input);

  it("is masked", () => {
    expect(JSON.stringify(masked)).not.toMatch(/acme|falcon|ledger|lbk|vaultroom|books|c9akciq32/i);
  });

  it("a definition, its group and its kind keep belonging together", () => {
    const [definition] = masked.objects.CustomResourceDefinition ?? [];
    const { group, names } = definition?.spec ?? {};
    expect(definition?.metadata?.name).toBe(`${names?.plural}.${group}`);
    expect(masked.objects.Deployment?.[0]?.metadata?.ownerReferences?.[0]).toMatchObject({
      apiVersion: `${group}/v1`,
      kind: names?.kind,
    });
    expect(masked.customReads?.[0]?.resource).toBe(`${names?.plural}.${group}`);
  });

  it("what Kubernetes and vendors name keeps its name", () => {
    expect(masked.objects.CSIDriver?.map(({ metadata }) => metadata?.name)).toContain("ebs.csi.aws.com");
    const [binding] = masked.objects.ClusterRoleBinding ?? [];
    expect(binding?.metadata?.name).toBe("system:node-proxier");
    expect(binding?.roleRef?.name).toBe("system:node-proxier");
    expect(binding?.metadata?.labels).toEqual({ "kubernetes.io/bootstrapping": "rbac-defaults" });
  });

  it("custom resources of private groups are left out and told of, those of public ones keep their state", () => {
    expect(masked.customResources?.map(({ kind }) => kind)).toEqual(["ExternalSecret"]);
    expect(masked.customReads?.at(-1)).toEqual({
      resource: "custom resources of private API groups",
      state: "unread",
      reason: "they were left out when the snapshot was masked",
    });
    const status = masked.customResources?.[0]?.object.status;
    expect(status?.conditions?.[0]).toMatchObject({
      type: "Ready",
      status: "False",
      reason: "SecretSyncedError",
      lastTransitionTime: "2026-01-01T00:00:00Z",
    });
    expect(status?.conditions?.[0]?.message).toMatch(/^could not get secret ".+" of .+: 403$/);
  });

  it("takes the names out of certificates and leaves their dates", () => {
    const secret = keepObject("Secret", tlsSecret("shop-tls", certificates.valid, "")[0], { readTls: true });
    if (secret === undefined) throw new Error("no Secret");
    const saved: SnapshotInput = {
      takenAt,
      cluster: { name: "c", source: "saved" },
      objects: { Secret: [secret] },
      reads: [],
    };
    const [masked] = maskSnapshot(saved).objects.Secret ?? [];
    const [before] = parseBundle(secret.tls?.certificateBundle ?? "") ?? [];
    const [after] = parseBundle(masked?.tls?.certificateBundle ?? "") ?? [];
    expect(before?.names).toContain("shop.example.com");
    expect(after?.notAfter).toBe(before?.notAfter);
    expect(JSON.stringify(after)).not.toMatch(/example|shop/);
    expect(masked?.tls?.lacks).toEqual(["tls.key"]);
    // And what a finding says of it: whom it is for, and who issued it.
    const said = dictionaryOf(saved).mask("shop.example.com, *.shop.example.com, issued by CN=shop-ca");
    expect(said).not.toMatch(/example\.com|shop-ca/);
  });

  it("says nothing of custom resources where none were asked for", () => {
    const { customResources: _objects, customReads: _reads, ...without } = input;
    expect(maskSnapshot(without)).not.toHaveProperty("customResources");
    expect(maskSnapshot(without)).not.toHaveProperty("customReads");
  });
});

describe("the same rules find the same faults in a masked snapshot", async () => {
  const cases = (await caseTables()).flatMap(({ analyzer, fires, silent }) =>
    [...fires, ...silent].map((testCase) => ({ analyzer, testCase, title: `${analyzer.name}: ${testCase.name}` })),
  );
  it.each(cases)("$title", ({ analyzer, testCase }) => {
    const { unread = [], scope, logs = [] } = testCase;
    const manifests = manifestsOf(testCase).filter(({ kind }) => unread.every((name) => name !== kind));
    const input: SnapshotInput = {
      ...inputOf(manifests),
      ...(analyzer.customResources === true && { customResources: manifests.flatMap(publicResource) }),
      ...(scope !== undefined && { scope }),
      reads: [...analyzer.needs, ...analyzer.uses].map((kind) =>
        unread.includes(kind) ? { kind, state: "unread", reason: "refused" } : { kind, state: "complete" },
      ),
      logs,
    };
    const { tokenOf } = dictionaryOf(input);
    const tokens = ({ kind, namespace, name }: ObjectRef) =>
      plainRef({
        kind: tokenOf(kind),
        ...(namespace !== undefined && { namespace: tokenOf(namespace) }),
        name: tokenOf(name),
      });
    expect(said(analyzer, maskSnapshot(input), plainRef)).toEqual(said(analyzer, input, tokens));
  });
});

describe("words that are kept", () => {
  it.each(["nodes", "kube-system", "default", "nginx", "1.25.3", "3", "registry.k8s.io", "v1.34.1"])("%s", (word) => {
    expect(isKept(word)).toBe(true);
  });

  it.each(["acme", "ledger", "10.0.0.1", "prod-acme", "falcon7", "abc1234"])("but not %s", (word) => {
    expect(isKept(word)).toBe(false);
  });
});
