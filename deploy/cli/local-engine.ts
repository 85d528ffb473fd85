// The engine in the CLI's own process, for what needs no host: reading models, telling what this machine has.
import type { Config } from '../../runtime/config.ts';
import { engineOptionsOf } from '../../runtime/config/engine-options.ts';
import { describeThrown } from '../../runtime/errors.ts';
import type { NativeEngine } from '../../runtime/engine/native-engine.ts';
import { CliFailure } from './cli-failure.ts';

export type LocalEngine = Pick<NativeEngine, 'capabilities' | 'devices' | 'inspect' | 'libraries'>;

/** That loads and runs models too. */
export async function controlEngine(config: Config): Promise<NativeEngine> {
  return makeEngine(config);
}

/** As a host here would have it. Loaded when asked for: only a few commands need the addon, and all others must work without it. */
export async function localEngine(config: Config): Promise<LocalEngine> {
  return makeEngine(config);
}

async function makeEngine(config: Config): Promise<NativeEngine> {
  try {
    const { NativeEngine: Engine } = await import('../../runtime/engine/native-engine.ts');
    return new Engine(engineOptionsOf(config));
  } catch (error) {
    throw new CliFailure(`the native addon cannot be loaded: ${describeThrown(error)}; \`npm run set-up\` builds it`, 1, error);
  }
}
