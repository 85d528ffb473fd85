// A version as one ingress thread sees it: its isolates, its limits, its requests in flight. A request enters a target once
// and leaves it once, whatever happens in between.
import { monotonicMs } from '../clock.ts';
import { PilotlightError, type ErrorCode } from '../errors.ts';
import { versionLabel, type Limits } from '../function.ts';
import type { StartNote } from '../isolates/version-isolates.ts';
import type { IsolateLink } from './isolate-link.ts';

/** What a thread needs to know of a version. */
export interface TargetPlan {
  readonly name: string;
  /** Full digest. */
  readonly version: string;
  readonly limits: Limits;
  /** Isolates that may serve at once. */
  readonly isolates: number;
  /** Requests of the function, and of the version, in all threads: one Int32 each, shared. */
  readonly functionCount: SharedArrayBuffer;
  readonly versionCount: SharedArrayBuffer;
}

/** A request in a target. */
export interface Guest {
  /** Its place in the target's list; the target's to write, -1 elsewhere. */
  seat: number;
  /** An isolate is there now; `cold` when it was started for this guest. */
  onIsolate(link: IsolateLink, start: 'cold' | 'joined', note: StartNote | undefined): void;
  /** There will be none. */
  onRefused(error: PilotlightError): void;
  /** The request must end with this code now. */
  cut(code: ErrorCode, reason: string): void;
}

/** Asked again for more isolates after a refusal; who has none asks at once. */
const MORE_AGAIN_MS = 1000;

export class Target {
  readonly name: string;
  readonly version: string;
  readonly label: string;
  readonly limits: Limits;
  readonly links: IsolateLink[] = [];
  /** Asks the control thread for an isolate, telling how many serve. */
  readonly #want: (seen: number) => void;
  readonly #isolates: number;
  readonly #functionCount: Int32Array;
  readonly #versionCount: Int32Array;
  /** A list of seats and no Set, for the reason that items-by-id.ts tells. */
  readonly #guests: Guest[] = [];
  /** Bounded by the function's concurrency. */
  #waiting: Guest[] = [];
  /** What was asked for and has not come: `any` for those who wait, `more` for those who meet busy ones. */
  #asked: 'none' | 'more' | 'any' = 'none';
  #moreFromMs = 0;
  /** The one of those who wait whose need asked. */
  #asker: Guest | undefined;
  #onEmpty: (() => void)[] = [];
  #state: 'open' | 'closed' = 'open';

  constructor(plan: TargetPlan, want: (seen: number) => void) {
    this.#want = want;
    this.#isolates = plan.isolates;
    this.name = plan.name;
    this.version = plan.version;
    this.label = versionLabel(plan);
    this.limits = plan.limits;
    this.#functionCount = new Int32Array(plan.functionCount);
    this.#versionCount = new Int32Array(plan.versionCount);
  }

  get inFlight(): number {
    return this.#guests.length;
  }

  /**
   * Throws TOO_BUSY when the function has as many requests as it may, DRAINING when the version was stopped. `admitted`: counted as
   * all are, and not refused for it: golden requests, and those that waited in a pause.
   */
  enter(guest: Guest, as: 'new' | 'admitted'): void {
    if (this.#state === 'closed') throw new PilotlightError('DRAINING', `${this.label} was stopped`);
    if (Atomics.add(this.#functionCount, 0, 1) >= this.limits.concurrency && as === 'new') {
      Atomics.sub(this.#functionCount, 0, 1);
      throw new PilotlightError('TOO_BUSY', `${this.name} has ${this.limits.concurrency} requests in the host, as many as limits.concurrency allows`);
    }
    Atomics.add(this.#versionCount, 0, 1);
    guest.seat = this.#guests.length;
    this.#guests.push(guest);
  }

  leave(guest: Guest): void {
    if (guest.seat === -1) return;
    this.#unseat(guest);
    Atomics.sub(this.#functionCount, 0, 1);
    Atomics.sub(this.#versionCount, 0, 1);
    if (this.#waiting.length > 0) this.#waiting = this.#waiting.filter((waiting) => waiting !== guest);
    if (this.#guests.length === 0) this.#tellEmpty();
  }

  /** The serving isolate with the fewest requests in flight, one that acknowledges before one that does not. Asks for another when all are busy. */
  pick(): IsolateLink | undefined {
    let best: IsolateLink | undefined;
    let serving = 0;
    for (const link of this.links) {
      if (link.role !== 'serving') continue;
      serving += 1;
      if (best === undefined || (link.isSuspect === best.isSuspect ? link.inFlight < best.inFlight : best.isSuspect)) best = link;
    }
    if (best !== undefined && best.inFlight > 0 && serving < this.#isolates && this.#asked === 'none') this.#askForMore(serving);
    return best;
  }

  /** No isolate serves: the guest is told when one does. Gives whether its need was the one that asked. */
  wait(guest: Guest): 'cold' | 'joined' {
    this.#waiting.push(guest);
    if (this.#asked === 'any') return 'joined';
    this.#asked = 'any';
    this.#asker = guest;
    this.#want(0);
    return 'cold';
  }

  /** Call when an isolate began to serve; with a note when it has just started, for the need of this thread or not. */
  serveWaiting(note?: StartNote, isForUs = false): void {
    const waiting = this.#waiting;
    const asker = isForUs ? this.#asker : undefined;
    this.#waiting = [];
    this.#settle();
    for (const guest of waiting) {
      const link = this.pick();
      if (link === undefined) this.wait(guest);
      else guest.onIsolate(link, guest === asker ? 'cold' : 'joined', note);
    }
  }

  /** Call when there will be no isolate for those who wait. */
  refuseWaiting(error: PilotlightError): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#settle();
    this.#moreFromMs = monotonicMs() + MORE_AGAIN_MS;
    for (const guest of waiting) guest.onRefused(error);
  }

  /** Call when an isolate serves no more: another may be wanted again. */
  lost(): void {
    if (this.#asked === 'more') this.#settle();
  }

  /** Calls once when no request is left. */
  whenEmpty(work: () => void): void {
    this.#onEmpty.push(work);
    if (this.#guests.length === 0) this.#tellEmpty();
  }

  /** Takes no more requests and ends those that it has. */
  close(): void {
    this.#state = 'closed';
    this.cutAll('DRAINING', `${this.label} was stopped`);
  }

  /** Ends all requests with the code; gives their number. */
  cutAll(code: ErrorCode, reason: string): number {
    const guests = [...this.#guests];
    for (const guest of guests) guest.cut(code, reason);
    return guests.length;
  }

  #askForMore(serving: number): void {
    if (this.#moreFromMs > 0 && monotonicMs() < this.#moreFromMs) return;
    this.#moreFromMs = 0;
    this.#asked = 'more';
    this.#want(serving);
  }

  #settle(): void {
    this.#asked = 'none';
    this.#asker = undefined;
  }

  #unseat(guest: Guest): void {
    const last = this.#guests.pop();
    if (last !== undefined && last !== guest) {
      last.seat = guest.seat;
      this.#guests[guest.seat] = last;
    }
    guest.seat = -1;
  }

  #tellEmpty(): void {
    for (const work of this.#onEmpty.splice(0)) work();
  }
}
