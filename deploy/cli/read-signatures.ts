// Reads what the models of a folder take and give, with the engine in the CLI's own process.
import { join } from 'node:path';
import type { Signature } from '../../runtime/engine/tensor.ts';
import { PilotlightError, describeThrown, toPlainError } from '../../runtime/errors.ts';
import { backendOf } from '../rollout/version-plan.ts';
import { clientConfig, type HostOptions } from './find-admin.ts';
import { localEngine } from './local-engine.ts';
import type { Terminal } from './terminal.ts';

/** By binding. Throws BAD_MODEL naming binding and file. */
export async function readSignatures(
  folder: string, models: Readonly<Record<string, { readonly path: string }>>, options: Pick<HostOptions, 'config'>, terminal: Terminal,
): Promise<Readonly<Record<string, Signature>>> {
  const bindings = Object.entries(models);
  if (bindings.length === 0) return {};
  const engine = await localEngine(clientConfig(options, terminal).onnxruntimeLibrary);
  const signatures: Record<string, Signature> = {};
  for (const [binding, { path }] of bindings) {
    const place = `model ${binding} (${path})`;
    try {
      signatures[binding] = await engine.inspect(join(folder, path), backendOf(path));
    } catch (error) {
      throw new PilotlightError(toPlainError(error, 'BAD_MODEL').code, `${place}: ${describeThrown(error)}`, { cause: error });
    }
  }
  return signatures;
}
