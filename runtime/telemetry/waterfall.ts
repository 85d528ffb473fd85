// Draws a span tree as text, one line a span: what a person reads to see where the time of a request went.
import { ATTRIBUTES } from './names.ts';
import type { Span } from './span-tree.ts';

export interface WaterfallOptions {
  /** Columns of the bar. */
  readonly barColumns?: number;
  /** Spans of one parent beyond this many are summed up in one line. */
  readonly siblingsMax?: number;
}

export function waterfall(root: Span, options: WaterfallOptions = {}): string {
  const { barColumns = 44, siblingsMax = 6 } = options;
  const rows = flatten(root, 0, siblingsMax);
  const nameColumns = Math.max(...rows.map(({ name }) => name.length));
  const scale = barColumns / Math.max(root.endMs - root.startMs, 0.001);
  return rows.map(({ name, span }) => {
    const from = clamp(Math.floor((span.startMs - root.startMs) * scale), 0, barColumns - 1);
    const to = clamp(Math.ceil((span.endMs - root.startMs) * scale), from + 1, barColumns);
    const bar = ' '.repeat(from) + '█'.repeat(to - from) + ' '.repeat(barColumns - to);
    return `${name.padEnd(nameColumns)}  ${durationText(span.endMs - span.startMs).padStart(9)}  ▏${bar}▕`;
  }).join('\n');
}

interface Row {
  readonly name: string;
  readonly span: Span;
}

function flatten(span: Span, depth: number, siblingsMax: number): Row[] {
  const shape = span.attributes[ATTRIBUTES.shape];
  const what = shape === undefined ? span.name : `${span.name} slot ${span.attributes[ATTRIBUTES.slot]} ${shape}`;
  const name = `${'  '.repeat(depth)}${what}${span.error === undefined ? '' : ` ! ${span.error}`}`;
  const shown = span.children.slice(0, siblingsMax);
  const rest = span.children.slice(siblingsMax);
  const rows = [{ name, span }, ...shown.flatMap((child) => flatten(child, depth + 1, siblingsMax))];
  const first = rest[0];
  const last = rest.at(-1);
  if (first === undefined || last === undefined) return rows;
  const summed: Span = { ...first, name: `${rest.length} more`, endMs: last.endMs, attributes: {}, children: [] };
  return [...rows, { name: `${'  '.repeat(depth + 1)}${summed.name}`, span: summed }];
}

function durationText(ms: number): string {
  return ms >= 1000 ? `${(ms / 1000).toFixed(2)} s` : `${ms.toFixed(ms >= 100 ? 0 : 2)} ms`;
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max);
}
