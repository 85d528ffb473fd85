// What a fit plan says to people.
import type { FitPlan } from '../../runtime/residency/fit.ts';

export function describeFit(fit: FitPlan): string {
  switch (fit.kind) {
    case 'overlap': return 'overlap: old and new side by side';
    case 'evict': return `evict: old and new side by side, in the room of ${fit.pools.join(', ')}`;
    case 'drain first': return 'drain first: models of the old version are given up for those of the new one, and its callers wait for them';
    case 'reject': return `reject: ${fit.what} needs ${mib(fit.needBytes)} and may have ${mib(fit.haveBytes)}`;
  }
}

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
