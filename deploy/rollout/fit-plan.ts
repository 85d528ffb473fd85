// What a fit plan says to people.
import type { FitPlan } from '../../runtime/residency/fit.ts';

export function describeFit(fit: FitPlan): string {
  switch (fit.kind) {
    case 'overlap': return 'overlap: old and new side by side';
    case 'evict': return fit.pools.length === 0 ? 'evict: the models take turns, each in the room of the others' : `evict: old and new side by side, in the room of ${fit.pools.join(', ')}`;
    case 'drain first': return `drain first: ${fit.pools.join(', ')} given up before the new models are loaded; callers wait meanwhile, ${describeGap(fit.gapMs)}`;
    case 'reject': return `reject: ${fit.what} needs ${mib(fit.needBytes)} and may have ${mib(fit.haveBytes)} on ${fit.device}${describePinned(fit.pinned)}`;
  }
}

function describePinned(pinned: readonly string[]): string {
  return pinned.length === 0 ? '' : ` beside what is pinned: ${pinned.join(', ')}`;
}

export function describeGap(gapMs: number | undefined): string {
  return gapMs === undefined ? 'for a time that is not known: nothing like them was loaded yet' : `about ${formatGap(gapMs)}`;
}

/** For people: `240 ms`, `3.2 s`. */
export function formatGap(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
