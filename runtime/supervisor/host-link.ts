// The host's end of the channel to its supervisor: says that it lives, asks before it listens, hears when to
// stop. When the supervisor is gone the host ends at once: nobody would restart it, and its store must be free.
import type { Clock, Timer } from '../clock.ts';
import { realClock } from '../clock.ts';
import type { Config } from '../config.ts';
import { describeThrown, PilotlightError } from '../errors.ts';
import type { Activity, FromHost, HostDeath, HostDescriptors, PoolClaim, ToHost } from './messages.ts';
import { loadSockets } from './sockets.ts';

const BEAT_MS = 1000;
const START_WAIT_MS = 10_000;
/** How long the last message may take to leave. */
const LAST_WORDS_MS = 1000;

/** What this needs of `process`. */
export interface HostChannel {
  readonly send?: ((message: FromHost, sent: () => void) => unknown) | undefined;
  on(event: 'message' | 'disconnect' | 'SIGTERM' | 'SIGINT', listener: (value: unknown) => void): unknown;
  exit(code: number): unknown;
  disconnect?: (() => void) | undefined;
}

export interface HostLinkOptions {
  readonly channel: HostChannel;
  readonly clock: Clock;
  readonly dieWithParent: (parentPid: number) => void;
}

type StartMessage = ToHost & { readonly type: 'start' };

/**
 * `const link = await HostLink.connect()` first of all; then `await link.claim()`, listen on `link.descriptors`, `link.ready()`.
 * Signals are handled here: `onStop` tells once, whoever asked.
 */
export class HostLink {
  readonly config: Config;
  readonly descriptors: HostDescriptors;
  readonly deathsInRow: number;
  /** Why the host before this one is gone. */
  readonly lastDeath: HostDeath | undefined;
  readonly #options: HostLinkOptions;
  #state: 'linked' | 'closed' = 'linked';
  #beat: Timer | undefined;
  #claim: { grant: () => void; refuse: (error: PilotlightError) => void } | undefined;
  #stopMs: number | undefined;
  #onStop: ((drainTimeoutMs: number) => void) | undefined;

  /** Rejects when no supervisor is there or it does not say what to do. */
  static connect(options: Partial<HostLinkOptions> = {}): Promise<HostLink> {
    const { channel = process as HostChannel, clock = realClock } = options;
    const dieWithParent = options.dieWithParent ?? ((pid: number) => loadSockets().dieWithParent(pid));
    if (channel.send === undefined) {
      return Promise.reject(new PilotlightError('BAD_SETTING', 'the host process is started by `pilotlight serve`, not by itself'));
    }
    return new Promise((resolve, reject) => {
      let link: HostLink | undefined;
      channel.on('disconnect', () => {
        if (link === undefined || link.#state === 'linked') channel.exit(1);
      });
      const late = clock.after(START_WAIT_MS, () => reject(new Error(`the supervisor said nothing for ${START_WAIT_MS} ms`)));
      channel.on('message', (message) => {
        if ((message as ToHost).type !== 'start') return;
        late.cancel();
        // Made here and now: a stop that was sent right behind must find the link listening.
        try {
          link = new HostLink(message as StartMessage, { channel, clock, dieWithParent });
          resolve(link);
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  private constructor(start: StartMessage, options: HostLinkOptions) {
    this.config = Object.freeze(start.config);
    this.descriptors = start.descriptors;
    this.deathsInRow = start.deathsInRow;
    this.lastDeath = start.lastDeath;
    this.#options = options;
    options.channel.on('message', (message) => this.#hear(message as ToHost));
    // Both come to the whole group of processes at a terminal, and to each process in a service manager's group.
    options.channel.on('SIGTERM', () => this.#stop());
    options.channel.on('SIGINT', () => this.#stop());
    options.dieWithParent(start.supervisorPid);
    this.#keepBeating();
  }

  /** Resolves when the supervisor has stopped answering: listen then. Rejects DRAINING when it wants this host to stop. */
  claim(): Promise<void> {
    return new Promise((grant, refuse) => {
      this.#claim = { grant, refuse };
      if (this.#stopMs === undefined) this.#send({ type: 'claim' });
      else this.#refuseClaim();
    });
  }

  /** Everything that must be warm is warm. */
  ready(): void {
    this.#send({ type: 'ready' });
  }

  /** What runs and is prepared now; named should this process die. Cheap: one small message, handed to the kernel before this returns. */
  activity({ running, preparing }: Activity): void {
    this.#send({ type: 'activity', running, preparing });
  }

  /** Before any of these pools is loaded for the version. */
  claims({ label, pools }: PoolClaim): void {
    this.#send({ type: 'claims', label, pools });
  }

  /** What the hosts before this one died of is not run any more: the next death is the first in its row. */
  quarantined(): void {
    this.#send({ type: 'quarantined' });
  }

  /** Stopping and no longer listening for functions (admin may): from now on the supervisor answers new connections there. */
  released(): void {
    this.#send({ type: 'released' });
  }

  /** Kills this process, and a new one takes over: for a lost device, a hung engine. */
  giveUp(reason: string): void {
    this.#send({ type: 'giveUp', reason });
  }

  /** Ends this process and the supervisor: for what a restart would only meet again (a bad setting, a corrupt store). */
  fatal(error: unknown, exitCode = 1): void {
    // A start that a stop has interrupted is no failure.
    if (this.#stopMs !== undefined && error instanceof PilotlightError && error.code === 'DRAINING') {
      this.#options.channel.exit(0);
      return;
    }
    const exit = (): void => void this.#options.channel.exit(exitCode);
    this.#options.clock.after(LAST_WORDS_MS, exit);
    this.#send({ type: 'fatal', message: describeThrown(error), exitCode }, exit);
  }

  /** Called once, also when the stop came before the listener. Drain, close, exit with 0. */
  onStop(listener: (drainTimeoutMs: number) => void): void {
    this.#onStop = listener;
    if (this.#stopMs !== undefined) listener(this.#stopMs);
  }

  /** The last step of a stop: from here on nothing of the link keeps the process from ending by itself, which it must do soon. */
  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#beat?.cancel();
    this.#options.channel.disconnect?.();
  }

  #hear(message: ToHost): void {
    if (message.type === 'granted') this.#claim?.grant();
    if (message.type === 'stop') this.#stop();
  }

  #stop(): void {
    if (this.#stopMs !== undefined) return;
    this.#stopMs = this.config.drainTimeoutMs;
    this.#refuseClaim();
    this.#onStop?.(this.#stopMs);
  }

  #refuseClaim(): void {
    this.#claim?.refuse(new PilotlightError('DRAINING', 'the host is told to stop before it has begun to listen'));
  }

  #keepBeating(): void {
    this.#send({ type: 'beat' });
    this.#beat = this.#options.clock.after(BEAT_MS, () => this.#keepBeating());
  }

  #send(message: FromHost, sent: () => void = () => {}): void {
    // The callback also takes the error of a closed channel, which ends this process anyway.
    this.#options.channel.send?.(message, sent);
  }
}
