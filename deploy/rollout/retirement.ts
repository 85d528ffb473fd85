// The end of whatever a function ran before: also what an earlier rollout could not stop. Traffic is on the new version
// already, so nothing here can fail the rollout; what is left is told and finished by the next one or a restart.
import { versionLabel } from '../../runtime/function.ts';
import { countOf } from './count-of.ts';
import type { RolloutParts } from './rollout-steps.ts';
import type { RolloutTarget } from './rollout-target.ts';
import type { StepTeller } from './step-teller.ts';
import { versionId } from './version-id.ts';
import { TIDY_LIMIT_MS, tidied, tooLate, within } from './within.ts';

/** A host that stops drains all its versions, and its end unloads them. */
const LEFT_TO_STOP = 'left to the host, which is stopping';

export class Retirement {
  readonly #parts: RolloutParts;
  readonly #target: RolloutTarget;
  /** The versions that stay; none after a delete. */
  readonly #kept: () => ReadonlySet<string>;

  constructor(parts: RolloutParts, target: RolloutTarget, kept: () => ReadonlySet<string>) {
    this.#parts = parts;
    this.#target = target;
    this.#kept = kept;
  }

  async drain(tell: StepTeller): Promise<string> {
    const { dataPlane, drainTimeoutMs, clock, signal } = this.#parts;
    const { name } = this.#target;
    let cut = 0;
    try {
      for (const version of this.#oldVersions()) {
        cut += await within(dataPlane.drain(name, version, drainTimeoutMs), {
          clock, signal, limitMs: drainTimeoutMs + TIDY_LIMIT_MS, late: () => tooLate(`draining ${versionLabel({ name, version })}`),
        });
      }
    } catch (error) {
      if (signal.aborted) return LEFT_TO_STOP;
      throw error;
    }
    if (cut > 0) tell.warn(`${countOf(cut, 'request')} of the old version cut after drainTimeoutMs (${drainTimeoutMs} ms)`);
    return cut === 0 ? 'nothing is in flight any more' : `${cut} cut`;
  }

  async unload(): Promise<string> {
    const { dataPlane, residency, store, clock, signal } = this.#parts;
    const { name, kind } = this.#target;
    if (kind === 'delete') await store.secrets.deleteAll(name);
    const old = this.#oldVersions();
    // Stopped here, they would lose the requests that the host's own drain still waits for.
    if (signal.aborted && old.length > 0) return LEFT_TO_STOP;
    for (const version of old) {
      // Isolates first: a lease of theirs would keep a pool busy.
      await tidied('stopping the old isolates', dataPlane.stop(name, version), clock);
      await tidied('unloading the old pools', residency.forget(versionId(name, version)), clock);
    }
    return old.length === 0 ? 'no other version has to stop' : old.map((version) => versionLabel({ name, version })).join(', ');
  }

  async confirm(tell: StepTeller): Promise<string> {
    const { residency, store } = this.#parts;
    const { name } = this.#target;
    for (const damaged of await store.collect()) tell.warn(`the kept version ${versionLabel(damaged)} is damaged in the store; deploy ${damaged.name} again`);
    const keptIds = new Set([...this.#kept()].map((version) => versionId(name, version)));
    const left = residency.pools().filter(({ functions }) => functions.some((id) => id.startsWith(`${name}@`) && !keptIds.has(id)));
    if (left.length > 0) tell.warn(`drift: ${countOf(left.length, 'pool')} of an older version still held`);
    return left.length === 0 ? 'nothing is left of older versions' : 'finished by the next rollout or restart';
  }

  #oldVersions(): readonly string[] {
    const kept = this.#kept();
    const { name } = this.#target;
    const running = this.#parts.dataPlane.snapshot().filter((one) => one.name === name).map(({ version }) => version);
    const ids = this.#parts.residency.pools().flatMap(({ functions }) => functions).filter((id) => id.startsWith(`${name}@`));
    // Isolates that are gone may have left their pools behind.
    const all = new Set([...running, ...ids.map((id) => id.slice(name.length + 1))]);
    return [...all].filter((version) => !kept.has(version));
  }
}
