// Says in sentences where the time of one request went: what it waited for, for whom others had to go, what ran.
import type { LoadRecord, RequestRecord, RunRecord, RunVariant } from '../../runtime/records.ts';
import { describePassed } from '../rollout/describe-variant.ts';
import { formatBytes, formatMs } from './format.ts';

/** Waits and runs shorter than this explain nothing. */
const WORTH_TELLING_MS = 0.05;

/** `loads` are those that its runs started or waited for, `variants` what they ran on. One sentence a line, in the order of events. */
export function explainRequest(record: RequestRecord, loads: readonly LoadRecord[], variants: readonly RunVariant[] = []): readonly string[] {
  const head = `${record.method} ${record.path} was answered ${record.status}${record.errorCode === undefined ? '' : ` ${record.errorCode}`} `
    + `after ${formatMs(record.endedMs - record.arrivedMs)}: ${record.start}${record.function === undefined ? '' : `, by ${record.function}`}`;
  return [head, ...isolateWait(record), ...record.runs.flatMap((run) => runLines(run, loads)), ...handlerLine(record), ...variants.flatMap(variantLines)];
}

function isolateWait({ wait }: RequestRecord): readonly string[] {
  if (wait === undefined) return [];
  const took = formatMs(wait.untilMs - wait.fromMs);
  if (wait.for === 'rollout') return [`waited ${took} for a rollout of its function, whose versions have no room side by side`];
  return [wait.start === 'cold' ? `waited ${took} for an isolate that was started for it` : `waited ${took} for an isolate that was being started`];
}

function runLines(run: RunRecord, loads: readonly LoadRecord[]): readonly string[] {
  const load = loads.find(({ loadId }) => loadId === run.loadId);
  const waits: readonly (readonly [string, number])[] = [
    [`waited for a slot of ${run.binding}`, run.startedMs - run.submittedMs],
    [`ran ${run.binding}`, run.endedMs - run.startedMs],
  ];
  const told = waits.filter(([, ms]) => ms >= WORTH_TELLING_MS).map(([what, ms]) => `${what} for ${formatMs(ms)}`);
  const failure = run.errorCode === undefined ? [] : [`${run.binding} ended with ${run.errorCode}`];
  return [...(run.start === 'warm' ? [] : [acquireLine(run, load)]), ...(load === undefined ? [] : loadLines(load)), ...told, ...failure];
}

function acquireLine(run: RunRecord, load: LoadRecord | undefined): string {
  const waited = `waited ${formatMs(run.submittedMs - run.acquireMs)}`;
  const whose = load === undefined ? run.binding : `${load.function}'s model ${load.binding}`;
  return run.start === 'cold' ? `${waited}: ${whose} was loaded for it` : `${waited}: joined the load of ${whose}`;
}

function loadLines({ startMs, endMs, steps, warm, evicted, errorCode }: LoadRecord): readonly string[] {
  const warmed = warm.length === 0 ? [] : [`warm ${formatMs((warm.at(-1)?.endMs ?? 0) - (warm[0]?.startMs ?? 0))}`];
  const parts = [...steps.map((step) => `${step.name} ${formatMs(step.endMs - step.startMs)}`), ...warmed].join(', ');
  const gone = evicted.map(({ function: name, binding, bytes, idleMs }) =>
    `the load evicted ${name}'s model ${binding} (${formatBytes(bytes)}), which was idle for ${formatMs(idleMs)}`);
  return [`the load took ${formatMs(endMs - startMs)}${parts === '' ? '' : `: ${parts}`}${errorCode === undefined ? '' : `, and failed with ${errorCode}`}`, ...gone];
}

function handlerLine({ handlerStartMs, handlerEndMs }: RequestRecord): readonly string[] {
  return handlerStartMs === undefined || handlerEndMs === undefined ? [] : [`its handler took ${formatMs(handlerEndMs - handlerStartMs)} in all`];
}

function variantLines({ binding, path, passed }: RunVariant): readonly string[] {
  return [`${binding} ran on its variant ${path}`, ...passed.map((one) => `not on ${describePassed(one)}`)];
}
