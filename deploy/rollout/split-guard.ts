// Watches the splits whose deploys named bounds: counts their versions' requests while the shares stand, asks the policy, and
// has the share of a version taken away that has passed a bound.
import { addTally, type VersionTallies, type VersionTally } from '../../runtime/telemetry/version-tally.ts';
import type { SplitShare, State } from '../store/store.ts';
import { findPassedBound, isRoundOver, type Tally } from './abort-policy.ts';
import { stateOf } from './rollout-target.ts';

export interface SplitGuardOptions {
  readonly state: () => State;
  /** Resolves when it is done; when it rejects, the next report asks again. */
  readonly abort: (name: string, version: string, why: string) => Promise<unknown>;
}

interface Watch {
  /** The split as it was when counting began: another one begins anew. */
  readonly of: string;
  tallies: VersionTallies;
  /** Taken away already, or being so. */
  readonly aborted: Set<string>;
}

export class SplitGuard {
  readonly #options: SplitGuardOptions;
  readonly #watches = new Map<string, Watch>();

  constructor(options: SplitGuardOptions) {
    this.#options = options;
  }

  /** What ingress threads have counted since they last said so. */
  metered(tallies: Iterable<VersionTally>): void {
    const seen = new Set<string>();
    for (const tally of tallies) {
      const watch = this.#watch(tally.function);
      if (watch === undefined) continue;
      addTally(watch.tallies, tally);
      seen.add(tally.function);
    }
    for (const name of seen) this.#judge(name);
  }

  /** undefined where there is nothing to watch. */
  #watch(name: string): Watch | undefined {
    const split = this.#split(name);
    if (!split.some(isGuarded)) {
      this.#watches.delete(name);
      return undefined;
    }
    const of = JSON.stringify(split);
    const known = this.#watches.get(name);
    if (known?.of === of) return known;
    const watch: Watch = { of, tallies: new Map(), aborted: new Set() };
    this.#watches.set(name, watch);
    return watch;
  }

  #judge(name: string): void {
    const watch = this.#watches.get(name);
    if (watch === undefined) return;
    const guarded = this.#split(name).filter((share) => isGuarded(share) && !watch.aborted.has(share.version));
    const judged = guarded.map((share) => ({ share, ...compared(watch.tallies, share.version) }));
    for (const { share, own, others } of judged) {
      const why = findPassedBound(share.abortIf ?? [], own, others);
      if (why !== undefined) void this.#abort(watch, name, share.version, why);
    }
    if (judged.every(({ own, others }) => isRoundOver(own, others))) watch.tallies = new Map();
  }

  async #abort(watch: Watch, name: string, version: string, why: string): Promise<void> {
    watch.aborted.add(version);
    try {
      await this.#options.abort(name, version, why);
    } catch {
      // Told by the rollout itself.
      watch.aborted.delete(version);
    }
  }

  #split(name: string): readonly SplitShare[] {
    return stateOf(this.#options.state(), name)?.split ?? [];
  }
}

function isGuarded({ abortIf, percent }: SplitShare): boolean {
  return percent > 0 && abortIf !== undefined;
}

/** One version, and all others of the function together. */
function compared(tallies: VersionTallies, version: string): { readonly own: Tally; readonly others: Tally } {
  const [own, others]: [VersionTallies, VersionTallies] = [new Map(), new Map()];
  for (const tally of tallies.values()) {
    if (tally.version === version) addTally(own, tally);
    else addTally(others, { ...tally, version: '' });
  }
  return { own: own.values().next().value ?? NOTHING, others: others.values().next().value ?? NOTHING };
}

const NOTHING: Tally = { requests: 0, failures: 0, durations: new Map() };
