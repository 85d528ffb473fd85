// The latest kept requests and loads, in memory: what `why` and the waterfall read. Bounded; the oldest leave
// first.
import type { LoadRecord, RequestRecord, RunVariant } from '../records.ts';
import { requestSpan, type FindLoad, type FindStart, type KnownLoad, type Span } from './span-tree.ts';

const REQUESTS_MAX = 1_000;
/** Of those that are not worth keeping: beside the others, so that they push none of them out. */
const LATEST_MAX = 1_000;
const LOADS_MAX = 200;
const STARTS_MAX = 1_000;

export interface KeptTrace {
  readonly record: RequestRecord;
  readonly span: Span;
  /** Those that its runs started or waited for, as far as they are kept. */
  readonly loads: readonly LoadRecord[];
  /** What its runs ran on, of models with variants. */
  readonly variants: readonly RunVariant[];
}

interface KeptRequest {
  readonly record: RequestRecord;
  readonly variants: readonly RunVariant[];
}

export class TraceBook {
  readonly #requests = new Map<string, KeptRequest>();
  readonly #latest = new Map<string, KeptRequest>();
  readonly #loads = new Map<string, KnownLoad>();

  /** Traces by isolate start. */
  readonly #starts = new Map<string, string>();

  readonly findStart: FindStart = (startId) => this.#starts.get(startId);

  readonly findLoad: FindLoad = (loadId) => this.#loads.get(loadId);

  addLoad(record: LoadRecord): void {
    keepLatest(this.#loads, record.loadId, { record }, LOADS_MAX);
  }

  /** `variants` as they are now: who asks later may find other versions running. */
  addRequest(record: RequestRecord, variants: readonly RunVariant[] = []): void {
    keepLatest(this.#requests, record.requestId, { record, variants }, REQUESTS_MAX);
    const { wait } = record;
    if (wait?.start === 'cold' && wait.startId !== undefined) keepLatest(this.#starts, wait.startId, record.traceId, STARTS_MAX);
    for (const run of record.runs) {
      const load = run.loadId === undefined ? undefined : this.#loads.get(run.loadId);
      if (run.start === 'cold' && load !== undefined) this.#loads.set(load.record.loadId, { ...load, traceId: record.traceId });
    }
  }

  /** One that nothing but its being recent speaks for. */
  addLatest(record: RequestRecord, variants: readonly RunVariant[]): void {
    keepLatest(this.#latest, record.requestId, { record, variants }, LATEST_MAX);
  }

  find(requestId: string): KeptTrace | undefined {
    const kept = this.#requests.get(requestId) ?? this.#latest.get(requestId);
    return kept === undefined ? undefined : this.#drawn(kept);
  }

  /** Newest first. */
  recent(countMax: number): readonly KeptTrace[] {
    return [...this.#requests.values()].slice(-countMax).reverse().map((kept) => this.#drawn(kept));
  }

  #drawn({ record, variants }: KeptRequest): KeptTrace {
    const loads = new Set(record.runs.flatMap(({ loadId }) => (loadId === undefined ? [] : this.#loads.get(loadId)?.record ?? [])));
    return { record, span: requestSpan(record, this.findLoad, this.findStart), loads: [...loads], variants };
  }
}

function keepLatest<Value>(map: Map<string, Value>, key: string, value: Value, max: number): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= max) break;
    map.delete(oldest);
  }
}
