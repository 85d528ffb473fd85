// Resident memory of a host process, as the system counts it.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { BenchHost } from './bench-host.ts';

/** Collections and freed pages need a moment to be seen. */
const SETTLE_MS = 1500;

export async function settledBytes(host: BenchHost): Promise<number> {
  await settle();
  return residentBytes(host);
}

export async function settle(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
}

export async function residentBytes(host: BenchHost): Promise<number> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(host.hostPid)]);
  return Number(stdout) * 1024;
}
