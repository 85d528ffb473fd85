// Turns a stored version into what the runtime takes: the function for the data plane, the pools for residency and the
// golden requests. Models are inspected here, so that a bad one is refused before anything is loaded.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Backend, EngineControl, PoolSpec } from '../../runtime/engine/port.ts';
import type { Signature } from '../../runtime/engine/tensor.ts';
import { PilotlightError, assert } from '../../runtime/errors.ts';
import type { DeclaredVersion, FunctionVersion, ModelBinding } from '../../runtime/function.ts';
import type { GoldenRequest } from '../../runtime/ingress/data-plane.ts';
import type { WantedPool } from '../../runtime/residency/fit.ts';
import type { PoolPlan, WarmSample } from '../../runtime/residency/pool-plan.ts';
import { HANDLER_PATH } from '../bundle/bundle.ts';
import { warmInputPaths } from '../bundle/warm-inputs.ts';
import type { ManifestGolden, ManifestModel } from '../manifest/manifest.ts';
import { parseRoute } from '../manifest/route.ts';
import type { StoredVersion } from '../store/store.ts';
import type { GoldenCase } from './golden.ts';
import { parseWarmSample } from './warm-sample-file.ts';

const SLOT_BYTES = 2 ** 20;

export interface VersionPlan {
  readonly function: FunctionVersion;
  readonly pools: readonly PoolPlan[];
  readonly golden: readonly GoldenCase[];
}

export interface VersionPlanOptions {
  readonly engine: Pick<EngineControl, 'inspect'>;
  /** Slots of a model whose manifest names none. */
  readonly slotsDefault: number;
}

/** Rejects BAD_MODEL naming function, binding and file. */
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

/** The pools that a version will ask for, as far as its manifest tells: no model is read. */
export function expectedPools(stored: StoredVersion, slotsDefault: number): readonly (WantedPool & { readonly path: string })[] {
  return Object.entries(stored.bundle.manifest.models).map(([binding, model]) => {
    const spec = poolSpec(stored, model, slotsDefault);
    return { binding, path: model.path, key: spec.key, pinned: model.residency === 'pinned', bytes: expectedBytes(stored, model, spec) };
  });
}

/** What can be told without a look at the models. */
export function declaredVersion({ name, version, folder, bundle: { manifest } }: StoredVersion): DeclaredVersion {
  const { vars, secrets, isolates, limits } = manifest;
  return { name, version, handlerFile: join(folder, HANDLER_PATH), routes: manifest.routes.map(parseRoute), vars, secrets, isolates, limits };
}

/** A checked manifest names no other kinds of files. */
export function backendOf(path: string): Backend {
  return path.endsWith('.fake') ? 'fake' : 'onnxruntime';
}

async function bindModel(stored: StoredVersion, binding: string, model: ManifestModel, options: VersionPlanOptions) {
  const pool = poolSpec(stored, model, options.slotsDefault);
  const signature = await inspect(stored, binding, pool, options.engine);
  const plan: PoolPlan = {
    spec: pool,
    function: stored.name,
    binding,
    residency: model.residency,
    ...(model.idleTimeoutMs === undefined ? {} : { idleTimeoutMs: model.idleTimeoutMs }),
    bytes: expectedBytes(stored, model, pool),
    warm: { id: warmId(stored, model), runs: model.warm.runs, samples: () => readSamples(stored, model) },
  };
  return { model: { binding, pool, signature, preload: model.preload }, pool: plan };
}

function poolSpec(stored: StoredVersion, model: ManifestModel, slotsDefault: number): PoolSpec {
  const file = stored.bundle.files[model.path];
  assert(file !== undefined, `${model.path} of ${stored.name} is not among the bundle's files`);
  const made = { backend: backendOf(model.path), device: 'cpu', slots: model.slots ?? slotsDefault, threads: model.threads, queue: model.queue } as const;
  const { max, timeoutMs } = model.queue;
  const identity = [file.sha256, made.backend, made.device, made.slots, made.threads, max, timeoutMs];
  return { key: createHash('sha256').update(identity.join(' ')).digest('hex').slice(0, 16), path: join(stored.folder, model.path), ...made };
}

/** A model's file is about its weights; each slot adds at least one block of the engine's arena. Measured once it is loaded. */
function expectedBytes({ bundle }: StoredVersion, { path }: ManifestModel, { slots }: PoolSpec): number {
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

async function readSamples({ folder, bundle }: StoredVersion, model: ManifestModel): Promise<readonly WarmSample[]> {
  const paths = warmInputPaths(model.warm.inputs, Object.keys(bundle.files));
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
