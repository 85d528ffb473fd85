// Quarantine as a test wills it: no file, no deaths.
import { PilotlightError } from '../../runtime/errors.ts';
import type { Treatment } from '../../deploy/rollout/quarantine.ts';

export class FakeQuarantine {
  /** By label; others are `early`. */
  readonly treatments = new Map<string, Treatment>();

  treatment(label: string): Treatment {
    return this.treatments.get(label) ?? 'early';
  }

  refusal(label: string): PilotlightError | undefined {
    return this.treatment(label) === 'never' ? new PilotlightError('QUARANTINED', `${label} is quarantined`, { retryAfterS: 60 }) : undefined;
  }

  async lift(name: string): Promise<void> {
    for (const label of this.treatments.keys()) if (label.startsWith(`${name}@`)) this.treatments.delete(label);
  }
}
