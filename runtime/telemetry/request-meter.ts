// Lives in an ingress thread: folds every ended request into series and decides which whole records are worth
// keeping. It never holds more than a bound of records, and never makes a request wait.
import type { Clock, Timer } from '../clock.ts';
import type { RequestRecord } from '../records.ts';
import { foldRequest, type RequestSeriesMap } from './request-series.ts';
import { tallyRequest, type VersionTallies } from './version-tally.ts';

export interface MeterReport {
  readonly series: RequestSeriesMap;
  /** The same requests, by version alone. */
  readonly tallies: VersionTallies;
  readonly records: readonly RequestRecord[];
  /** Of the others the last ones: who has just sent a request may ask where its time went. */
  readonly latest: readonly RequestRecord[];
  /** Records that were worth keeping but over the bound. */
  readonly dropped: number;
}

export interface RequestMeterOptions {
  readonly clock: Clock;
  readonly report: (report: MeterReport) => void;
}

const REPORT_EVERY_MS = 500;
const RECORDS_MAX = 2_000;
/** At little traffic these are all. */
const LATEST_MAX = 16;
const SLOWEST_WINDOW_MS = 60_000;

export class RequestMeter {
  readonly #options: RequestMeterOptions;
  #series: RequestSeriesMap = new Map();
  #tallies: VersionTallies = new Map();
  #records: RequestRecord[] = [];
  #latest: RequestRecord[] = [];
  #dropped = 0;
  #timer: Timer | undefined;
  #slowestMs = 0;
  #windowEndsMs = 0;

  constructor(options: RequestMeterOptions) {
    this.#options = options;
  }

  record(record: RequestRecord): void {
    const isKept = this.#isWorthKeeping(record);
    if (!record.golden) {
      foldRequest(this.#series, record, isKept);
      tallyRequest(this.#tallies, record);
    }
    if (isKept) this.#keep(record);
    else if (this.#latest.push(record) > LATEST_MAX) this.#latest.shift();
    this.#timer ??= this.#options.clock.after(REPORT_EVERY_MS, () => this.flush());
  }

  /** Reports at once what has come since the last report. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#series.size === 0 && this.#records.length === 0) return;
    const report = { series: this.#series, tallies: this.#tallies, records: this.#records, latest: this.#latest, dropped: this.#dropped };
    this.#series = new Map();
    this.#tallies = new Map();
    this.#records = [];
    this.#latest = [];
    this.#dropped = 0;
    this.#options.report(report);
  }

  #keep(record: RequestRecord): void {
    if (this.#records.length < RECORDS_MAX) this.#records.push(record);
    else this.#dropped++;
  }

  /** Cold, joined, failed, sampled, golden, or slower than all of this minute so far. */
  #isWorthKeeping(record: RequestRecord): boolean {
    const durationMs = record.endedMs - record.arrivedMs;
    if (record.endedMs >= this.#windowEndsMs) {
      this.#windowEndsMs = record.endedMs + SLOWEST_WINDOW_MS;
      this.#slowestMs = 0;
    }
    const isSlowest = durationMs > this.#slowestMs;
    if (isSlowest) this.#slowestMs = durationMs;
    return isSlowest || record.start !== 'warm' || record.status >= 500 || record.errorCode !== undefined || record.sampled || record.golden;
  }
}
