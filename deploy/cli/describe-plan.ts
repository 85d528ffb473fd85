// A deploy's plan as people read it.
import { versionLabel } from '../../runtime/function.ts';
import { countOf } from '../rollout/count-of.ts';
import type { DeployPlan, PlannedPool } from '../rollout/deploy-plan.ts';
import { describePassed } from '../rollout/describe-variant.ts';
import { describeTooLarge } from '../rollout/describe-place.ts';
import { describeFit } from '../rollout/fit-plan.ts';
import { describeShares } from '../rollout/shares.ts';
import { formatBytes } from './format.ts';

/** Ends with a newline. */
export function describePlan(plan: DeployPlan): string {
  const { function: name, version, outcome, shares, drained, routes, pools, isolates, fit } = plan;
  const label = versionLabel({ name, version });
  if (outcome === 'unchanged') return `${label} serves already: a deploy would change nothing\n`;
  const rows: readonly (readonly [title: string, ...lines: readonly string[]])[] = [
    ['shares', describeShares(shares)],
    ['drains', ...drained.map((one) => versionLabel({ name, version: one }))],
    ['routes', ...routes.added.map((route) => `+ ${route}`), ...routes.removed.map((route) => `- ${route}`), ...routes.kept.map((route) => `= ${route}`)],
    ['pools', ...pools.flatMap(poolLines)],
    ['isolates', `${countOf(isolates, 'isolate')} and a spare`],
    ['fit', describeFit(fit)],
  ];
  const lines = rows.flatMap(([title, ...texts]) => texts.map((text, index) => `  ${(index === 0 ? title : '').padEnd(9)}${text}`));
  return [`${label} would be deployed; nothing was changed`, ...lines].map((line) => `${line}\n`).join('');
}

function poolLines(pool: PlannedPool): readonly string[] {
  const { binding, path, bytes, device, slots, slotsBecause, way, passed = [] } = pool;
  return [
    `${way === 'load' ? '+ load' : '= shared'} ${binding} ${path} on ${device}, ${countOf(slots, 'slot')}, about ${formatBytes(bytes)}`,
    ...(slotsBecause === undefined ? [] : [`  slots: ${slotsBecause}`]),
    ...describeTooLarge(pool).map((line) => `  not on ${line}`),
    ...passed.map((one) => `  not ${describePassed(one)}`),
  ];
}
