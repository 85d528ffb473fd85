// Far more models than fit, on a simulated device and a manual clock: what the order of use saves against plain LRU, and that
// budget and leases hold while everything comes and goes. All decisions are the host's own; only time and engine are simulated.
import { PilotlightError } from '../../runtime/errors.ts';
import { PoolResidency, type ResidencyOptions } from '../../runtime/residency/residency.ts';
import { FakeEngine } from '../support/fake-engine.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { compare, report, type BenchCase } from './measure.ts';
import { cyclic, randomNumbers, zipf } from './model-demand.ts';

const MODELS = 200;
const GIB = 2 ** 30;
/** Of all models' bytes. */
const ROOM_PART = 0.1;
const CYCLE_OVER_ROOM = 1.2;
/** Who ask at once where it is said, and then wait for each other's loads. */
const CROWD = 16;
const RUN_MS = 10;
const PLAIN_LRU = { priceOf: () => 1, usesMax: 1 };
const WAIT_MAX_MS = 3_600_000;

interface SimulatedModel {
  readonly bytes: number;
  readonly loadMs: number;
}

interface Outcome {
  readonly loadSeconds: number;
  readonly overBudget: number;
  readonly heldEvicted: number;
  readonly failed: number;
  readonly longestWaitMs: number;
}

export const churn: BenchCase = {
  name: 'churn',
  about: `${MODELS} simulated models of 1 to 8 GiB, room for a tenth of their bytes: against plain LRU`,
  async run({ effort }) {
    const requests = effort === 'quick' ? 20_000 : 1_000_000;
    const random = randomNumbers(1);
    const models = Array.from({ length: MODELS }, (): SimulatedModel => {
      const bytes = (1 + 7 * random()) * GIB;
      // Read at 0.5 to 4 GiB/s, then made ready.
      return { bytes, loadMs: 1000 * (bytes / GIB / (0.5 + 3.5 * random()) + 0.5 * random()) };
    });
    const roomBytes = models.reduce((sum, { bytes }) => sum + bytes, 0) * ROOM_PART;
    const cycled = firstOver(models, roomBytes * CYCLE_OVER_ROOM);
    const demands = { zipf: () => zipf(MODELS, randomNumbers(2)), cyclic: () => cyclic(cycled) };
    const play = async (demand: keyof typeof demands, callers: number): Promise<readonly [Outcome, Outcome]> => {
      const one = (options: Partial<ResidencyOptions>): Promise<Outcome> => simulate({ models, roomBytes, requests, callers, next: demands[demand](), options });
      return [await one({}), await one({ orderRule: PLAIN_LRU })];
    };
    const [alone, crowd, cycle] = [await play('zipf', 1), await play('zipf', CROWD), await play('cyclic', CROWD)];
    const all = [...alone, ...crowd, ...cycle];
    const inLoads = ([ours, lru]: readonly [Outcome, Outcome]) => [[ours.loadSeconds, lru.loadSeconds]] as const;
    const worst = (value: (outcome: Outcome) => number): readonly number[] => [Math.max(...all.map(value))];
    const named = { case: 'churn' };
    return [
      compare(inLoads(alone), { ...named, measure: 'time in loads, Zipf demand', unit: 's', bar: { atMost: 0.9 } }),
      compare(inLoads(crowd), { ...named, measure: `the same from ${CROWD} callers at once`, unit: 's' }),
      compare(inLoads(cycle), { ...named, measure: `time in loads, cyclic demand, ${CROWD} callers`, unit: 's' }),
      report(worst(({ overBudget }) => overBudget), { ...named, measure: 'budget exceeded', unit: 'times', bar: { atMost: 0 } }),
      report(worst(({ heldEvicted }) => heldEvicted), { ...named, measure: 'held pools unloaded', unit: 'times', bar: { atMost: 0 } }),
      report(worst(({ failed }) => failed), { ...named, measure: 'failed', unit: 'requests', bar: { atMost: 0 } }),
      compare([[cycle[0].longestWaitMs / 1000, cycle[1].longestWaitMs / 1000]], { ...named, measure: 'longest wait, cyclic demand', unit: 's' }),
    ];
  },
};

interface Simulation {
  readonly models: readonly SimulatedModel[];
  readonly roomBytes: number;
  readonly requests: number;
  readonly callers: number;
  readonly next: () => number;
  readonly options: Partial<ResidencyOptions>;
}

async function simulate({ models, roomBytes, requests, callers, next, options }: Simulation): Promise<Outcome> {
  const clock = new ManualClock();
  const engine = new FakeEngine();
  const holders = new Map<string, number>();
  const loading = new Set<string>();
  const outcome = { loadSeconds: 0, overBudget: 0, heldEvicted: 0, failed: 0, longestWaitMs: 0 };
  const modelOf = (key: string): SimulatedModel => models[Number(key)] ?? { bytes: 0, loadMs: 0 };
  const pause = (ms: number): Promise<void> => new Promise((resolve) => clock.after(ms, resolve));
  let loader = Promise.resolve();
  engine.weightsOf = (key) => modelOf(key).bytes;
  engine.stepsOf = (key) => [{ name: 'create', startMs: clock.nowMs() - modelOf(key).loadMs, endMs: clock.nowMs() }];
  engine.before = async (operation, key) => {
    if (operation === 'unload' && (holders.get(key) ?? 0) > 0) outcome.heldEvicted++;
    if (operation !== 'load') return;
    engine.runs.length = 0;
    loading.add(key);
    const bytes = [...engine.loaded, ...loading].reduce((sum, one) => sum + modelOf(one).bytes, 0);
    if (bytes > roomBytes) outcome.overBudget++;
    const { loadMs } = modelOf(key);
    // As a device has one thread that loads.
    loader = loader.then(() => pause(loadMs));
    await loader;
    outcome.loadSeconds += loadMs / 1000;
    loading.delete(key);
  };
  const residency = new PoolResidency({
    engine, clock, loadWaitersMax: requests, loadTimeoutMs: WAIT_MAX_MS, residencyMinMs: 1000, devices: [{ device: 'cpu', budgetBytes: roomBytes }],
    onLoad: () => {}, ...options,
  });
  models.forEach(({ bytes }, index) => {
    const spec = { key: String(index), backend: 'fake', path: '', device: 'cpu', slots: 1, threads: 1, queue: { max: 1, timeoutMs: 1 } } as const;
    const warm = { id: 'zeros', runs: 2, samples: async () => [] };
    residency.declare(`${index}@1`, [{ spec, function: String(index), binding: 'M', residency: 'lru', bytes, warm }]);
  });
  let sent = 0;
  const line = { calling: callers };
  const caller = async (): Promise<void> => {
    while (sent++ < requests) {
      const key = String(next());
      const askedMs = clock.nowMs();
      try {
        await residency.ensure(key, { reason: 'request', function: key, binding: 'M' });
      } catch (error) {
        if (!(error instanceof PilotlightError)) throw error;
        outcome.failed++;
        continue;
      }
      outcome.longestWaitMs = Math.max(outcome.longestWaitMs, clock.nowMs() - askedMs);
      hold(key, 1);
      engine.use(key, clock.nowMs());
      await pause(RUN_MS);
      hold(key, -1);
    }
    line.calling--;
  };
  const hold = (key: string, by: 1 | -1): void => {
    const count = (holders.get(key) ?? 0) + by;
    holders.set(key, count);
    if (count > 0) engine.held.add(key);
    else engine.held.delete(key);
  };
  const done = Promise.all(Array.from({ length: callers }, caller));
  while (line.calling > 0) {
    await new Promise(setImmediate);
    if (!clock.step() && line.calling > 0) throw new Error(`${line.calling} requests wait for something that nothing will bring`);
  }
  await done;
  return outcome;
}

/** How many of the first models have more bytes than that together. */
function firstOver(models: readonly SimulatedModel[], bytesMax: number): number {
  let sum = 0;
  return models.findIndex(({ bytes }) => (sum += bytes) > bytesMax) + 1;
}
