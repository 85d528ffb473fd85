// The settings that the engines go by, in their words: the same for a host and for commands that need none.
import type { Config } from '../config.ts';
import type { NativeEngineOptions } from '../engine/native-engine.ts';
import { simulatedDevicesOf } from './simulated-devices.ts';

export function engineOptionsOf(
  { onnxruntimeLibrary, cudaLibraries, cudaDriver, tensorrtLibrary, tensorrtPlugins, versionCompatiblePlans, gpuPollPauseUs, simulatedDevices }: Config,
): NativeEngineOptions {
  return {
    ...(onnxruntimeLibrary === undefined ? {} : { onnxruntimeLibrary }),
    cudaLibraries,
    ...(cudaDriver === undefined ? {} : { cudaDriver }),
    ...(tensorrtLibrary === undefined ? {} : { tensorrtLibrary }),
    tensorrtPlugins,
    planHostCode: versionCompatiblePlans ? 'allowed' : 'refused',
    gpuPollPauseUs,
    simulatedDevices: simulatedDevicesOf(simulatedDevices),
  };
}
