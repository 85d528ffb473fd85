// Gives isolates to the versions that ask for them and takes them from those that do not need them, within the host's bound.
// It acts; the policy decides. It looks when something has changed, and at times in between for what is idle.
import type { Clock, Timer } from '../clock.ts';
import { PilotlightError } from '../errors.ts';
import { nextActions, type VersionView } from './isolate-policy.ts';

/** A version as the supply sees it. */
export interface SupplyMember {
  readonly key: string;
  view(): VersionView;
  /** There is room for what its view asks for; call `changed` when that is over. */
  begin(): void;
  refuse(error: PilotlightError): void;
  /** Takes no more requests; its thread ends when it has none. */
  stopIsolate(id: number, why: 'idle' | 'room'): void;
}

export interface IsolateSupplyOptions {
  /** An isolate without a request for this long is stopped; 0: never. */
  readonly isolateIdleMs: number;
  /** Isolates of all functions, their spares among them. */
  readonly isolatesMax: number;
  readonly clock: Clock;
}

/** An ingress thread does not tell that an isolate has become free, so whoever waits for one looks often. */
const LOOK_WAITING_MS = 20;
const LOOK_IDLE_MIN_MS = 50;
const LOOK_IDLE_MAX_MS = 10_000;

export class IsolateSupply {
  readonly #options: IsolateSupplyOptions;
  /** Those that have isolates or ask for some: of thousands that are deployed a few. */
  readonly #active = new Map<string, SupplyMember>();
  #timer: Timer | undefined;
  #look: 'none' | 'due' | 'closed' = 'none';

  constructor(options: IsolateSupplyOptions) {
    this.#options = options;
  }

  /** The member asks for something, or a thread of it has become ready or has ended. */
  changed(member: SupplyMember): void {
    this.#active.set(member.key, member);
    if (this.#look !== 'none') return;
    this.#look = 'due';
    // Once for all that changes in one turn.
    queueMicrotask(() => this.#lookNow());
  }

  close(): void {
    this.#look = 'closed';
    this.#timer?.cancel();
  }

  #lookNow(): void {
    if (this.#look === 'closed') return;
    this.#look = 'none';
    this.#timer?.cancel();
    const views = this.#views();
    const { clock, isolateIdleMs, isolatesMax } = this.#options;
    let isWaiting = views.some(({ ask }) => ask !== undefined && ask.kind !== 'spare');
    for (const action of nextActions({ nowMs: clock.nowMs(), isolateIdleMs, isolatesMax, versions: views })) {
      const member = this.#active.get(action.key);
      if (action.act === 'stop') member?.stopIsolate(action.isolate, action.why);
      else if (action.act === 'start') member?.begin();
      else member?.refuse(noRoom(action.why, isolatesMax, member.view()));
    }
    isWaiting &&= this.#views().some(({ ask }) => ask !== undefined && ask.kind !== 'spare');
    if (isWaiting) this.#lookIn(LOOK_WAITING_MS);
    else if (isolateIdleMs > 0 && this.#active.size > 0) this.#lookIn(Math.min(LOOK_IDLE_MAX_MS, Math.max(LOOK_IDLE_MIN_MS, isolateIdleMs / 10)));
  }

  #views(): readonly VersionView[] {
    const views = [...this.#active.values()].map((member) => member.view());
    for (const { key, isolates, starting, ending, ask } of views) {
      if (isolates.length + starting + ending === 0 && ask === undefined) this.#active.delete(key);
    }
    return views;
  }

  #lookIn(delayMs: number): void {
    if (this.#look !== 'none') return;
    this.#timer = this.#options.clock.after(delayMs, () => {
      if (this.#look === 'none') this.#lookNow();
    });
  }
}

function noRoom(why: 'never' | 'late', isolatesMax: number, { function: name, ask }: VersionView): PilotlightError {
  if (why === 'late') {
    return new PilotlightError('OVERLOADED', `${name} needs an isolate, and all ${isolatesMax} that isolatesMax allows are busy; try again in a moment`);
  }
  return new PilotlightError('OVERLOADED', `${name} needs ${ask?.count ?? 1} isolates at once, its spare among them, and isolatesMax is ${isolatesMax}; a larger one would do`);
}
