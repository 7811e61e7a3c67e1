import type { ReadProgress } from "../cluster/source.ts";
import { withThousands } from "../report/words.ts";

/** One line that tells what is being read and goes away when the report comes. */
export interface ProgressLine {
  /** Shows a step without figures, `Connecting to prod`. */
  readonly step: (text: string) => void;
  readonly read: (progress: ReadProgress) => void;
  readonly erase: () => void;
}

const drawEveryMs = 80;

/**
 * A progress line.
 *
 * @param draw where to draw; undefined where nobody watches
 * @param now a clock in milliseconds
 */
export function progressLine(
  draw: ((text: string) => void) | undefined,
  now: () => number,
  columns: number,
): ProgressLine {
  if (draw === undefined) return { step: () => undefined, read: () => undefined, erase: () => undefined };
  const objects = new Map<string, number>();
  let drawnAt = Number.NEGATIVE_INFINITY;
  let isShown = false;
  const show = (text: string): void => {
    isShown = true;
    draw(`\r\u001B[K${text.slice(0, Math.max(0, columns - 1))}`);
  };
  return {
    step: show,
    read: (progress) => {
      objects.set(progress.kind, progress.objects);
      const isLast = progress.kindsDone === progress.kindsTotal;
      if (!isLast && now() - drawnAt < drawEveryMs) return;
      drawnAt = now();
      const total = [...objects.values()].reduce((sum, count) => sum + count, 0);
      show(`Reading: ${progress.kindsDone}/${progress.kindsTotal} kinds, ${withThousands(total)} objects`);
    },
    erase: () => {
      if (isShown) draw("\r\u001B[K");
      isShown = false;
    },
  };
}
