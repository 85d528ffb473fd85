// What a rollout is asked for.
import { PilotlightError } from '../../runtime/errors.ts';
import type { Share } from '../../runtime/router/table.ts';
import type { Bundle, FunctionState, State } from '../store/store.ts';

/** A deploy beside what serves, instead of in its place. */
export interface DeploySplit {
  /** Of the new version; 0 to 100. */
  readonly percent: number;
  /** `errors>1%`, `p99>2x`; none: nothing takes the share away. */
  readonly abortIf: readonly string[];
}

export type RolloutTarget =
  | { readonly kind: 'deploy'; readonly name: string; readonly bundle: Bundle; readonly version: string; readonly split?: DeploySplit }
  /** Without a version: the one that served before the current one, or before the split. */
  | { readonly kind: 'rollback'; readonly name: string; readonly version?: string }
  /** Versions by their first digits. */
  | { readonly kind: 'split'; readonly name: string; readonly shares: readonly Share[] }
  /** The newest version of the split gets all. */
  | { readonly kind: 'promote'; readonly name: string }
  /** A version of the split has passed its bounds and loses its share. */
  | { readonly kind: 'abort'; readonly name: string; readonly version: string; readonly why: string }
  | { readonly kind: 'delete'; readonly name: string };

/** A function may be called `constructor`. */
export function stateOf({ functions }: State, name: string): FunctionState | undefined {
  return Object.hasOwn(functions, name) ? functions[name] : undefined;
}

export function noFunction(name: string): PilotlightError {
  return new PilotlightError('NO_FUNCTION', `no function ${name} is deployed here; \`pilotlight functions\` lists those that are`);
}
