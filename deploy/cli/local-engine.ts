// The engine in the CLI's own process, for what needs no host: reading models, telling what this machine has.
import type { Config } from '../../runtime/config.ts';
import { simulatedDevicesOf } from '../../runtime/config/simulated-devices.ts';
import { describeThrown } from '../../runtime/errors.ts';
import type { EngineControl } from '../../runtime/engine/port.ts';
import { CliFailure } from './cli-failure.ts';

export type LocalEngine = Pick<EngineControl, 'capabilities' | 'devices' | 'inspect'>;

/** As a host here would have it. Loaded when asked for: only a few commands need the addon, and all others must work without it. */
export async function localEngine({ onnxruntimeLibrary, simulatedDevices }: Pick<Config, 'onnxruntimeLibrary' | 'simulatedDevices'>): Promise<LocalEngine> {
  try {
    const { NativeEngine } = await import('../../runtime/engine/native-engine.ts');
    return new NativeEngine({ ...(onnxruntimeLibrary === undefined ? {} : { onnxruntimeLibrary }), simulatedDevices: simulatedDevicesOf(simulatedDevices) });
  } catch (error) {
    throw new CliFailure(`the native addon cannot be loaded: ${describeThrown(error)}; \`npm run set-up\` builds it`, 1, error);
  }
}
