// What supervisor and host tell each other over the channel between them: plain data, one union a direction.
import type { Config } from '../config.ts';

/** Listening descriptors as the host finds them, already bound and listening. */
export interface HostDescriptors {
  /** One for each ingress thread. */
  readonly ingress: readonly number[];
  readonly admin: number;
  /**
   * For `server.listen({ fd }, backlog)`, by position: as a property of the options node ignores it beside `fd`.
   * Listening again sets the length of the kernel's queue anew, for all processes that share it.
   */
  readonly backlog: number;
  readonly host: string;
  readonly port: number;
  readonly adminHost: string;
  readonly adminPort: number;
  /** Where native threads note what they do (work-record.ts); absent where no file could be made. */
  readonly workRecord?: number;
}

/** What a host does for whom, told before it begins. Versions by their labels (`digits@3f2a9c1d`), the latest last. */
export interface Activity {
  /** They answer requests. */
  readonly running: readonly string[];
  /** Their models are read, loaded or warmed, or their golden requests sent: the first time for code that may be wrong. */
  readonly preparing: readonly string[];
}

/** The pools of a version, by the index under which the work record names them. */
export interface PoolClaim {
  readonly label: string;
  /** None: the version is gone. */
  readonly pools: readonly number[];
}

/** Why the host before this one is gone, and what it was doing. */
export interface HostDeath extends Activity {
  readonly cause: string;
  /** `fault`: by a signal of its own, as native code ends a process. `other`: killed from outside or by its supervisor, or it ended itself. */
  readonly by: 'fault' | 'other';
  /** The versions whose model had the fault, as the work record says; empty when it cannot tell. */
  readonly blamed: readonly string[];
}

export type ToHost =
  | {
      readonly type: 'start';
      readonly config: Config;
      readonly descriptors: HostDescriptors;
      readonly supervisorPid: number;
      /** Hosts that died in a row before this one. */
      readonly deathsInRow: number;
      readonly lastDeath?: HostDeath;
    }
  | { readonly type: 'granted' }
  | { readonly type: 'stop' };

export type FromHost =
  | { readonly type: 'beat' }
  /** About to listen: the supervisor must have stopped answering when it grants this. */
  | { readonly type: 'claim' }
  | { readonly type: 'ready' }
  | ({ readonly type: 'activity' } & Activity)
  | ({ readonly type: 'claims' } & PoolClaim)
  /** What hosts before died of is not run any more: the row of deaths is over. */
  | { readonly type: 'quarantined' }
  /** Stopping, and no longer listening for functions: from here on the supervisor answers there. */
  | { readonly type: 'released' }
  /** Wants to be killed and replaced: a device is lost, native code hangs. */
  | { readonly type: 'giveUp'; readonly reason: string }
  /** Starting again would not help. */
  | { readonly type: 'fatal'; readonly message: string; readonly exitCode: number };
