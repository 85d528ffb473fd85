// What a function shall be after a rollout, decided from what it is and what was asked for, and nothing else. Every wish
// that makes no sense is refused here, before anything has begun.
import { PilotlightError } from '../../runtime/errors.ts';
import { versionLabel } from '../../runtime/function.ts';
import type { Share } from '../../runtime/router/table.ts';
import { sharesOf, type FunctionState, type SplitShare } from '../store/store.ts';
import { noFunction, type RolloutTarget } from './rollout-target.ts';
import { SPLIT_VERSIONS_MAX, describeShares, withShare } from './shares.ts';

type ServingTarget = Exclude<RolloutTarget, { readonly kind: 'delete' }>;

/** All traffic goes to `current`, or is split. */
export interface Goal {
  readonly current: string;
  readonly shares: readonly SplitShare[];
}

/** Throws NO_FUNCTION, NO_VERSION listing what there is, or BAD_REQUEST. */
export function goalOf(target: ServingTarget, state: FunctionState | undefined): Goal {
  if (target.kind === 'deploy') return deployGoal(target, state);
  if (state === undefined) throw noFunction(target.name);
  switch (target.kind) {
    case 'rollback': return alone(rollbackVersion(target.name, state, target.version));
    case 'split': return splitGoal(target.name, state, target.shares);
    case 'promote': return alone(promotedVersion(target.name, state));
    case 'abort': return abortGoal(state, target);
  }
}

/** What the store shall remember. */
export function stateAfter(target: ServingTarget, { current, shares }: Goal, before: FunctionState | undefined, now: Date): FunctionState {
  const history = before?.history ?? [];
  const split = shares.length > 1 ? { split: shares } : {};
  if (target.kind === 'deploy') return { current, history: leadBy({ version: target.version, deployedAt: now.toISOString() }, history, before?.current), ...split };
  const promoted = target.kind === 'promote' ? history.find(({ version }) => version === current) : undefined;
  // A rollback keeps the order, so that a second one goes back further instead of forth.
  return { current, history: promoted === undefined ? history : leadBy(promoted, history, before?.current), ...split };
}

function deployGoal({ name, version, split }: Extract<RolloutTarget, { readonly kind: 'deploy' }>, state: FunctionState | undefined): Goal {
  if (split === undefined) return alone(version);
  if (state === undefined) throw refusal(`${name} is not deployed yet, so there is no version to split its traffic with; deploy it without a split first`);
  const before = sharesOf(state);
  if (before.length === 1 && state.current === version) return alone(version);
  const others = withShare(before, version, checkedPercent(name, { version, percent: split.percent })).slice(0, -1);
  const own: SplitShare = { version, percent: split.percent, ...(split.abortIf.length > 0 ? { abortIf: split.abortIf } : {}) };
  return { current: state.current, shares: checked(name, [...others, own]) };
}

function splitGoal(name: string, state: FunctionState, wanted: readonly Share[]): Goal {
  const before = sharesOf(state);
  const shares = wanted.map(({ version: digits, percent }): SplitShare => {
    const version = resolveVersion(name, state, digits);
    const { aborted, abortIf } = before.find((share) => share.version === version) ?? {};
    return { version, percent, ...(abortIf === undefined ? {} : { abortIf }), ...(aborted === undefined || percent > 0 ? {} : { aborted }) };
  });
  checked(name, shares);
  const largest = shares.reduce<SplitShare | undefined>((most, share) => (most !== undefined && most.percent >= share.percent ? most : share), undefined);
  const current = shares.some(({ version }) => version === state.current) ? state.current : largest?.version ?? state.current;
  return shares.length > 1 ? { current, shares } : alone(current);
}

/** The newest one, unless it was found unfit. */
function promotedVersion(name: string, state: FunctionState): string {
  const { split, current, history } = state;
  if (split === undefined) throw refusal(`${name} has no split: ${versionLabel({ name, version: current })} has all traffic; \`pilotlight deploy DIR --split 10\` makes one`);
  const newest = history.find(({ version }) => split.some((share) => share.version === version))?.version ?? current;
  const aborted = split.find(({ version }) => version === newest)?.aborted;
  if (aborted === undefined) return newest;
  throw refusal(`${versionLabel({ name, version: newest })} lost its share (${aborted}); ` +
    `\`pilotlight rollback ${name}\` ends the split, \`pilotlight split ${name} VERSION=PERCENT ...\` gives it traffic all the same`);
}

/** Without a share to lose, all stays as it is. */
function abortGoal(state: FunctionState, { version, why }: Extract<RolloutTarget, { readonly kind: 'abort' }>): Goal {
  const { current } = state;
  const before = sharesOf(state);
  if (before.length === 1 || !before.some((share) => share.version === version && share.percent > 0)) return { current, shares: before };
  return { current, shares: withShare(before, version, 0).map((share) => (share.version === version ? { ...share, aborted: why } : share)) };
}

function rollbackVersion(name: string, state: FunctionState, wanted: string | undefined): string {
  if (wanted !== undefined) return resolveVersion(name, state, wanted);
  if (state.split !== undefined) return state.current;
  const versions = state.history.map(({ version }) => version);
  const previous = versions[versions.indexOf(state.current) + 1];
  if (previous === undefined) throw new PilotlightError('NO_VERSION', `${name} has no version before the current one; kept are ${describeKept(state)}`);
  return previous;
}

/** By its first digits, with or without the function's name before them. */
function resolveVersion(name: string, state: FunctionState, wanted: string): string {
  const digits = wanted.startsWith(`${name}@`) ? wanted.slice(name.length + 1) : wanted;
  const versions = new Set([...state.history, ...sharesOf(state)].map(({ version }) => version));
  const found = digits === '' ? [] : [...versions].filter((version) => version.startsWith(digits));
  if (found.length === 1 && found[0] !== undefined) return found[0];
  const problem = found.length === 0 ? `${name} has no version ${wanted}` : `${wanted} means ${found.length} versions of ${name}`;
  throw new PilotlightError('NO_VERSION', `${problem}; kept are ${describeKept(state)}`);
}

function describeKept({ current, history }: FunctionState): string {
  return history.map(({ version }) => `${version.slice(0, 8)}${version === current ? ' (current)' : ''}`).join(', ');
}

function checked(name: string, shares: readonly SplitShare[]): readonly SplitShare[] {
  const percents = shares.map((share) => checkedPercent(name, share));
  const twice = shares.find(({ version }, index) => shares.findIndex((share) => share.version === version) !== index);
  if (twice !== undefined) throw refusal(`${versionLabel({ name, version: twice.version })} is named twice; each version has one share`);
  const sum = percents.reduce((all, percent) => all + percent, 0);
  if (sum !== 100) throw refusal(`the shares of ${name} sum to ${sum}, not to 100: ${describeShares(shares)}`);
  if (shares.length <= SPLIT_VERSIONS_MAX) return shares;
  throw refusal(`${name} would have ${shares.length} versions side by side, ${SPLIT_VERSIONS_MAX} is the most; \`pilotlight promote ${name}\` or \`pilotlight rollback ${name}\` ends a split`);
}

function checkedPercent(name: string, { version, percent }: Share): number {
  if (Number.isInteger(percent) && percent >= 0 && percent <= 100) return percent;
  throw refusal(`${versionLabel({ name, version })} cannot have ${percent} %; shares are whole numbers from 0 to 100`);
}

/** What served until now comes next, also after a rollback: it is what the next rollback should bring back. */
function leadBy(first: FunctionState['history'][number], history: FunctionState['history'], servedUntilNow: string | undefined): FunctionState['history'] {
  const others = history.filter(({ version }) => version !== first.version);
  const isServed = ({ version }: { readonly version: string }): boolean => version === servedUntilNow;
  return [first, ...others.filter(isServed), ...others.filter((one) => !isServed(one))];
}

function alone(version: string): Goal {
  return { current: version, shares: [{ version, percent: 100 }] };
}

function refusal(text: string): PilotlightError {
  return new PilotlightError('BAD_REQUEST', text);
}
