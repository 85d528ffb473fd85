// Addresses that change what is deployed: blobs that a host lacks, deploys, rollbacks, deletes. All are safe to repeat.
import { Hono } from 'hono';
import type { Clock } from '../../runtime/clock.ts';
import { PilotlightError } from '../../runtime/errors.ts';
import { BUNDLE_LIMITS, isDigest } from '../bundle/bundle.ts';
import { checkBundle } from '../bundle/check-bundle.ts';
import type { Share } from '../../runtime/router/table.ts';
import type { DeployRequest, Rollout } from '../rollout/rollout.ts';
import { noFunction } from '../rollout/rollout-target.ts';
import type { Store } from '../store/store.ts';
import { progressResponse } from './progress-stream.ts';
import { readJsonObject } from './read-body.ts';

export interface RolloutRoutesOptions {
  readonly rollout: Pick<Rollout, 'deploy' | 'plan' | 'rollback' | 'split' | 'promote' | 'delete'>;
  readonly store: Pick<Store, 'missing' | 'putBlob' | 'state'>;
  readonly clock: Clock;
}

/** A bundle of as many files as one may have. */
const BUNDLE_BYTES_MAX = 16 * 1024 * 1024;
const OPTIONS_BYTES_MAX = 64 * 1024;
const VERSIONS_MAX = 100;

export function rolloutRoutes({ rollout, store, clock }: RolloutRoutesOptions): Hono {
  const app = new Hono();

  app.post('/deploys/missing', async (context) => {
    const { bundle } = await readFields(context.req, BUNDLE_BYTES_MAX, ['bundle']);
    return context.json({ missing: await store.missing(checkBundle(bundle).files) });
  });

  app.put('/blobs/:sha256', async (context) => {
    const sha256 = context.req.param('sha256');
    if (!isDigest(sha256)) throw new PilotlightError('BAD_REQUEST', `${JSON.stringify(sha256)} is no SHA-256 digest of 64 lower-case hexadecimal digits`);
    const length = context.req.header('content-length') ?? '';
    const bytes = Number(length);
    if (!/^\d+$/.test(length) || bytes > BUNDLE_LIMITS.fileBytes) {
      throw new PilotlightError('BAD_REQUEST', `a blob needs a Content-Length of at most ${BUNDLE_LIMITS.fileBytes} bytes, found ${JSON.stringify(length)}`);
    }
    await store.putBlob(sha256, bytes, context.req.raw.body ?? nothing());
    return context.body(null, 204);
  });

  app.post('/deploys', async (context) => {
    const { bundle, warm, split, abortIf } = await readFields(context.req, BUNDLE_BYTES_MAX, ['bundle', 'warm', 'split', 'abortIf']);
    const beside = splitOf(split, abortIf);
    return progressResponse(clock, (onEvent) => rollout.deploy(bundle, { warming: warmingOf(warm), onEvent, ...beside }));
  });

  app.post('/deploys/plan', async (context) => {
    const { bundle, split, abortIf } = await readFields(context.req, BUNDLE_BYTES_MAX, ['bundle', 'split', 'abortIf']);
    return context.json({ plan: await rollout.plan(bundle, splitOf(split, abortIf)) });
  });

  app.post('/functions/:name/split', async (context) => {
    const name = requireFunction(store, context.req.param('name'));
    const { shares, warm } = await readFields(context.req, OPTIONS_BYTES_MAX, ['shares', 'warm']);
    const wanted = sharesOf(shares);
    return progressResponse(clock, (onEvent) => rollout.split(name, wanted, { warming: warmingOf(warm), onEvent }));
  });

  app.post('/functions/:name/promote', async (context) => {
    const name = requireFunction(store, context.req.param('name'));
    const { warm } = await readFields(context.req, OPTIONS_BYTES_MAX, ['warm']);
    return progressResponse(clock, (onEvent) => rollout.promote(name, { warming: warmingOf(warm), onEvent }));
  });

  app.post('/functions/:name/rollback', async (context) => {
    const name = requireFunction(store, context.req.param('name'));
    const { version, warm } = await readFields(context.req, OPTIONS_BYTES_MAX, ['version', 'warm']);
    if (version !== undefined && typeof version !== 'string') throw new PilotlightError('BAD_REQUEST', 'version is the first digits of a version, as text');
    return progressResponse(clock, (onEvent) => rollout.rollback(name, version, { warming: warmingOf(warm), onEvent }));
  });

  app.delete('/functions/:name', (context) => {
    const name = requireFunction(store, context.req.param('name'));
    return progressResponse(clock, (onEvent) => rollout.delete(name, onEvent));
  });

  return app;
}

export function requireFunction(store: Pick<Store, 'state'>, name: string): string {
  if (!Object.hasOwn(store.state().functions, name)) throw noFunction(name);
  return name;
}

async function readFields(request: Parameters<typeof readJsonObject>[0], bytesMax: number, known: readonly string[]) {
  const fields = await readJsonObject(request, bytesMax);
  const unknown = Object.keys(fields).find((key) => !known.includes(key));
  if (unknown !== undefined) throw new PilotlightError('BAD_REQUEST', `the field ${JSON.stringify(unknown)} is not known here; there are ${known.join(', ')}`);
  return fields;
}

/** Whether the numbers make sense is decided where they are compared with what serves. */
function splitOf(split: unknown, abortIf: unknown): Pick<DeployRequest, 'split'> {
  const bounds = abortIf ?? [];
  if (!Array.isArray(bounds) || !bounds.every((bound) => typeof bound === 'string')) throw new PilotlightError('BAD_REQUEST', 'abortIf is a list of bounds, such as ["errors>1%"]');
  if (split === undefined && bounds.length > 0) throw new PilotlightError('BAD_REQUEST', 'abortIf needs a split: a version that has all traffic cannot give its share away');
  if (split === undefined) return {};
  if (typeof split !== 'number') throw new PilotlightError('BAD_REQUEST', 'split is the percents of the new version, a whole number from 0 to 100');
  return { split: { percent: split, abortIf: bounds } };
}

function sharesOf(shares: unknown): readonly Share[] {
  const isShare = (one: unknown): one is Share => typeof one === 'object' && one !== null
    && 'version' in one && typeof one.version === 'string' && 'percent' in one && typeof one.percent === 'number';
  if (Array.isArray(shares) && shares.length <= VERSIONS_MAX && shares.every(isShare)) return shares.map(({ version, percent }) => ({ version, percent }));
  throw new PilotlightError('BAD_REQUEST', 'shares is a list of { "version": "3f2a9c1d", "percent": 90 }');
}

function warmingOf(warm: unknown): 'warm' | 'cold' {
  if (warm !== undefined && typeof warm !== 'boolean') throw new PilotlightError('BAD_REQUEST', 'warm is true or false');
  return warm === false ? 'cold' : 'warm';
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
