// Turns a stored version into what the runtime takes: the function for the data plane, the pools for residency and the
// golden requests. Models are inspected here, so that a bad one is refused before anything is loaded.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EngineControl, PoolSpec } from '../../runtime/engine/port.ts';
import type { Signature } from '../../runtime/engine/tensor.ts';
import { PilotlightError, assert, type ErrorCode } from '../../runtime/errors.ts';
import type { DeclaredVersion, FunctionVersion, ModelBinding } from '../../runtime/function.ts';
import type { GoldenRequest } from '../../runtime/ingress/data-plane.ts';
import type { WantedPool } from '../../runtime/residency/fit.ts';
import type { TakenVariant } from '../../runtime/records.ts';
import type { PoolPlan, WarmSample } from '../../runtime/residency/pool-plan.ts';
import { HANDLER_PATH } from '../bundle/bundle.ts';
import { warmInputPaths } from '../bundle/warm-inputs.ts';
import type { ManifestGolden, ManifestModel } from '../manifest/manifest.ts';
import { parseRoute } from '../manifest/route.ts';
import type { StoredVersion } from '../store/store.ts';
import { chooseVariant, type ChosenFile } from './choose-variant.ts';
import type { GoldenCase } from './golden.ts';
import { parseWarmSample } from './warm-sample-file.ts';

const SLOT_BYTES = 2 ** 20;

export type HostView = Pick<EngineControl, 'capabilities' | 'devices'>;

export interface VersionPlan {
  readonly function: FunctionVersion;
  readonly pools: readonly PoolPlan[];
  readonly golden: readonly GoldenCase[];
}

export interface ExpectedPool extends WantedPool {
  /** The model's file in the bundle. */
  readonly path: string;
  /** Of a model with variants. */
  readonly variant?: TakenVariant;
}

export interface VersionPlanOptions {
  readonly engine: Pick<EngineControl, 'inspect' | 'capabilities' | 'devices'>;
  /** Slots of a model whose manifest names none. */
  readonly slotsDefault: number;
}

/** Rejects BAD_MODEL naming function, binding and file, or all files where none fits this host. */
export async function planVersion(stored: StoredVersion, options: VersionPlanOptions): Promise<VersionPlan> {
  const { folder, bundle: { manifest } } = stored;
  const bound: { readonly model: ModelBinding; readonly pool: PoolPlan }[] = [];
  for (const [binding, model] of Object.entries(manifest.models)) bound.push(await bindModel(stored, binding, model, options));
  return {
    function: { ...declaredVersion(stored), models: bound.map(({ model }) => model) },
    pools: bound.map(({ pool }) => pool),
    golden: manifest.warm.map((golden) => goldenCase(folder, golden)),
  };
}

/** The pools that a version will ask for, as far as its manifest tells: no model is read. Throws BAD_MODEL where no file fits this host. */
export function expectedPools(stored: StoredVersion, options: Pick<VersionPlanOptions, 'slotsDefault'> & { readonly engine: HostView }): readonly ExpectedPool[] {
  return Object.entries(stored.bundle.manifest.models).map(([binding, model]) => {
    const file = chooseFile(stored, binding, options.engine);
    const spec = poolSpec(stored, model, { file, slotsDefault: options.slotsDefault });
    return { binding, path: file.path, key: spec.key, pinned: model.residency === 'pinned', bytes: expectedBytes(stored, file, spec), ...file.taken };
  });
}

/** What can be told without a look at the models. */
export function declaredVersion({ name, version, folder, bundle: { manifest } }: StoredVersion): DeclaredVersion {
  const { vars, secrets, isolates, limits } = manifest;
  return { name, version, handlerFile: join(folder, HANDLER_PATH), routes: manifest.routes.map(parseRoute), vars, secrets, isolates, limits };
}

async function bindModel(stored: StoredVersion, binding: string, model: ManifestModel, { engine, slotsDefault }: VersionPlanOptions) {
  const file = chooseFile(stored, binding, engine);
  const pool = poolSpec(stored, model, { file, slotsDefault });
  const signature = await inspect(stored, binding, pool, engine);
  const plan: PoolPlan = {
    spec: pool,
    function: stored.name,
    binding,
    residency: model.residency,
    ...(model.idleTimeoutMs === undefined ? {} : { idleTimeoutMs: model.idleTimeoutMs }),
    ...file.taken,
    bytes: expectedBytes(stored, file, pool),
    warm: { id: warmId(stored, model), runs: model.warm.runs, samples: (countMax) => readSamples(stored, model, countMax) },
  };
  return { model: { binding, pool, signature, preload: model.preload }, pool: plan };
}

interface PlannedFile extends ChosenFile {
  /** Empty for a model without variants. */
  readonly taken: { readonly variant?: TakenVariant };
}

/** Anew at each plan: the host may have changed since the version was deployed. */
function chooseFile(stored: StoredVersion, binding: string, engine: HostView): PlannedFile {
  const model = stored.bundle.manifest.models[binding];
  assert(model !== undefined, `${stored.name} has no model ${binding}`);
  // The only one that pools are placed on.
  const devices = engine.devices().filter(({ device }) => device === 'cpu');
  const { chosen, passed } = chooseVariant(model, { capabilities: engine.capabilities(), devices });
  const hasVariants = 'variants' in model;
  if (chosen !== undefined) return { ...chosen, taken: hasVariants ? { variant: { path: chosen.path, passed } } : {} };
  const [code, what]: [ErrorCode, string] = hasVariants ? ['BAD_MODEL', 'no variant of it fits this host'] : ['LOAD_FAILED', 'it cannot run on this host'];
  const reasons = passed.map(({ path, reason }) => `${path}: ${reason}`).join('; ');
  const advice = hasVariants ? '; a last variant without "when", whose backend this host has, would do' : '';
  throw new PilotlightError(code, `${stored.name}'s model ${binding}: ${what}: ${reasons}${advice}; \`pilotlight doctor\` and \`pilotlight devices\` show what it has`);
}

function poolSpec(stored: StoredVersion, model: ManifestModel, { file: { path, backend }, slotsDefault }: { readonly file: ChosenFile; readonly slotsDefault: number }): PoolSpec {
  const file = stored.bundle.files[path];
  assert(file !== undefined, `${path} of ${stored.name} is not among the bundle's files`);
  const made = { backend, device: 'cpu', slots: model.slots ?? slotsDefault, threads: model.threads, queue: model.queue } as const;
  const { max, timeoutMs } = model.queue;
  const identity = [file.sha256, made.backend, made.device, made.slots, made.threads, max, timeoutMs];
  return { key: createHash('sha256').update(identity.join(' ')).digest('hex').slice(0, 16), path: join(stored.folder, path), ...made };
}

/** A model's file is about its weights; each slot adds at least one block of the engine's arena. Measured once it is loaded. */
function expectedBytes({ bundle }: StoredVersion, { path }: ChosenFile, { slots }: PoolSpec): number {
  return (bundle.files[path]?.bytes ?? 0) + slots * SLOT_BYTES;
}

async function inspect(stored: StoredVersion, binding: string, pool: PoolSpec, engine: Pick<EngineControl, 'inspect'>): Promise<Signature> {
  try {
    return await engine.inspect(pool.path, pool.backend);
  } catch (error) {
    if (!(error instanceof PilotlightError)) throw error;
    throw new PilotlightError(error.code, `${stored.name}'s model ${binding}: ${error.message}`, { cause: error });
  }
}

async function readSamples({ folder, bundle }: StoredVersion, model: ManifestModel, countMax?: number): Promise<readonly WarmSample[]> {
  const paths = warmInputPaths(model.warm.inputs, Object.keys(bundle.files)).slice(0, countMax);
  return Promise.all(paths.map(async (path) => parseWarmSample(path, await readFile(join(folder, path), 'utf8'))));
}

/** The same for the same samples and runs, whichever version brings them. */
function warmId({ bundle }: StoredVersion, { warm }: ManifestModel): string {
  const paths = warmInputPaths(warm.inputs, Object.keys(bundle.files));
  const identity = [warm.runs, ...paths.map((path) => bundle.files[path]?.sha256)];
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
