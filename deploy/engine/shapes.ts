// Reads `--shapes image:1x3x224x224..8x..64x`: the smallest, the usual and the largest shape that a plan shall take for an input.
import { PilotlightError } from '../../runtime/errors.ts';

/** Of one input in one optimization profile. */
export interface ShapeRange {
  readonly input: string;
  /** From 0: an input that is named again is in the next one. */
  readonly profile: number;
  /** `values`: of an input that itself holds a shape. */
  readonly of: 'axes' | 'values';
  readonly min: readonly number[];
  readonly opt: readonly number[];
  readonly max: readonly number[];
}

const FORMS = 'INPUT:MIN..OPT..MAX such as image:1x3x224x224..8x3x224x224..64x3x224x224, in short image:1x3x224x224..8x..64x, INPUT:MIN..MAX, or one shape alone; '
  + 'values of a shape tensor as size:[1,1]..[4,4]..[8,8]';

/** Throws BAD_REQUEST naming the text. */
export function parseShapes(texts: readonly string[]): readonly ShapeRange[] {
  const seen = new Map<string, number>();
  return texts.map((text) => {
    // Names of inputs may have colons themselves.
    const at = text.lastIndexOf(':');
    if (at < 1) throw refuse(text, 'it names no input');
    const input = text.slice(0, at);
    const profile = seen.get(input) ?? 0;
    seen.set(input, profile + 1);
    return { input, profile, ...parseRange(text, text.slice(at + 1)) };
  });
}

function parseRange(text: string, range: string): Pick<ShapeRange, 'of' | 'min' | 'opt' | 'max'> {
  const parts = range.split('..');
  if (parts.length > 3) throw refuse(text, `it has ${parts.length} shapes`);
  const of = range.startsWith('[') ? 'values' : 'axes';
  const min = parsePart(text, parts[0] ?? '', of, undefined);
  const [second, third] = parts.slice(1).map((part) => parsePart(text, part, of, min));
  const [opt, max] = [third === undefined ? second ?? min : second ?? min, third ?? second ?? min];
  for (const [axis, size] of min.entries()) {
    const [usual, largest] = [opt[axis] ?? 0, max[axis] ?? 0];
    if (size > usual || usual > largest) throw refuse(text, `axis ${axis} goes ${size}..${usual}..${largest}, and must not shrink`);
  }
  return { of, min, opt, max };
}

/** A part that ends in `x` takes its other axes from the first one. */
function parsePart(text: string, part: string, of: ShapeRange['of'], first: readonly number[] | undefined): readonly number[] {
  const isShort = of === 'axes' && first !== undefined && part.endsWith('x');
  const inner = isShort ? part.slice(0, -1) : of === 'values' ? part.replace(/^\[(.*)\]$/, '$1') : part;
  const sizes = inner.split(of === 'axes' ? 'x' : ',').map((size) => (/^\d{1,15}$/.test(size.trim()) ? Number(size) : Number.NaN));
  if (sizes.some(Number.isNaN)) throw refuse(text, `"${part}" is no shape`);
  const whole = isShort ? [...sizes, ...first.slice(sizes.length)] : sizes;
  if (first !== undefined && whole.length !== first.length) throw refuse(text, `"${part}" has ${whole.length} axes, the first shape ${first.length}`);
  return whole;
}

/** As the builder's command line takes them. */
export function shapeArguments(ranges: readonly ShapeRange[]): string[] {
  return ranges.flatMap(({ input, profile, of, min, opt, max }) => {
    const [option, separator] = of === 'axes' ? ['--profile-shapes', 'x'] : ['--profile-values', ','];
    return [option, String(profile), input, ...[min, opt, max].map((sizes) => sizes.join(separator))];
  });
}

function refuse(text: string, why: string): PilotlightError {
  return new PilotlightError('BAD_REQUEST', `--shapes ${text}: ${why}; write it as ${FORMS}`);
}
