// Makes room on one device: loads ask here for their bytes before they begin and get them in the order in which they asked.
// decideRoom says what goes; this retires it, unloads it and writes the ledger. A job on a resident pool never comes here.
import type { Clock, Timer } from '../clock.ts';
import { PilotlightError } from '../errors.ts';
import { decideRoom, type Candidate, type RoomDecision } from './eviction.ts';
import type { Ledger } from './ledger.ts';
import type { UseOrder } from './use-order.ts';

/** What the room has to know of pools, and may do with them. */
export interface Tenants {
  /** Resident pools: when they may go at the earliest, and whether they may at all. */
  tenancy(key: string): { readonly pinned: boolean; readonly freshUntilMs: number };
  /** Keys of resident pools that may not go. */
  pinned(): Iterable<string>;
  /** Brings the order up to date with what was used since. */
  refresh(): void;
  /** Closes it to new jobs, unless one holds it. */
  retire(key: string): 'retired' | 'busy';
  reopen(key: string): void;
  /** One that is retired and was last used at the stamp `usedMs`. Resolves when its memory is back and it has no place in ledger and order any more. */
  evict(key: string, why: { readonly usedMs: number; readonly forKey: string; readonly reason: 'room' | 'rollout' }): Promise<void>;
}

export interface RoomOptions {
  readonly ledger: Ledger;
  readonly order: UseOrder;
  readonly clock: Clock;
  readonly tenants: Tenants;
}

interface Need {
  readonly key: string;
  readonly bytes: number;
  readonly name: string;
  readonly from: NeedOptions['from'];
  readonly regard: NeedOptions['regard'];
  readonly late: Timer;
  readonly grant: () => void;
  readonly refuse: (error: PilotlightError) => void;
  state: 'waiting' | 'ended';
  /** Since when only holders keep it waiting. */
  heldSinceMs: number | undefined;
}

export interface NeedOptions {
  readonly bytes: number;
  /** For messages. */
  readonly name: string;
  /** Longest wait for its turn and for what time brings. Holders are waited for no longer than HOLDERS_WAIT_MS. */
  readonly limitMs: number;
  /** `free`: nothing is given up for it. */
  readonly from: 'free' | 'others';
  /** How it stands to others. Left out: to all as to any. */
  readonly regard?: ((key: string) => Regard) | undefined;
}

/** `replaced`: it comes in the place of this one, which goes before all others, also when it is pinned or fresh. `spared`: it comes beside this one. */
export type Regard = 'replaced' | 'spared' | 'any';

/** A handler may hold a lease for ever; its room is not waited for that long. */
const HOLDERS_WAIT_MS = 10_000;
/** Handlers say nothing when they let a pool go: it is tried again this often. */
const HOLDERS_RETRY_MS = 20;
const RETRY_AFTER_S = 1;
const BESIDE = 'the models beside which it is loaded, and pinned ones, hold too much; unpin one or raise the budget (setting devices)';
const PINNED = 'pinned models hold too much; unpin one or raise the budget (setting devices)';

export class DeviceRoom {
  readonly #options: RoomOptions;
  readonly #needs: Need[] = [];
  #isWorking = false;
  #isStale = false;
  #retry: Timer | undefined;

  constructor(options: RoomOptions) {
    this.#options = options;
  }

  /** Resolves when the bytes are reserved in the ledger. Rejects NEVER_FITS, and NO_MEMORY when nothing lets go within the limit. */
  make(key: string, { bytes, name, limitMs, from, regard }: NeedOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = this.#options.clock.after(limitMs, () => this.#refuse(need, this.#full(need, `its turn did not come within ${Math.round(limitMs)} ms`)));
      const need: Need = { key, bytes, name, from, regard, late, grant: resolve, refuse: reject, state: 'waiting', heldSinceMs: undefined };
      this.#needs.push(need);
      this.changed();
    });
  }

  /** Something that a waiting load may have waited for: a load or unload has ended. */
  changed(): void {
    this.#isStale = true;
    if (!this.#isWorking && this.#needs.length > 0) void this.#work();
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    this.#retry?.cancel();
    let nextMs: number | undefined;
    while (this.#isStale) {
      this.#isStale = false;
      nextMs = undefined;
      // A copy: those that are served leave the line.
      for (const need of this.#needs.slice()) {
        const decision = await this.#serve(need);
        if (decision?.act !== 'wait') continue;
        const untilMs = decision.for === 'holders' ? this.#options.clock.nowMs() + HOLDERS_RETRY_MS : decision.untilMs;
        nextMs = Math.min(nextMs ?? Infinity, untilMs ?? Infinity);
        // Who comes later may take what holders would not give the first one anyway, but not what time brings it.
        if (decision.for === 'time') break;
      }
    }
    this.#isWorking = false;
    if (nextMs !== undefined && nextMs < Infinity) this.#retry = this.#options.clock.after(Math.max(0, nextMs - this.#options.clock.nowMs()), () => this.changed());
  }

  /** Gives what is left to wait for. */
  async #serve(need: Need): Promise<RoomDecision | undefined> {
    const busy = new Set<string>();
    while (need.state === 'waiting') {
      const decision = this.#decide(need, busy);
      if (decision.act === 'take') this.#grant(need);
      else if (decision.act === 'refuse') this.#refuse(need, decision.because === 'size' ? this.#neverFits(need) : this.#full(need, need.regard === undefined ? PINNED : BESIDE));
      else if (need.from === 'free') this.#refuse(need, this.#full(need, 'nothing is given up for it'));
      else if (decision.act === 'wait' && !this.#isHeldTooLong(need, decision)) return decision;
      else if (decision.act === 'wait') this.#refuse(need, this.#full(need, `nobody let go of the rest within ${HOLDERS_WAIT_MS} ms`));
      else await this.#evict(decision.keys, need, busy);
    }
    return undefined;
  }

  #isHeldTooLong(need: Need, decision: RoomDecision & { readonly act: 'wait' }): boolean {
    const nowMs = this.#options.clock.nowMs();
    need.heldSinceMs = decision.for === 'holders' ? (need.heldSinceMs ?? nowMs) : undefined;
    return need.heldSinceMs !== undefined && nowMs - need.heldSinceMs >= HOLDERS_WAIT_MS;
  }

  #decide({ bytes, regard }: Need, busy: ReadonlySet<string>): RoomDecision {
    const { ledger, tenants } = this.#options;
    tenants.refresh();
    const { freeBytes, budgetBytes, reservedBytes } = ledger;
    const pinnedBytes = this.#immovable(regard).reduce((sum, key) => sum + ledger.bytesOf(key), 0);
    return decideRoom({ needBytes: bytes, freeBytes, budgetBytes, pinnedBytes, loadingBytes: reservedBytes, candidates: this.#candidates(busy, regard) });
  }

  #immovable(regard: Need['regard']): readonly string[] {
    const { order, tenants } = this.#options;
    const pinned = new Set(tenants.pinned());
    if (regard === undefined) return [...pinned];
    return [...order.leastFirst()].filter((key) => regard(key) === 'spared' || (pinned.has(key) && regard(key) === 'any'));
  }

  *#candidates(busy: ReadonlySet<string>, regard: Need['regard']): Generator<Candidate> {
    const { ledger, order, tenants, clock } = this.#options;
    const nowMs = clock.nowMs();
    const replaced = regard === undefined ? [] : [...order.leastFirst()].filter((key) => regard(key) === 'replaced');
    for (const key of replaced) yield { key, bytes: ledger.bytesOf(key), ...(busy.has(key) ? { stays: 'held' } : {}) };
    for (const key of order.leastFirst()) {
      const { pinned, freshUntilMs } = tenants.tenancy(key);
      if (pinned || (regard?.(key) ?? 'any') !== 'any') continue;
      const bytes = ledger.bytesOf(key);
      if (busy.has(key)) yield { key, bytes, stays: 'held' };
      else if (freshUntilMs > nowMs) yield { key, bytes, stays: { freshUntilMs } };
      else yield { key, bytes };
    }
  }

  /** All or none: what is retired already opens again when one of them turns out to be held. */
  async #evict(keys: readonly string[], need: Need, busy: Set<string>): Promise<void> {
    const { tenants, order } = this.#options;
    const retired: string[] = [];
    for (const key of keys) {
      if (tenants.retire(key) === 'retired') {
        retired.push(key);
        continue;
      }
      busy.add(key);
      for (const one of retired) tenants.reopen(one);
      return;
    }
    const leaving = retired.map((key) => ({ key, usedMs: order.usedMs(key) ?? 0, reason: need.regard?.(key) === 'replaced' ? 'rollout' : 'room' } as const));
    for (const key of keys) order.giveUp(key);
    // A failure of one is told by its owner; its bytes stay in the ledger, and the next decision sees them there.
    await Promise.allSettled(leaving.map(({ key, usedMs, reason }) => tenants.evict(key, { usedMs, reason, forKey: need.key })));
  }

  #grant(need: Need): void {
    this.#options.ledger.reserve(need.key, need.bytes);
    this.#end(need);
    need.grant();
  }

  #refuse(need: Need, error: PilotlightError): void {
    if (need.state === 'ended') return;
    this.#end(need);
    need.refuse(error);
  }

  #neverFits(need: Need): PilotlightError {
    return new PilotlightError('NEVER_FITS', `${this.#place(need)}; a larger budget (setting devices), fewer slots or a smaller model would do`);
  }

  #full(need: Need, why: string): PilotlightError {
    const free = mib(Math.max(0, this.#options.ledger.freeBytes));
    return new PilotlightError('NO_MEMORY', `${this.#place(need)}; ${free} of it are free and ${why}`, { retryAfterS: RETRY_AFTER_S });
  }

  #place({ name, bytes }: Need): string {
    const { device, budgetBytes } = this.#options.ledger;
    return `${name} needs ${mib(bytes)} on ${device}, which has a budget of ${mib(budgetBytes)}`;
  }

  #end(need: Need): void {
    need.state = 'ended';
    need.late.cancel();
    this.#needs.splice(this.#needs.indexOf(need), 1);
  }
}

export function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
