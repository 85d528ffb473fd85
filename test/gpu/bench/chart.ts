// Two kinds of charts as SVG text: lines over a number, bars in groups. A library for this would bring some sixty packages or as many
// megabytes; these pictures need axes, a legend and nothing that moves.

export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface LineChart {
  readonly title: string;
  /** Small, beneath the title. */
  readonly note: string;
  readonly x: string;
  readonly y: string;
  readonly series: readonly Series[];
}

export interface BarChart {
  readonly title: string;
  readonly note: string;
  readonly y: string;
  /** `log`: from the power of ten below the least value. */
  readonly scale: 'linear' | 'log';
  readonly groups: readonly string[];
  /** A value for each group. */
  readonly series: readonly { readonly name: string; readonly values: readonly number[] }[];
}

interface Axis {
  readonly at: (value: number) => number;
  readonly ticks: readonly number[];
}

const [WIDTH, HEIGHT] = [820, 420];
const AREA = { left: 76, right: 796, top: 96, bottom: 348 };
// Told apart without colour vision too; readable on light and dark pages.
const COLOURS = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00'];
const FONT = 'font-family="system-ui, -apple-system, \'Segoe UI\', Helvetica, Arial, sans-serif" font-size="12"';
const TICKS = 5;
const LETTER = 7.2;

export function lineChart({ title, note, x, y, series }: LineChart): string {
  const places = [...new Set(series.flatMap(({ points }) => points.map(([at]) => at)))].sort((a, b) => a - b);
  const vertical = linear(Math.max(...series.flatMap(({ points }) => points.map(([, value]) => value))));
  // Slots double: equal steps show each doubling alike.
  const horizontal = (at: number): number => AREA.left + 24 + (AREA.right - AREA.left - 48) * (places.length < 2 ? 0.5 : places.indexOf(at) / (places.length - 1));
  const lines = series.flatMap(({ points }, index) => {
    const drawn = points.map(([at, value]) => [horizontal(at), vertical.at(value)] as const);
    const colour = colourOf(index);
    return [
      `<polyline fill="none" stroke="${colour}" stroke-width="2.5" points="${drawn.map(([left, top]) => `${round(left)},${round(top)}`).join(' ')}"/>`,
      ...drawn.map(([left, top]) => `<circle cx="${round(left)}" cy="${round(top)}" r="4" fill="${colour}"/>`),
    ];
  });
  const names = places.map((at) => label(String(at), horizontal(at), AREA.bottom + 20, 'middle'));
  return framed({ title, note, y, names: series.map(({ name }) => name), axis: vertical }, [...lines, ...names, label(x, (AREA.left + AREA.right) / 2, AREA.bottom + 42, 'middle')]);
}

export function barChart({ title, note, y, scale, groups, series }: BarChart): string {
  const values = series.flatMap((one) => one.values).filter((value) => value > 0);
  const axis = scale === 'log' ? logarithmic(Math.min(...values), Math.max(...values)) : linear(Math.max(...values));
  const wide = (AREA.right - AREA.left) / groups.length;
  const bar = Math.min(64, (wide * 0.8) / series.length);
  const bars = groups.flatMap((_, group) => series.flatMap(({ values: heights }, index) => {
    const value = heights[group] ?? 0;
    if (value <= 0) return [];
    const left = AREA.left + wide * (group + 0.5) + bar * (index - series.length / 2);
    const top = axis.at(value);
    return [
      `<rect x="${round(left + 1)}" y="${round(top)}" width="${round(bar - 2)}" height="${round(AREA.bottom - top)}" fill="${colourOf(index)}"/>`,
      label(shown(value), left + bar / 2, top - 5, 'middle'),
    ];
  }));
  const names = groups.map((name, group) => label(name, AREA.left + wide * (group + 0.5), AREA.bottom + 20, 'middle'));
  return framed({ title, note, y, names: series.map(({ name }) => name), axis }, [...bars, ...names]);
}

interface Frame {
  readonly title: string;
  readonly note: string;
  readonly y: string;
  /** Of the series. */
  readonly names: readonly string[];
  readonly axis: Axis;
}

function framed({ title, note, y, names, axis }: Frame, inside: readonly string[]): string {
  const grid = axis.ticks.flatMap((tick) => {
    const top = round(axis.at(tick));
    return [`<line class="grid" x1="${AREA.left}" x2="${AREA.right}" y1="${top}" y2="${top}"/>`, label(shown(tick), AREA.left - 8, axis.at(tick) + 4, 'end')];
  });
  let left = AREA.left;
  const legend = names.flatMap((name, index) => {
    const at = left;
    left += 34 + name.length * LETTER;
    return [`<rect x="${round(at)}" y="66" width="12" height="12" rx="2" fill="${colourOf(index)}"/>`, label(name, at + 18, 76, 'start')];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-labelledby="title" ${FONT}>`,
    `<title id="title">${escaped(title)}</title>`,
    '<style>text { fill: #57606a } .title { fill: #24292f; font-size: 16px; font-weight: 600 } .grid { stroke: #8c959f; stroke-opacity: .35 }',
    '@media (prefers-color-scheme: dark) { text { fill: #9198a1 } .title { fill: #f0f6fc } }</style>',
    `<text class="title" x="${AREA.left}" y="28">${escaped(title)}</text>`, label(note, AREA.left, 48, 'start'),
    ...legend, label(y, AREA.left - 8, AREA.top - 12, 'end'), ...grid, ...inside, '</svg>', '',
  ].join('\n');
}

function linear(most: number): Axis {
  const rough = most / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5, 10].find((nice) => nice * power >= rough) ?? 10) * power;
  const top = Math.ceil(most / step) * step;
  return { at: (value) => AREA.bottom - (value / top) * (AREA.bottom - AREA.top), ticks: Array.from({ length: Math.round(top / step) + 1 }, (_, index) => index * step) };
}

function logarithmic(least: number, most: number): Axis {
  // Some way below the least, so that its bar can be seen.
  const low = Math.floor(Math.log10(least * 0.7));
  const high = Math.max(Math.ceil(Math.log10(most)), low + 1);
  const at = (value: number): number => AREA.bottom - ((Math.log10(value) - low) / (high - low)) * (AREA.bottom - AREA.top);
  return { at, ticks: Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index)) };
}

function label(text: string, left: number, top: number, anchor: 'start' | 'middle' | 'end'): string {
  return `<text x="${round(left)}" y="${round(top)}" text-anchor="${anchor}">${escaped(text)}</text>`;
}

function colourOf(index: number): string {
  return COLOURS[index % COLOURS.length] ?? '#000';
}

function shown(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(3)));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
