// Structured JSON logs, one event a line on standard output, written by the control thread alone: one event per
// decision, names of events are fixed words, everything else is a field.
import { pino } from 'pino';
import type { Logger } from 'pino';

export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

export interface LogOptions {
  readonly level: string;
}

/** Writes without blocking: a reader that stalls must not stall requests. */
export function openLog(options: LogOptions): { readonly log: Log; flush(): void } {
  const destination = pino.destination({ dest: 1, sync: false, maxLength: 16 * 1024 * 1024 });
  const log = pino({
    level: options.level, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime, messageKey: 'event',
    formatters: { level: (label) => ({ level: label }) },
  }, destination);
  return {
    log,
    flush: () => {
      try {
        destination.flushSync();
      } catch {
        // Not open yet or the reader has gone: nothing more can be told to it.
      }
    },
  };
}
