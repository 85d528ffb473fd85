// The engine in the CLI's own process, for what needs no host: reading models, telling what this machine has.
import { describeThrown } from '../../runtime/errors.ts';
import type { EngineControl } from '../../runtime/engine/port.ts';
import { CliFailure } from './cli-failure.ts';

/** Loaded when asked for: only a few commands need the addon, and all others must work without it. */
export async function localEngine(onnxruntimeLibrary: string | undefined): Promise<Pick<EngineControl, 'capabilities' | 'devices' | 'inspect'>> {
  try {
    const { NativeEngine } = await import('../../runtime/engine/native-engine.ts');
    return new NativeEngine(onnxruntimeLibrary === undefined ? {} : { onnxruntimeLibrary });
  } catch (error) {
    throw new CliFailure(`the native addon cannot be loaded: ${describeThrown(error)}; \`npm run set-up\` builds it`, 1, error);
  }
}
