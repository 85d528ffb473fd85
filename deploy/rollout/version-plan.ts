// Turns a stored version into what the runtime takes: the function for the data plane, the pools for residency and the
// golden requests. Models are inspected here, so that a bad one is refused before anything is loaded.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EngineControl } from '../../runtime/engine/port.ts';
import type { DeclaredVersion, FunctionVersion, ModelBinding } from '../../runtime/function.ts';
import type { GoldenRequest } from '../../runtime/ingress/data-plane.ts';
import type { WantedPool } from '../../runtime/residency/fit.ts';
import type { TakenVariant } from '../../runtime/records.ts';
import type { Placement } from '../../runtime/residency/placement.ts';
import type { PoolPlan, WarmSample } from '../../runtime/residency/pool-plan.ts';
import { HANDLER_PATH } from '../bundle/bundle.ts';
import { warmInputPaths } from '../bundle/warm-inputs.ts';
import type { ManifestGolden, ManifestModel } from '../manifest/manifest.ts';
import { parseRoute } from '../manifest/route.ts';
import type { StoredVersion } from '../store/store.ts';
import type { GoldenCase } from './golden.ts';
import { placeModels, type PlacedModel, type PlaceModelsOptions } from './placed-models.ts';
import { readModel, type ReadModel } from './read-model.ts';
import { parseWarmSample } from './warm-sample-file.ts';

export interface VersionPlan {
  readonly function: FunctionVersion;
  readonly pools: readonly PoolPlan[];
  readonly golden: readonly GoldenCase[];
  /** Worth knowing of its models, no reason to stop. */
  readonly warnings: readonly string[];
}

export interface ExpectedPool extends WantedPool {
  /** The model's file in the bundle. */
  readonly path: string;
  readonly placement: Placement;
  /** Whether there was more than one place, or number of slots, for it. */
  readonly isChosen: boolean;
  /** Of a model with variants. */
  readonly variant?: TakenVariant;
}

export interface VersionPlanOptions extends PlaceModelsOptions {
  readonly engine: Pick<EngineControl, 'inspect' | 'capabilities' | 'devices'>;
}

/** Rejects BAD_MODEL naming function, binding and file, or all files where none fits this host. */
export async function planVersion(stored: StoredVersion, options: VersionPlanOptions): Promise<VersionPlan> {
  const { folder, bundle: { manifest } } = stored;
  const bound: { readonly model: ModelBinding; readonly pool: PoolPlan; readonly warnings: readonly string[] }[] = [];
  for (const placed of placeModels(stored, options)) bound.push(await bindModel(stored, placed, options.engine));
  return {
    function: { ...declaredVersion(stored), models: bound.map(({ model }) => model) },
    pools: bound.map(({ pool }) => pool),
    golden: manifest.warm.map((golden) => goldenCase(folder, golden)),
    warnings: bound.flatMap(({ warnings }) => warnings),
  };
}

/** The pools that a version will ask for, as far as its manifest tells: no model is read. Throws BAD_MODEL where no file fits this host. */
export function expectedPools(stored: StoredVersion, options: PlaceModelsOptions): readonly ExpectedPool[] {
  return placeModels(stored, options).map(({ binding, model, file, spec: { key, device }, placement, placedAs, variant }) => ({
    binding, path: file, key, device, pinned: model.residency === 'pinned', bytes: placement.bytes, placement, isChosen: placedAs.ask !== undefined,
    ...(variant === undefined ? {} : { variant }),
  }));
}

/** What can be told without a look at the models. */
export function declaredVersion({ name, version, folder, bundle: { manifest } }: StoredVersion): DeclaredVersion {
  const { vars, secrets, isolates, limits } = manifest;
  return { name, version, handlerFile: join(folder, HANDLER_PATH), routes: manifest.routes.map(parseRoute), vars, secrets, isolates, limits };
}

async function bindModel(stored: StoredVersion, placed: PlacedModel, engine: Pick<EngineControl, 'inspect'>) {
  const { binding, model, spec, placement: { bytes }, placedAs, variant } = placed;
  const read = await readModel(stored, placed, engine);
  const { signature } = read;
  const plan: PoolPlan = {
    spec,
    function: stored.name,
    binding,
    residency: model.residency,
    ...(model.idleTimeoutMs === undefined ? {} : { idleTimeoutMs: model.idleTimeoutMs }),
    ...(variant === undefined ? {} : { variant }),
    ...(read.from === 'file' ? { told: signature } : {}),
    bytes,
    placedAs,
    warm: { id: warmId(stored, model, read), runs: model.warm.runs, samples: (countMax) => samplesOf(stored, model, read, countMax) },
  };
  return { model: { binding, pool: spec, signature, preload: model.preload }, pool: plan, warnings: read.warnings };
}

async function samplesOf({ folder, bundle }: StoredVersion, model: ManifestModel, read: ReadModel, countMax?: number): Promise<readonly WarmSample[]> {
  const paths = warmInputPaths(model.warm.inputs, Object.keys(bundle.files)).slice(0, countMax);
  if (paths.length === 0) return read.samples.slice(0, countMax);
  return Promise.all(paths.map(async (path) => parseWarmSample(path, await readFile(join(folder, path), 'utf8'))));
}

/** The same for the same samples and runs, whichever version brings them. */
function warmId({ bundle }: StoredVersion, { warm }: ManifestModel, read: ReadModel): string {
  const paths = warmInputPaths(warm.inputs, Object.keys(bundle.files));
  const own = paths.map((path) => bundle.files[path]?.sha256);
  const identity = [warm.runs, ...(own.length > 0 ? own : read.samples.map(({ name }) => name))];
  return createHash('sha256').update(identity.join(' ')).digest('hex').slice(0, 16);
}

function goldenCase(folder: string, golden: ManifestGolden): GoldenCase {
  const { method, path } = parseRoute(golden.request);
  const { body } = golden;
  return {
    label: golden.request,
    expect: golden.expect,
    read: async (): Promise<GoldenRequest> => ({
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      path,
      headers: golden.headers,
      body: body === undefined ? undefined : await readFile(join(folder, body)),
    }),
  };
}
