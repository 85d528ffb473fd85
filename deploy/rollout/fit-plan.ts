// Whether the old and the new version of a function have room side by side, and what gives way where they have not.

export type FitPlan =
  /** Both fit: nothing has to go before the new version is warm. */
  | { readonly kind: 'overlap' }
  /** Both fit once these pools, idle ones of others, are given up. */
  | { readonly kind: 'evict'; readonly pools: readonly string[] }
  /** Only one of them fits: the old one is drained and unloaded before the new one is loaded, and callers wait. */
  | { readonly kind: 'drain first' }
  /** The new one does not fit at all. */
  | { readonly kind: 'reject'; readonly needBytes: number; readonly haveBytes: number };

export function describeFit(fit: FitPlan): string {
  switch (fit.kind) {
    case 'overlap': return 'overlap: old and new side by side';
    case 'evict': return `evict: old and new side by side, in the room of ${fit.pools.join(', ')}`;
    case 'drain first': return 'drain first: the old version ends before the new one is loaded';
    case 'reject': return `reject: it needs ${fit.needBytes} bytes and may have ${fit.haveBytes}`;
  }
}
