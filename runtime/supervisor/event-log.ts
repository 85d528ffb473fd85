// The supervisor's few log lines: JSON on standard output like the host's. Written beside the event loop and
// bounded, because a reader that has stopped reading must not keep a host from being restarted.
import { write } from 'node:fs';
import type { LogLevel } from '../config.ts';
import type { SupervisorLog } from './supervisor.ts';

const LINES_WAITING_MAX = 100;
const STANDARD_OUTPUT = 1;
const ORDER: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

export function createEventLog(least: LogLevel): SupervisorLog {
  const waiting: string[] = [];
  let state: 'idle' | 'writing' = 'idle';
  const writeNext = (): void => {
    const line = waiting.shift();
    if (line === undefined) {
      state = 'idle';
      return;
    }
    state = 'writing';
    write(STANDARD_OUTPUT, line, writeNext);
  };
  return (level, event, text) => {
    if (ORDER.indexOf(level) < ORDER.indexOf(least) || waiting.length >= LINES_WAITING_MAX) return;
    waiting.push(`${JSON.stringify({ level, time: new Date().toISOString(), event, pid: process.pid, msg: text })}\n`);
    if (state === 'idle') writeNext();
  };
}
