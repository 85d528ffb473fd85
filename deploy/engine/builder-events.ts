// The lines that the builder's process speaks; native/src/builder/ writes them.
import type { ElementType } from '../../runtime/engine/tensor.ts';

export type BuilderEvent =
  | LibraryEvent | DeviceEvent | NetworkEvent | LayerEvent | PhaseEvent | EngineEvent | FailedEvent | OutputEvent
  | { readonly event: 'waiting' | 'warning' | 'log' | 'call' | 'calibration-cache'; readonly detail: string }
  | { readonly event: 'step'; readonly step: 'create' | 'parse' | 'build'; readonly ms: number }
  | { readonly event: 'calibration'; readonly sample: number; readonly samples: number }
  | { readonly event: 'plan' | 'timing-cache'; readonly path: string; readonly bytes: number }
  | { readonly event: 'inspection'; readonly text: string }
  | { readonly event: 'done' };

export interface LibraryEvent {
  readonly event: 'library';
  /** `10.6.0` */
  readonly version: string;
  readonly path: string;
  readonly plugins: readonly string[];
}

export interface DeviceEvent {
  readonly event: 'device';
  readonly name: string;
  readonly computeCapability: string;
  /** The CUDA version that the driver supports: 13000. */
  readonly driver: number;
  readonly totalBytes: number;
  readonly freeBytes: number;
}

export interface NetworkTensor {
  readonly name: string;
  /** TensorRT has types that no tensor here can have, fp8 for example. */
  readonly type: string;
  /** -1: dynamic. */
  readonly shape: readonly number[];
  /** Its values decide shapes. */
  readonly isShape: boolean;
}

export interface NetworkEvent {
  readonly event: 'network';
  readonly inputs: readonly NetworkTensor[];
  readonly outputs: readonly NetworkTensor[];
  readonly layers: number;
}

/** Before any fusion. */
export interface LayerEvent {
  readonly event: 'layer';
  readonly name: string;
  readonly type: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly NetworkTensor[];
  /** One, where the layer is a plugin. */
  readonly plugins: readonly { readonly name: string; readonly version: string; readonly namespace: string }[];
}

/** Of TensorRT's own progress. */
export interface PhaseEvent {
  readonly event: 'phase';
  readonly state: 'started' | 'step' | 'finished';
  readonly phase: string;
  /** Of `started`: the phase around it, '' if none. */
  readonly parent?: string;
  readonly steps?: number;
  readonly step?: number;
}

export interface EngineTensor extends NetworkTensor {
  readonly isInput: boolean;
  /** Of an input: sizes, or the values of one whose values decide shapes. */
  readonly profiles: readonly { readonly min: readonly number[]; readonly opt: readonly number[]; readonly max: readonly number[] }[];
}

export interface EngineEvent {
  readonly event: 'engine';
  readonly tensors: readonly EngineTensor[];
  readonly profiles: number;
  readonly layers: number;
  /** Of one execution context. */
  readonly scratchBytes: number;
  readonly hardwareCompatibility: number;
}

export interface OutputEvent {
  readonly event: 'output';
  readonly sample: number;
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  /** Its bytes. */
  readonly path: string;
}

export interface FailedEvent {
  readonly event: 'failed';
  /** Of native/src/core/status.h. */
  readonly code: number;
  readonly message: string;
}
