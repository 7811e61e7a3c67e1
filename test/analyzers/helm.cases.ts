import { helm } from "../../src/analyzers/helm.ts";
import { ago, but, cases, type Manifest, takenAt, yaml } from "./cases.ts";

const revision = (version: number, status: string, minutesAgo: number, changes = "{}"): Manifest =>
  but(
    yaml`
      apiVersion: v1
      kind: Secret
      type: helm.sh/release.v1
      metadata:
        name: sh.helm.release.v1.shop.v${version}
        namespace: shop
        labels: { owner: helm, name: shop, status: ${status}, version: "${version}", modifiedAt: "${takenAt / 1000 - minutesAgo * 60}" }
    `,
    changes,
  );
const object = "Secret/shop/sh.helm.release.v1.shop.v3";

export default cases(helm, {
  fires: [
    {
      name: "an upgrade never ended",
      given: [revision(2, "deployed", 600), revision(3, "pending-upgrade", 30)],
      expect: [{ rule: "helm-release-stuck", object, severity: "warning", because: "the upgrade never ended" }],
    },
    {
      name: "a rollback never ended",
      given: [revision(3, "pending-rollback", 30)],
      expect: [{ rule: "helm-release-stuck", object, because: "the rollback never ended" }],
    },
    {
      name: "an upgrade failed and the old revision is live",
      given: [revision(2, "deployed", 600), revision(3, "failed", 30)],
      expect: [
        { rule: "helm-release-failed", object, severity: "warning", because: "an older revision is still deployed" },
      ],
    },
    {
      name: "nothing was ever deployed",
      given: [revision(3, "failed", 30)],
      expect: [{ rule: "helm-release-failed", object, because: "no revision is deployed" }],
    },
    {
      name: "written by a Helm that keeps no time of the change",
      given: [
        revision(
          3,
          "pending-install",
          0,
          `metadata: { creationTimestamp: "${ago("1h")}", labels: { modifiedAt: null } }`,
        ),
      ],
      expect: [{ rule: "helm-release-stuck", object, because: "the install never ended" }],
    },
    {
      name: "the tenth revision comes after the ninth",
      given: [revision(9, "deployed", 600), revision(10, "failed", 30)],
      expect: [{ rule: "helm-release-failed", object: "Secret/shop/sh.helm.release.v1.shop.v10" }],
    },
  ],
  silent: [
    { name: "deployed", given: [revision(1, "superseded", 900), revision(2, "deployed", 600)] },
    { name: "an upgrade is under way", given: [revision(2, "deployed", 600), revision(3, "pending-upgrade", 5)] },
    { name: "a newer revision is deployed", given: [revision(3, "failed", 600), revision(4, "deployed", 30)] },
    { name: "kept after an uninstall", given: [revision(3, "uninstalled", 30)] },
    { name: "a Secret of somebody else", given: [revision(3, "failed", 31, "metadata: { labels: { owner: flux } }")] },
    { name: "labels that are no release", given: [revision(3, "failed", 32, "metadata: { labels: { version: v3 } }")] },
    {
      name: "being deleted",
      given: [
        revision(3, "failed", 33, `metadata: { deletionTimestamp: "${ago("5s")}", finalizers: [example.com/keep] }`),
      ],
    },
    { name: "Secrets could not be read", given: [revision(3, "failed", 34)], unread: ["Secret"] },
  ],
});
