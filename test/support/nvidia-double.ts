// The double of NVIDIA's libraries (native/double) for tests: where it lies, what it is told, and plans that it can run.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { planHead } from './plan-files.ts';

/** Built by `node native/build.mjs --double`. */
export const DOUBLE_FOLDER = fileURLToPath(new URL('../../../native/build/double/', import.meta.url)).replace(/\/$/, '');
export const DOUBLE_PLUGIN = join(DOUBLE_FOLDER, 'libdouble_plugin.so');

/** The settings that make a host use the double. */
export const DOUBLE_FLAGS: readonly string[] = ['--cuda-driver', DOUBLE_FOLDER, '--tensorrt-library', DOUBLE_FOLDER];

/** Settings of one double (native/double/double.h), which may change while it is used. */
export class DoubleScript {
  readonly #folder = mkdtempSync(join(tmpdir(), 'pilotlight-double-'));
  readonly #file = join(this.#folder, 'control');
  readonly #settings: string;

  /** `gpus=2;bytes=1G` */
  constructor(settings = '') {
    this.#settings = settings;
    this.tell('');
  }

  /** For the processes that are to have it. */
  get env(): Readonly<Record<string, string>> {
    return { NVIDIA_DOUBLE: `${this.#settings};control=${this.#file}` };
  }

  /** From the next call on. */
  tell(settings: string): void {
    writeFileSync(this.#file, settings);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** As TensorRT of that version would have built it: `y` is what `lines` make of `x`, in rows of 2, 1 to 64 of them. */
export function doublePlan(lines: readonly string[] = [], version = '10.6.0.26'): Buffer {
  const text = ['pilotlight-double-plan 1', 'input x float32 -1x2', 'profile 0 x 1x2 8x2 64x2', 'output y float32 -1x2 affine x 2 1', ...lines, ''];
  return Buffer.concat([planHead(version), Buffer.from(text.join('\n'))]);
}

/** A plan of other inputs and outputs. */
export function doublePlanOf(lines: readonly string[], version = '10.6.0.26'): Buffer {
  return Buffer.concat([planHead(version), Buffer.from(['pilotlight-double-plan 1', ...lines, ''].join('\n'))]);
}
