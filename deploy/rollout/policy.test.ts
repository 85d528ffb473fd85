import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { nextAction, stepsOf, type RolloutSnapshot, type StepName } from './policy.ts';

const DEPLOY = stepsOf({ kind: 'deploy', warming: 'warm', startsVersions: true, manner: 'side by side' });
const DRAINED = stepsOf({ kind: 'deploy', warming: 'warm', startsVersions: true, manner: 'drain first' });

function snapshot(changes: Partial<RolloutSnapshot>): RolloutSnapshot {
  return { kind: 'deploy', warming: 'warm', unchanged: false, startsVersions: true, manner: 'side by side', ended: [], failed: [], undone: [], ...changes };
}

/** All steps up to and including `last`. */
function upTo(last: StepName, steps = DEPLOY): readonly StepName[] {
  return steps.slice(0, steps.indexOf(last) + 1);
}

const drained = (last: StepName, changes: Partial<RolloutSnapshot> = {}): Partial<RolloutSnapshot> => ({ manner: 'drain first', ended: upTo(last, DRAINED), ...changes });

describe('rollout policy', () => {
  const cases: readonly [situation: string, changes: Partial<RolloutSnapshot>, wanted: string][] = [
    ['nothing has happened', {}, 'run check'],
    ['the wanted version serves already', { ended: ['check'], unchanged: true }, 'end unchanged'],
    ['the models are warm', { ended: upTo('warm') }, 'run isolates'],
    ['models are left cold', { warming: 'cold', ended: ['check', 'store', 'plan'] }, 'run isolates'],
    ['models are left cold, isolates run', { warming: 'cold', ended: ['check', 'store', 'plan', 'isolates'] }, 'run commit'],
    ['a rollback stores nothing', { kind: 'rollback', ended: ['check'] }, 'run plan'],
    ['a split starts versions', { kind: 'split', ended: ['check'] }, 'run plan'],
    ['all versions of a split run already', { kind: 'split', startsVersions: false, ended: ['check'] }, 'run commit'],
    ['the deployed version runs already, in a split', { startsVersions: false, ended: ['check'] }, 'run commit'],
    ['a share is taken away', { kind: 'abort', ended: ['check'] }, 'run commit'],
    ['a share was taken away', { kind: 'abort', ended: ['check', 'commit', 'switch'] }, 'end done'],
    ['a delete goes straight to the commit', { kind: 'delete', ended: ['check'] }, 'run commit'],
    ['the check failed', { ended: ['check'], failed: ['check'] }, 'end undone'],
    ['a golden request failed', { ended: upTo('golden'), failed: ['golden'] }, 'undo isolates'],
    ['the isolates are stopped again', { ended: upTo('golden'), failed: ['golden'], undone: ['isolates'] }, 'undo plan'],
    ['the pools are forgotten again', { ended: upTo('golden'), failed: ['golden'], undone: ['isolates', 'plan'] }, 'undo store'],
    ['all is undone', { ended: upTo('golden'), failed: ['golden'], undone: ['isolates', 'plan', 'store'] }, 'end undone'],
    ['a load failed before isolates ran', { ended: upTo('load'), failed: ['load'] }, 'undo plan'],
    ['isolates failed half-way', { ended: upTo('isolates'), failed: ['isolates'] }, 'undo isolates'],
    ['the commit failed', { ended: upTo('commit'), failed: ['commit'] }, 'undo isolates'],
    ['there is no room side by side', drained('plan'), 'run isolates'],
    ['the isolates of what has no room yet run', drained('isolates'), 'run release'],
    ['callers wait', drained('release'), 'run load'],
    ['the models that came in the place of the old ones are warm', drained('warm'), 'run golden'],
    ['a load has found no room after all', { manner: 'drain first', ended: ['check', 'store', 'plan'] }, 'run isolates'],
    ['there is no room side by side, and models are left cold', { manner: 'drain first', warming: 'cold', ended: ['check', 'store', 'plan', 'isolates'] }, 'run commit'],
    ['callers could not be made to wait', drained('release', { failed: ['release'] }), 'undo release'],
    ['a load in the place of the old models failed', drained('load', { failed: ['load'] }), 'undo release'],
    ['a golden request failed while callers wait', drained('golden', { failed: ['golden'] }), 'undo release'],
    ['the commit failed while callers wait', drained('commit', { failed: ['commit'] }), 'undo release'],
    ['the old models are back', drained('golden', { failed: ['golden'], undone: ['release'] }), 'undo isolates'],
    ['the switch failed while callers wait', drained('switch', { failed: ['switch'] }), 'end committed'],
    ['the switch failed', { ended: upTo('switch'), failed: ['switch'] }, 'end committed'],
    ['the drain failed', { ended: upTo('drain'), failed: ['drain'] }, 'run unload'],
    ['everything after the switch failed', { ended: DEPLOY, failed: ['drain', 'unload', 'confirm'] }, 'end done'],
    ['all steps went well', { ended: DEPLOY }, 'end done'],
  ];
  for (const [situation, changes, wanted] of cases) {
    test(`when ${situation}: ${wanted}`, () => {
      const action = nextAction(snapshot(changes));
      assert.equal(action.act === 'end' ? `end ${action.outcome}` : `${action.act} ${action.step}`, wanted);
    });
  }

  test('every rollout ends, whichever step fails first', () => {
    for (const [failing, manner] of [...DEPLOY.map((step) => [step, 'side by side'] as const), ...DRAINED.map((step) => [step, 'drain first'] as const)]) {
      let state = snapshot({ manner });
      for (let turn = 0; turn < 40; turn++) {
        const action = nextAction(state);
        if (action.act === 'end') break;
        if (action.act === 'undo') state = { ...state, undone: [...state.undone, action.step] };
        else {
          const failed = action.step === failing ? [...state.failed, failing] : state.failed;
          state = { ...state, ended: [...state.ended, action.step], failed };
        }
      }
      assert.equal(nextAction(state).act, 'end', failing);
    }
  });
});
