// Looks whether a device was lost. What runs or waits on it fails by itself; once those answers are out the process is given up, since
// only a new one can have the device back.
import type { Clock } from '../clock.ts';
import type { LostDevice } from '../engine/port.ts';

export interface DeviceWatchOptions {
  readonly clock: Clock;
  /** Asked often. */
  readonly lost: () => readonly LostDevice[];
  /** For the first one, at once. */
  readonly onLost: (lost: LostDevice) => void;
  readonly giveUp: (reason: string) => void;
}

const LOOK_EVERY_MS = 200;
/** The answers of what failed with the device need a moment. */
const LAST_ANSWERS_MS = 500;

/** For the life of the process. */
export function watchDevices(options: DeviceWatchOptions): void {
  const { clock, lost, onLost, giveUp } = options;
  clock.after(LOOK_EVERY_MS, () => {
    const [first] = lost();
    if (first === undefined) return watchDevices(options);
    onLost(first);
    clock.after(LAST_ANSWERS_MS, () => giveUp(`lost the device ${first.device} (${first.reason})`));
  });
}
