// Reads what the models of a folder take and give, with the engine in the CLI's own process, and tells which of their variants
// this machine would take.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Capability } from '../../runtime/engine/port.ts';
import type { Signature } from '../../runtime/engine/tensor.ts';
import { PilotlightError, assert, describeThrown, toPlainError } from '../../runtime/errors.ts';
import type { PassedVariant } from '../../runtime/records.ts';
import { parseSidecar, sidecarPathOf, signatureOf } from '../engine/sidecar.ts';
import type { ManifestModel } from '../manifest/manifest.ts';
import { backendOf, variantsOf } from '../manifest/model-files.ts';
import { chooseVariant, type VariantChoice } from '../rollout/choose-variant.ts';
import { findDifference } from './find-difference.ts';
import { clientConfig, type HostOptions } from './find-admin.ts';
import { localEngine, type LocalEngine } from './local-engine.ts';
import type { Terminal } from './terminal.ts';

export interface ReadModel {
  /** Of the variant that this machine takes, else of the first that it can read; none where it can read none. */
  readonly signature?: Signature;
  /** Of a model with variants. */
  readonly variants?: VariantsHere;
  readonly warnings: readonly string[];
}

export interface VariantsHere {
  /** None: no variant fits this machine. */
  readonly path?: string;
  readonly passed: readonly PassedVariant[];
}

interface Place {
  readonly engine: LocalEngine;
  readonly folder: string;
  readonly binding: string;
}

/** By binding. Rejects BAD_MODEL naming binding and file, also where two variants of a model cannot stand for each other. */
export async function readModels(
  folder: string, models: Readonly<Record<string, ManifestModel>>, options: Pick<HostOptions, 'config'>, terminal: Terminal,
): Promise<ReadonlyMap<string, ReadModel>> {
  const read = new Map<string, ReadModel>();
  if (Object.keys(models).length === 0) return read;
  const engine = await localEngine(clientConfig(options, terminal));
  for (const [binding, model] of Object.entries(models)) {
    const place: Place = { engine, folder, binding };
    read.set(binding, 'variants' in model ? await readVariants(model, place) : { signature: await inspect(place, model.path), warnings: [] });
  }
  return read;
}

export function signaturesOf(models: ReadonlyMap<string, ReadModel>): ReadonlyMap<string, Signature> {
  return new Map([...models].flatMap(([binding, { signature }]) => (signature === undefined ? [] : [[binding, signature] as const])));
}

async function readVariants(model: ManifestModel, place: Place): Promise<ReadModel> {
  const { binding } = place;
  const { chosen, passed } = chooseVariant(model, { capabilities: place.engine.capabilities(), devices: place.engine.devices() });
  const found = new Map<string, Signature>();
  const warnings: string[] = [];
  if (chosen !== undefined) found.set(chosen.path, await inspect(place, chosen.path));
  else warnings.push(`model ${binding}: no variant of it fits this machine, so a host here would refuse it: ${describeReasons(passed)}`);
  for (const { path } of variantsOf(model)) {
    if (found.has(path)) continue;
    try {
      const told = await signatureBeside(place, path);
      if (told === undefined && capabilityFor(place, path)?.available !== true) continue;
      found.set(path, told ?? await inspect(place, path));
    } catch (error) {
      warnings.push(`${describeThrown(error)}; this machine would not take it`);
    }
  }
  refuseDifferences(binding, found);
  const [signature] = found.values();
  return { ...(signature === undefined ? {} : { signature }), variants: { ...(chosen === undefined ? {} : { path: chosen.path }), passed }, warnings };
}

function describeReasons(passed: VariantChoice['passed']): string {
  return passed.map(({ path, reason }) => `${path}: ${reason}`).join('; ');
}

/** The handler is written for one signature, whichever variant a host takes. */
function refuseDifferences(binding: string, found: ReadonlyMap<string, Signature>): void {
  const [first, ...others] = [...found];
  for (const [path, signature] of others) {
    if (first === undefined) return;
    const difference = findDifference(first[1], signature);
    if (difference === undefined) continue;
    throw new PilotlightError('BAD_MODEL', `model ${binding}: its variants ${first[0]} and ${path} cannot stand for each other: ${difference}; export both from one model`);
  }
}

function capabilityFor({ engine }: Place, path: string): Capability | undefined {
  return engine.capabilities().find(({ backend }) => backend === backendOf(path));
}

/** What a file beside a plan says of it: that can be read where there is no GPU. */
async function signatureBeside({ folder }: Place, path: string): Promise<Signature | undefined> {
  const beside = sidecarPathOf(path);
  if (backendOf(path) !== 'tensorrt' || !existsSync(join(folder, beside))) return undefined;
  return signatureOf(parseSidecar(await readFile(join(folder, beside), 'utf8'), beside));
}

async function inspect(place: Place, path: string): Promise<Signature> {
  const { engine, folder, binding } = place;
  const backend = capabilityFor(place, path)?.backend;
  assert(backend !== undefined, `${path} is read although no backend here takes it`);
  try {
    const device = engine.devices().find(({ backends }) => backends.includes(backend))?.device;
    return await signatureBeside(place, path) ?? await engine.inspect(join(folder, path), backend, device);
  } catch (error) {
    throw new PilotlightError(toPlainError(error, 'BAD_MODEL').code, `model ${binding} (${path}): ${describeThrown(error)}`, { cause: error });
  }
}
