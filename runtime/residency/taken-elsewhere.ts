// The ledger counts what this host's pools hold. When a device has less than that, somebody else has taken it, and whoever waits
// for a model is told how much it needs and how much is there.
import type { DeviceInfo } from '../engine/port.ts';
import { PilotlightError } from '../errors.ts';
import { mib } from './room.ts';

export interface LoadNeed {
  /** For messages. */
  readonly name: string;
  readonly bytes: number;
  /** As it is after the load has failed; undefined for one that is gone. */
  readonly device: DeviceInfo | undefined;
}

/** Of an engine that found no memory where the ledger had some; any other error stays as it is. */
export function takenElsewhere(error: unknown, { name, bytes, device }: LoadNeed): unknown {
  if (!(error instanceof PilotlightError) || error.code !== 'NO_MEMORY' || device === undefined) return error;
  return new PilotlightError('NO_MEMORY',
    `${name} needs about ${mib(bytes)} on ${device.device}, which its budget allows, but ${mib(device.freeBytes)} are free there: others than this host's ` +
    `models, or some that stay, hold the rest; lower the budget (setting devices) where they stay (${error.message})`,
    { cause: error, retryAfterS: error.retryAfterS ?? 1 });
}
