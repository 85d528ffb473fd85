// The admin API as one app that its listener mounts: probes and metrics open, everything else behind the guard.
import { Hono } from 'hono';
import { PilotlightError } from '../../runtime/errors.ts';
import { OPEN_METRICS_TYPE } from '../../runtime/telemetry/open-metrics.ts';
import { guard, type GuardOptions } from './guard.ts';
import { problemResponse } from './problem.ts';
import { rolloutRoutes, type RolloutRoutesOptions } from './rollout-routes.ts';
import { secretRoutes } from './secret-routes.ts';
import type { Store } from '../store/store.ts';
import { viewRoutes, type ViewRoutesOptions } from './view-routes.ts';

export interface Health {
  readonly ok: boolean;
  /** What is waited for, when it is not. */
  readonly reason?: string;
}

export interface AdminOptions extends GuardOptions, Omit<RolloutRoutesOptions, 'store' | 'rollout'>, Omit<ViewRoutesOptions, 'store' | 'rollout'> {
  readonly store: RolloutRoutesOptions['store'] & ViewRoutesOptions['store'] & Pick<Store, 'secrets'>;
  readonly rollout: RolloutRoutesOptions['rollout'] & ViewRoutesOptions['rollout'];
  readonly live: () => Health;
  readonly ready: () => Health;
  /** OpenMetrics text. */
  readonly metrics: () => string | Promise<string>;
}

export function createAdmin(options: AdminOptions): Hono {
  const app = new Hono();
  app.onError((error) => problemResponse(error));
  app.notFound((context) =>
    problemResponse(new PilotlightError('NO_ROUTE', `the admin API has no ${context.req.method} ${context.req.path}; functions answer on the other port`)));

  app.get('/livez', () => healthResponse(options.live()));
  app.get('/readyz', () => healthResponse(options.ready()));
  app.get('/metrics', async () => new Response(await options.metrics(), { headers: { 'content-type': OPEN_METRICS_TYPE } }));

  app.use('/v1/*', guard(options));
  app.route('/v1', rolloutRoutes(options));
  app.route('/v1', viewRoutes(options));
  app.route('/v1', secretRoutes(options.store));
  return app;
}

function healthResponse({ ok, reason }: Health): Response {
  return new Response(`${ok ? 'ok' : reason ?? 'not ok'}\n`, { status: ok ? 200 : 503, headers: { 'content-type': 'text/plain', 'cache-control': 'no-store' } });
}
