/**
 * k8sgpt's Storage: classes, volumes and claims in one filter. It says what the analyzers of those kinds say, in their own
 * words, so that a claim that fails in two filters is one finding.
 */
import { type Analyzer, defineAnalyzer } from "./define.ts";
import { persistentVolume } from "./persistent-volume.ts";
import { persistentVolumeClaim } from "./persistent-volume-claim.ts";
import { storageClass } from "./storage-class.ts";

const parts: readonly Analyzer[] = [storageClass, persistentVolume, persistentVolumeClaim];

export const storage: Analyzer = defineAnalyzer({
  name: "Storage",
  core: false,
  // Each part can do without the kinds of the others.
  needs: [],
  uses: [...new Set(parts.flatMap((part) => [...part.needs, ...part.uses]))],
  rules: { ...storageClass.rules, ...persistentVolume.rules, ...persistentVolumeClaim.rules },
  *check(snapshot) {
    for (const part of parts) yield* part.check(snapshot);
  },
});
