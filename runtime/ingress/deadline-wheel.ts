// All deadlines of a thread in one coarse timer: arming and disarming cost two pointer writes, where a timer per request
// would cost more than routing it. An entry expires up to one tick late, never early.
import type { Clock, Timer } from '../clock.ts';

export interface WheelOptions {
  readonly clock: Clock;
  readonly tickMs: number;
  /** Buckets; an entry further away than `buckets * tickMs` waits for more rounds. */
  readonly buckets: number;
}

/** One thing that may expire; armed at most once at a time. */
export class WheelEntry {
  readonly expire: () => void;
  atMs = 0;
  previous: WheelEntry | undefined;
  next: WheelEntry | undefined;

  constructor(expire: () => void) {
    this.expire = expire;
  }

  get isArmed(): boolean {
    return this.previous !== undefined;
  }
}

export class DeadlineWheel {
  readonly #clock: Clock;
  readonly #tickMs: number;
  /** Heads of circular lists. */
  readonly #buckets: WheelEntry[];
  #armed = 0;
  #lastTick: number;
  #timer: Timer | undefined;

  constructor({ clock, tickMs, buckets }: WheelOptions) {
    this.#clock = clock;
    this.#tickMs = tickMs;
    this.#buckets = Array.from({ length: buckets }, emptyList);
    this.#lastTick = Math.floor(clock.nowMs() / tickMs);
  }

  /** Arms the entry for a stamp, or moves it there. */
  arm(entry: WheelEntry, atMs: number): void {
    this.disarm(entry);
    entry.atMs = atMs;
    const tick = Math.max(Math.ceil(atMs / this.#tickMs), this.#lastTick + 1);
    insert(entry, this.#bucket(tick));
    this.#armed += 1;
    if (this.#timer === undefined) this.#startTicking();
  }

  disarm(entry: WheelEntry): void {
    if (!entry.isArmed) return;
    remove(entry);
    this.#armed -= 1;
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #bucket(tick: number): WheelEntry {
    return this.#buckets[tick % this.#buckets.length] as WheelEntry; // the remainder is an index
  }

  #startTicking(): void {
    this.#lastTick = Math.max(this.#lastTick, Math.floor(this.#clock.nowMs() / this.#tickMs) - 1);
    this.#timer = this.#clock.after(this.#tickMs, this.#tick);
  }

  readonly #tick = (): void => {
    this.#timer = undefined;
    const nowMs = this.#clock.nowMs();
    const tick = Math.floor(nowMs / this.#tickMs);
    // After a long stop of the thread one round meets every bucket.
    const first = Math.max(this.#lastTick + 1, tick - this.#buckets.length + 1);
    this.#lastTick = tick;
    for (let at = first; at <= tick; at += 1) this.#expireBucket(this.#bucket(at), nowMs);
    if (this.#armed > 0 && this.#timer === undefined) this.#timer = this.#clock.after(this.#tickMs, this.#tick);
  };

  #expireBucket(head: WheelEntry, nowMs: number): void {
    const due: WheelEntry[] = [];
    for (let entry = head.next; entry !== head && entry !== undefined; entry = entry.next) {
      if (entry.atMs <= nowMs) due.push(entry);
    }
    for (const entry of due) {
      if (!entry.isArmed || entry.atMs > nowMs) continue; // an earlier one disarmed or moved it
      this.disarm(entry);
      entry.expire();
    }
  }
}

function emptyList(): WheelEntry {
  const head = new WheelEntry(() => undefined);
  head.previous = head;
  head.next = head;
  return head;
}

function insert(entry: WheelEntry, head: WheelEntry): void {
  const last = head.previous as WheelEntry; // lists are circular
  entry.previous = last;
  entry.next = head;
  last.next = entry;
  head.previous = entry;
}

function remove(entry: WheelEntry): void {
  const { previous, next } = entry;
  if (previous !== undefined) previous.next = next;
  if (next !== undefined) next.previous = previous;
  entry.previous = undefined;
  entry.next = undefined;
}
