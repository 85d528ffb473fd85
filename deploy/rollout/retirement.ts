// The end of whatever a function ran before: also what an earlier rollout could not stop. Traffic is on the new version
// already, so nothing here can fail the rollout; what is left is told and finished by the next one or a restart.
import { versionLabel } from '../../runtime/function.ts';
import type { RolloutParts } from './rollout-steps.ts';
import type { RolloutTarget } from './rollout-target.ts';
import { countOf, type StepTeller } from './step-teller.ts';
import { versionId } from './version-id.ts';
import { TIDY_LIMIT_MS, tidied, tooLate, within } from './within.ts';

export class Retirement {
  readonly #parts: RolloutParts;
  readonly #target: RolloutTarget;
  /** The version that stays; none after a delete. */
  readonly #kept: () => string | undefined;

  constructor(parts: RolloutParts, target: RolloutTarget, kept: () => string | undefined) {
    this.#parts = parts;
    this.#target = target;
    this.#kept = kept;
  }

  async drain(tell: StepTeller): Promise<string> {
    const { dataPlane, drainTimeoutMs, clock, signal } = this.#parts;
    const { name } = this.#target;
    let cut = 0;
    for (const version of this.#oldVersions()) {
      cut += await within(dataPlane.drain(name, version, drainTimeoutMs), {
        clock, signal, limitMs: drainTimeoutMs + TIDY_LIMIT_MS, late: () => tooLate(`draining ${versionLabel({ name, version })}`),
      });
    }
    if (cut > 0) tell.warn(`${countOf(cut, 'request')} of the old version cut after drainTimeoutMs (${drainTimeoutMs} ms)`);
    return cut === 0 ? 'nothing is in flight any more' : `${cut} cut`;
  }

  async unload(): Promise<string> {
    const { dataPlane, residency, store, clock } = this.#parts;
    const { name, kind } = this.#target;
    const old = this.#oldVersions();
    for (const version of old) {
      // Isolates first: a lease of theirs would keep a pool busy.
      await tidied('stopping the old isolates', dataPlane.stop(name, version), clock);
      await tidied('unloading the old pools', residency.forget(versionId(name, version)), clock);
    }
    if (kind === 'delete') await store.secrets.deleteAll(name);
    return old.length === 0 ? 'there was no older version' : old.map((version) => versionLabel({ name, version })).join(', ');
  }

  async confirm(tell: StepTeller): Promise<string> {
    const { residency, store } = this.#parts;
    const { name } = this.#target;
    await store.collect();
    const kept = this.#kept();
    const keptId = kept === undefined ? undefined : versionId(name, kept);
    const left = residency.pools().filter(({ functions }) => functions.some((id) => id.startsWith(`${name}@`) && id !== keptId));
    if (left.length > 0) tell.warn(`drift: ${countOf(left.length, 'pool')} of an older version still held`);
    return left.length === 0 ? 'nothing is left of older versions' : 'finished by the next rollout or restart';
  }

  #oldVersions(): readonly string[] {
    const kept = this.#kept();
    const { name } = this.#target;
    return this.#parts.dataPlane.snapshot().filter((one) => one.name === name && one.version !== kept).map(({ version }) => version);
  }
}
