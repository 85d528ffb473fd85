import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstStep, nextStep, retryDelayMs } from './policy.ts';
import type { PolicyLimits, SupervisorAction, SupervisorEvent, SupervisorState } from './policy.ts';

const LIMITS: PolicyLimits = { restartWaitMs: 3000, silentTicksMax: 3, startTicks: 2, stopMs: 29_000, stableMs: 60_000, retryFirstMs: 250, retryMaxMs: 30_000 };
const CRASH = { type: 'died', cause: 'was killed by SIGSEGV', exitCode: null, servedMs: 10, blamed: [] } as const;
const EXIT = { type: 'died', cause: 'ended with exit code 3', exitCode: 3, servedMs: 0, blamed: [] } as const;
const STOP = { type: 'stop', signalNumber: 15 } as const;

type Brief = SupervisorEvent | 'beat' | 'tick' | 'claim' | 'ready' | 'released' | 'quarantined' | 'retryDue' | 'answerDue' | 'stopDue';

/** All events in a row; the actions are those of the last, logs left out. */
function after(...events: Brief[]): { state: SupervisorState; did: string[]; actions: readonly SupervisorAction[] } {
  let step = firstStep(LIMITS);
  for (const event of events) step = nextStep(step.state, typeof event === 'string' ? { type: event } : event, LIMITS);
  return { ...step, did: step.actions.filter((action) => action.do !== 'log').map(brief) };
}

function brief(action: SupervisorAction): string {
  if (action.do === 'arm') return `${action.timer} in ${action.afterMs}`;
  return action.do === 'end' ? `end ${action.end.exitCode}` : action.do;
}

function text(actions: readonly SupervisorAction[]): string {
  return actions.map((action) => (action.do === 'log' ? action.text : action.do === 'end' ? action.end.message : '')).join('\n');
}

test('each event has its answer', () => {
  const serving = ['beat', 'claim', 'ready'] as const;
  const table: { given: Brief[]; then: string[]; phase: SupervisorState['phase']; acceptor: SupervisorState['acceptor'] }[] = [
    { given: [], then: ['answerDue in 3000', 'spawn'], phase: 'starting', acceptor: 'nobody' },
    { given: ['claim'], then: ['grant'], phase: 'starting', acceptor: 'host' },
    { given: ['claim', 'claim'], then: [], phase: 'starting', acceptor: 'host' },
    { given: [...serving], then: [], phase: 'serving', acceptor: 'host' },
    // A slow start is answered for, and silence comes before the grant.
    { given: ['answerDue'], then: ['answer'], phase: 'starting', acceptor: 'supervisor' },
    { given: ['answerDue', 'claim'], then: ['fallSilent', 'grant'], phase: 'starting', acceptor: 'host' },
    { given: ['claim', 'answerDue'], then: [], phase: 'starting', acceptor: 'host' },
    // Deaths.
    { given: [...serving, CRASH], then: ['answerDue in 3000', 'spawn'], phase: 'starting', acceptor: 'nobody' },
    { given: [...serving, CRASH, ...serving, CRASH], then: ['answerDue in 3000', 'retryDue in 250'], phase: 'waiting', acceptor: 'nobody' },
    { given: [...serving, CRASH, CRASH], then: ['retryDue in 250'], phase: 'waiting', acceptor: 'nobody' },
    { given: [...serving, CRASH, CRASH, 'answerDue'], then: ['answer'], phase: 'waiting', acceptor: 'supervisor' },
    { given: [...serving, CRASH, 'answerDue', CRASH], then: ['retryDue in 250'], phase: 'waiting', acceptor: 'supervisor' },
    { given: [...serving, CRASH, CRASH, 'retryDue'], then: ['spawn'], phase: 'starting', acceptor: 'nobody' },
    { given: [...serving, 'retryDue'], then: [], phase: 'serving', acceptor: 'host' },
    { given: [...serving, CRASH, ...serving, { ...CRASH, servedMs: 60_000 }], then: ['answerDue in 3000', 'spawn'], phase: 'starting', acceptor: 'nobody' },
    { given: [CRASH], then: ['spawn'], phase: 'starting', acceptor: 'nobody' },
    // What would only fail again.
    { given: [EXIT], then: ['end 3'], phase: 'ended', acceptor: 'nobody' },
    { given: [{ ...EXIT, exitCode: 0 }], then: ['end 1'], phase: 'ended', acceptor: 'nobody' },
    { given: [...serving, EXIT], then: ['answerDue in 3000', 'spawn'], phase: 'starting', acceptor: 'nobody' },
    { given: [...serving, CRASH, EXIT], then: ['retryDue in 250'], phase: 'waiting', acceptor: 'nobody' },
    { given: [...serving, CRASH, { type: 'fatal', message: 'corrupt', exitCode: 7 }, EXIT], then: ['end 7'], phase: 'ended', acceptor: 'nobody' },
    // Silence.
    { given: [...serving, 'tick', 'tick'], then: [], phase: 'serving', acceptor: 'host' },
    { given: [...serving, 'tick', 'tick', 'beat', 'tick', 'tick'], then: [], phase: 'serving', acceptor: 'host' },
    { given: [...serving, 'tick', 'tick', 'tick'], then: ['kill'], phase: 'serving', acceptor: 'host' },
    { given: [...serving, 'tick', 'tick', 'tick', 'tick', 'tick', 'tick'], then: [], phase: 'serving', acceptor: 'host' },
    { given: ['tick', 'tick', 'tick', 'tick'], then: [], phase: 'starting', acceptor: 'nobody' },
    { given: ['tick', 'tick', 'tick', 'tick', 'tick'], then: ['kill'], phase: 'starting', acceptor: 'nobody' },
    { given: ['beat', 'tick', 'tick', 'tick'], then: ['kill'], phase: 'starting', acceptor: 'nobody' },
    { given: [...serving, CRASH, CRASH, 'tick', 'tick', 'tick', 'tick'], then: [], phase: 'waiting', acceptor: 'nobody' },
    { given: [...serving, { type: 'giveUp', reason: 'lost gpu:0' }], then: ['kill'], phase: 'serving', acceptor: 'host' },
    // Stopping.
    { given: [...serving, STOP], then: ['tellStop', 'stopDue in 29000'], phase: 'stopping', acceptor: 'host' },
    { given: [STOP], then: ['tellStop', 'stopDue in 29000'], phase: 'stopping', acceptor: 'nobody' },
    { given: [STOP, 'claim'], then: [], phase: 'stopping', acceptor: 'nobody' },
    { given: [STOP, 'answerDue'], then: [], phase: 'stopping', acceptor: 'nobody' },
    { given: [...serving, 'released'], then: [], phase: 'serving', acceptor: 'host' },
    { given: [...serving, STOP, 'released'], then: ['answer'], phase: 'stopping', acceptor: 'supervisor' },
    { given: [...serving, STOP, { ...EXIT, exitCode: 0 }], then: ['end 0'], phase: 'ended', acceptor: 'host' },
    { given: [...serving, STOP, CRASH], then: ['end 1'], phase: 'ended', acceptor: 'host' },
    // The signal that stops us came to the whole group, before the host could listen to it.
    { given: [STOP, { ...CRASH, cause: 'was killed by SIGTERM' }], then: ['end 0'], phase: 'ended', acceptor: 'nobody' },
    { given: [STOP, EXIT], then: ['end 1'], phase: 'ended', acceptor: 'nobody' },
    { given: [STOP, 'stopDue', CRASH], then: ['end 1'], phase: 'ended', acceptor: 'nobody' },
    { given: [...serving, STOP, 'stopDue'], then: ['kill'], phase: 'stopping', acceptor: 'host' },
    { given: [...serving, STOP, 'tick', 'tick', 'tick'], then: ['kill'], phase: 'stopping', acceptor: 'host' },
    { given: [...serving, CRASH, CRASH, STOP], then: ['end 0'], phase: 'ended', acceptor: 'nobody' },
    { given: [...serving, STOP, STOP], then: ['kill', 'end 143'], phase: 'ended', acceptor: 'host' },
    // Nothing happens after the end.
    { given: [...serving, STOP, STOP, CRASH], then: [], phase: 'ended', acceptor: 'host' },
    { given: [EXIT, 'retryDue'], then: [], phase: 'ended', acceptor: 'nobody' },
    { given: [EXIT, STOP], then: [], phase: 'ended', acceptor: 'nobody' },
  ];
  for (const { given, then, phase, acceptor } of table) {
    const { state, did } = after(...given);
    const title = given.map((event) => (typeof event === 'string' ? event : event.type)).join(', ');
    assert.deepEqual([did, state.phase, state.acceptor], [then, phase, acceptor], title);
  }
});

test('a host that keeps dying is started ever more slowly, at most every half minute', () => {
  assert.deepEqual([1, 2, 3, 4, 9, 10, 1000].map((deaths) => retryDelayMs(deaths, LIMITS)), [0, 250, 500, 1000, 30_000, 30_000, 30_000]);
});

test('at no time do host and supervisor both take connections, whatever happens', () => {
  const events: Brief[] = ['claim', 'ready', 'answerDue', CRASH, 'retryDue', STOP, 'released', 'tick', 'stopDue'];
  const walk = (state: SupervisorState, answers: boolean, depth: number): void => {
    if (depth === 0) return;
    for (const event of events) {
      const step = nextStep(state, typeof event === 'string' ? { type: event } : event, LIMITS);
      let open = answers;
      for (const action of step.actions) {
        if (action.do === 'answer') open = true;
        if (action.do === 'fallSilent') open = false;
        if (action.do === 'grant') assert.equal(open, false);
      }
      assert.equal(step.state.acceptor === 'supervisor', open);
      walk(step.state, open, depth - 1);
    }
  };
  walk(firstStep(LIMITS).state, false, 5);
});

test('fault 21: a crash loop is told with the functions that were running, the row and the delay', () => {
  const running = { type: 'activity', running: ['digits@1', 'langid@2'], preparing: ['ocr@3'] } as const;
  const { actions } = after('claim', 'ready', CRASH, 'claim', 'ready', running, CRASH);
  assert.match(text(actions), /the host was killed by SIGSEGV while preparing ocr@3 and while running digits@1, langid@2 \(death 2 in a row\); it is started again in 250 ms/);
});

test('fault 21: what the work record tells is told instead of what the host said of itself', () => {
  const running = { type: 'activity', running: ['digits@1', 'langid@2'], preparing: [] } as const;
  assert.match(text(after('claim', 'ready', running, { ...CRASH, blamed: ['langid@2'] }).actions), /was killed by SIGSEGV in a model of langid@2; it is started again at once/);
});

test('a host that has quarantined what its predecessors died of is the first of a new row, so that others do not wait long', () => {
  const { state, did } = after('claim', 'ready', CRASH, CRASH, 'retryDue', CRASH, 'retryDue', 'quarantined', CRASH);
  assert.deepEqual([state.deathsInRow, did], [1, ['spawn']]);
});

test('a host that we killed dies of our reason, not of our signal', () => {
  const killed = { type: 'died', cause: 'was killed by SIGKILL', exitCode: null, servedMs: 5, blamed: [] } as const;
  assert.match(text(after('beat', 'claim', 'ready', 'tick', 'tick', 'tick', killed).actions), /the host gave no sign of life for 3 s and was killed; it is started again at once/);
  assert.match(text(after('claim', 'ready', STOP, 'stopDue', killed).actions), /while stopping, the host did not stop within 29000 ms and was killed/);
});

test('a fatal error of the host ends the supervisor with its message and code', () => {
  const { actions } = after({ type: 'fatal', message: 'the store is corrupt', exitCode: 7 }, EXIT);
  assert.deepEqual(actions, [{ do: 'end', end: { message: 'the store is corrupt', exitCode: 7 }, waiting: 'answer' }]);
});
