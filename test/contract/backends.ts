// The backends that the contract is held against, each with model files of its own that do the same.
import type { Backend, DeviceName } from '../../runtime/engine/port.ts';
import type { ElementType } from '../../runtime/engine/tensor.ts';
import { doublePlanOf, DoubleScript } from '../support/nvidia-double.ts';
import { onnxModel } from '../support/onnx-model.ts';
import { identity, slow } from '../support/sample-models.ts';

/** Model files that do the same on every backend. */
export interface Models {
  readonly backend: Backend;
  /** Where it runs; on the CPU when left out. */
  readonly device?: DeviceName;
  /** Of tensors that it has; all when left out. */
  readonly types?: readonly ElementType[];
  /** How it calls an axis that may have any size. */
  readonly anyRows: string | number;
  /** Around runs of `endless`, where they do not go on by themselves. */
  readonly hold?: () => void;
  readonly letGo?: () => void;
  /** `y` is `x`, of shape [rows, 2]. */
  readonly echo: (type: ElementType) => string | Uint8Array;
  /** Takes until it is told to stop: `x` [n, n] to `y`. */
  readonly endless: string | Uint8Array;
  /** `x` [n] to `first` and `second`. */
  readonly twoOutputs: string | Uint8Array;
  /** Not a model. */
  readonly broken: string | Uint8Array;
}

const double = new DoubleScript();
// Read when its driver is opened, in this process.
Object.assign(process.env, double.env);

/** After the last test. */
export function forgetDouble(): void {
  double.remove();
}

export const BACKENDS: readonly Models[] = [
  {
    backend: 'tensorrt',
    device: 'gpu:0',
    types: ['float32', 'float16', 'bfloat16', 'int8', 'uint8', 'int32', 'int64', 'bool'],
    anyRows: -1,
    // What a GPU has begun nothing can stop: it holds all runs back instead.
    hold: () => double.tell('hold=1'),
    letGo: () => double.tell('hold=0'),
    echo: (type) => doublePlanOf([`input x ${type} -1x2`, 'profile 0 x 1x2 8x2 262144x2', `output y ${type} -1x2 affine x`]),
    endless: doublePlanOf(['input x float32 -1x-1', 'profile 0 x 1x1 8x8 384x384', 'output y float32 -1x-1 affine x']),
    twoOutputs: doublePlanOf(['input x float32 -1', 'profile 0 x 1 2 8', 'output first float32 -1 affine x', 'output second float32 -1 affine x']),
    broken: 'no model at all\n',
  },
  {
    backend: 'fake',
    anyRows: 'rows',
    echo: (type) => `pilotlight-fake 1\ninput x ${type} [rows,2]\noutput y ${type} [rows,2]\n`,
    endless: 'pilotlight-fake 1\ninput x float32 [n,n]\noutput y float32 [n,n]\nhang\n',
    twoOutputs: 'pilotlight-fake 1\ninput x float32 [n]\noutput first float32 [n]\noutput second float32 [n]\n',
    broken: 'no model at all\n',
  },
  {
    backend: 'onnxruntime',
    anyRows: 'rows',
    echo: (type) => identity(type, ['rows', 2]),
    endless: slow(2000),
    twoOutputs: onnxModel({
      inputs: [{ name: 'x', type: 'float32', shape: ['n'] }],
      outputs: [{ name: 'first', type: 'float32', shape: ['n'] }, { name: 'second', type: 'float32', shape: ['n'] }],
      nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['first'] }, { op: 'Identity', inputs: ['x'], outputs: ['second'] }],
    }),
    broken: 'no model at all\n',
  },
];
