// What a rollout is asked for, and the version of the history that a rollback means.
import { PilotlightError } from '../../runtime/errors.ts';
import type { Bundle, FunctionState, State } from '../store/store.ts';

export type RolloutTarget =
  | { readonly kind: 'deploy'; readonly name: string; readonly bundle: Bundle; readonly version: string }
  /** Without a version: the one that served before the current one. */
  | { readonly kind: 'rollback'; readonly name: string; readonly version?: string }
  | { readonly kind: 'delete'; readonly name: string };

/** A function may be called `constructor`. */
export function stateOf({ functions }: State, name: string): FunctionState | undefined {
  return Object.hasOwn(functions, name) ? functions[name] : undefined;
}

/** Finds the digest by its first digits or steps back once. Throws NO_FUNCTION or NO_VERSION listing what there is. */
export function resolveRollback(name: string, state: FunctionState | undefined, wanted: string | undefined): string {
  if (state === undefined) throw noFunction(name);
  const versions = state.history.map(({ version }) => version);
  const known = versions.map((version) => `${version.slice(0, 8)}${version === state.current ? ' (current)' : ''}`).join(', ');
  if (wanted === undefined) {
    const previous = versions[versions.indexOf(state.current) + 1];
    if (previous === undefined) throw new PilotlightError('NO_VERSION', `${name} has no version before the current one; kept are ${known}`);
    return previous;
  }
  const digits = wanted.startsWith(`${name}@`) ? wanted.slice(name.length + 1) : wanted;
  const found = digits === '' ? [] : versions.filter((version) => version.startsWith(digits));
  if (found.length === 1 && found[0] !== undefined) return found[0];
  const problem = found.length === 0 ? `${name} has no version ${wanted}` : `${wanted} means ${found.length} versions of ${name}`;
  throw new PilotlightError('NO_VERSION', `${problem}; kept are ${known}`);
}

export function noFunction(name: string): PilotlightError {
  return new PilotlightError('NO_FUNCTION', `no function ${name} is deployed here; \`pilotlight functions\` lists those that are`);
}
