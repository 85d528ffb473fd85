// Builds of engines on the double of NVIDIA's libraries: models that it understands, a place to build in, what was told.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BuilderEvent } from '../../deploy/engine/builder-events.ts';
import type { BuilderPlace } from '../../deploy/engine/builder-process.ts';
import type { EngineAsk, EngineListener } from '../../deploy/engine/build-engine.ts';
import type { Sample } from '../../deploy/engine/samples.ts';
import { parseShapes } from '../../deploy/engine/shapes.ts';
import { DOUBLE_FOLDER } from './nvidia-double.ts';
import { onnxModel, type OnnxGraph, type OnnxNode } from './onnx-model.ts';

const scalar = (name: string, value: number) => ({ name, type: 'float32', shape: [], data: new Float32Array([value]) }) as const;

/** `y = (x * 2 + 1) * 3` in rows of 4. */
export function scaled(nodes: readonly OnnxNode[] = []): Uint8Array {
  const graph: OnnxGraph = {
    inputs: [{ name: 'x', type: 'float32', shape: ['n', 4] }],
    outputs: [{ name: 'y', type: 'float32', shape: ['n', 4] }],
    nodes: nodes.length > 0 ? nodes : [
      { op: 'Mul', inputs: ['x', 'two'], outputs: ['doubled'] }, { op: 'Add', inputs: ['doubled', 'one'], outputs: ['more'] }, { op: 'Mul', inputs: ['more', 'three'], outputs: ['y'] },
    ],
    initializers: [scalar('one', 1), scalar('two', 2), scalar('three', 3)],
  };
  return onnxModel(graph);
}

/** Computes in halves. */
export function halved(): Uint8Array {
  return scaled([
    { op: 'Cast', inputs: ['x'], outputs: ['half'], attributes: { to: { int: 10 } } }, { op: 'Cast', inputs: ['half'], outputs: ['y'], attributes: { to: { int: 1 } } },
  ]);
}

export function summed(): Uint8Array {
  const value = (name: string) => ({ name, type: 'float32', shape: ['n', 4] }) as const;
  return onnxModel({ inputs: [value('a'), value('b')], outputs: [value('y')], nodes: [{ op: 'Add', inputs: ['a', 'b'], outputs: ['y'] }] });
}

export function rows(name: string, first: number): Sample {
  return { name, inputs: { x: { type: 'float32', shape: [2, 4], data: Float32Array.from({ length: 8 }, (_, index) => first + index) } } };
}

export class BuildFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'pilotlight-builds-'));
  readonly events: BuilderEvent[] = [];
  readonly #waiting: { readonly event: BuilderEvent['event']; readonly told: () => void }[] = [];

  at(name: string): string {
    return join(this.path, name);
  }

  /** What a build of this model asks for; `model.onnx` to `model.plan`. */
  ask(model: Uint8Array, changes: Partial<EngineAsk> & { readonly ranges?: readonly string[] } = {}): EngineAsk {
    writeFileSync(this.at('model.onnx'), model);
    const { ranges = ['x:1x4..2x..16x'], ...asked } = changes;
    return {
      model: this.at('model.onnx'), out: this.at('model.plan'), shapes: parseShapes(ranges), hardwareCompatibility: 'none', comparison: { samples: [] }, ...asked,
    };
  }

  /** `double`: settings of native/double/double.h. */
  place(changes: Partial<BuilderPlace> & { readonly double?: string } = {}): BuilderPlace {
    const { double = '', ...given } = changes;
    return {
      env: { ...process.env, LD_LIBRARY_PATH: DOUBLE_FOLDER, NVIDIA_DOUBLE: double }, library: DOUBLE_FOLDER, plugins: [], device: 0, lockFolder: this.path,
      signal: new AbortController().signal, ...given,
    };
  }

  readonly listener: EngineListener = {
    step: () => {},
    event: (event) => {
      this.events.push(event);
      for (const one of this.#waiting.splice(0)) {
        if (one.event === event.event) one.told();
        else this.#waiting.push(one);
      }
    },
  };

  /** The next one of this kind. */
  next(event: BuilderEvent['event']): Promise<void> {
    return new Promise((told) => this.#waiting.push({ event, told }));
  }

  details(event: 'warning' | 'calibration-cache'): readonly string[] {
    return this.events.flatMap((one) => (one.event === event && 'detail' in one ? [one.detail] : []));
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
