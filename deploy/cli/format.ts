// Sizes, times, paths and tables as people read them.
import { relative } from 'node:path';
import type { Paint } from './terminal.ts';

export function formatBytes(bytes: number): string {
  if (bytes < 0) return `-${formatBytes(-bytes)}`;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${unit === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${units[unit] ?? ''}`;
}

export function formatMs(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(ms < 100_000 ? 1 : 0)} s`;
}

/** `3 min ago`; `nowMs` is Unix time. */
export function formatAgo(iso: string | undefined, nowMs: number): string {
  if (iso === undefined) return '-';
  const s = Math.max(0, (nowMs - Date.parse(iso)) / 1000);
  if (s < 60) return `${s.toFixed(0)} s ago`;
  if (s < 3600) return `${(s / 60).toFixed(0)} min ago`;
  return s < 172_800 ? `${(s / 3600).toFixed(0)} h ago` : `${(s / 86_400).toFixed(0)} d ago`;
}

/** From the working folder, or absolute where that would climb out of it. */
export function formatPath(path: string, folder: string): string {
  const inner = relative(folder, path);
  if (inner === '') return '.';
  return inner.startsWith('..') ? path : inner;
}

export interface Column<Row> {
  readonly title: string;
  readonly align?: 'left' | 'right';
  cell(row: Row): string;
}

/** Ends with a newline. The last left column is not padded, so that lines carry no trailing spaces. */
export function formatTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[], paint: Paint): string {
  const cells = rows.map((row) => columns.map((column) => column.cell(row)));
  const widths = columns.map(({ title }, index) => Math.max(title.length, ...cells.map((row) => row[index]?.length ?? 0)));
  const line = (texts: readonly string[]): string => texts.map((text, index) => {
    const width = widths[index] ?? 0;
    return columns[index]?.align === 'right' ? text.padStart(width) : text.padEnd(width);
  }).join('  ').trimEnd();
  return [paint.faint(line(columns.map(({ title }) => title))), ...cells.map(line)].map((text) => `${text}\n`).join('');
}
