// A version as one ingress thread sees it: its isolates, its limits, its requests in flight. A request enters a target once
// and leaves it once, whatever happens in between.
import { PilotlightError, type ErrorCode } from '../errors.ts';
import { versionLabel, type Limits } from '../function.ts';
import type { IsolateLink } from './isolate-link.ts';

/** What a thread needs to know of a version. */
export interface TargetPlan {
  readonly name: string;
  /** Full digest. */
  readonly version: string;
  readonly limits: Limits;
  /** Requests of the function, and of the version, in all threads: one Int32 each, shared. */
  readonly functionCount: SharedArrayBuffer;
  readonly versionCount: SharedArrayBuffer;
}

/** A request in a target. */
export interface Guest {
  /** Its place in the target's list; the target's to write, -1 elsewhere. */
  seat: number;
  /** An isolate is there now. */
  onIsolate(link: IsolateLink): void;
  /** The request must end with this code now. */
  cut(code: ErrorCode, reason: string): void;
}

export class Target {
  readonly name: string;
  readonly version: string;
  readonly label: string;
  readonly limits: Limits;
  readonly links: IsolateLink[] = [];
  readonly #functionCount: Int32Array;
  readonly #versionCount: Int32Array;
  /** A list of seats and no Set, for the reason that items-by-id.ts tells. */
  readonly #guests: Guest[] = [];
  /** Bounded by the function's concurrency. */
  #waiting: Guest[] = [];
  #onEmpty: (() => void)[] = [];
  #state: 'open' | 'closed' = 'open';

  constructor(plan: TargetPlan) {
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

  /** Throws TOO_BUSY when the function has as many requests as it may, DRAINING when the version was stopped. */
  enter(guest: Guest): void {
    if (this.#state === 'closed') throw new PilotlightError('DRAINING', `${this.label} was stopped`);
    if (Atomics.add(this.#functionCount, 0, 1) >= this.limits.concurrency) {
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

  /** The serving isolate with the fewest requests in flight, one that acknowledges before one that does not. */
  pick(): IsolateLink | undefined {
    let best: IsolateLink | undefined;
    for (const link of this.links) {
      if (link.role !== 'serving') continue;
      if (best === undefined || (link.isSuspect === best.isSuspect ? link.inFlight < best.inFlight : best.isSuspect)) best = link;
    }
    return best;
  }

  /** Every isolate is lost and its successor not there yet: the guest is told when one is. */
  wait(guest: Guest): void {
    this.#waiting.push(guest);
  }

  /** Call when an isolate began to serve. */
  serveWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const guest of waiting) {
      const link = this.pick();
      if (link === undefined) this.#waiting.push(guest);
      else guest.onIsolate(link);
    }
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
