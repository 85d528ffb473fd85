// Shows the steps of long work on `err`: on a terminal one line a step that is drawn over while it runs, in a log one line when it has ended.
import type { RolloutEvent } from '../rollout/rollout-event.ts';
import { formatMs } from './format.ts';
import type { Terminal } from './terminal.ts';

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 100;
const NAME_WIDTH = 9;
const TIME_WIDTH = 8;

/** Steps of the CLI's own come before those of the host. */
export type ShownEvent = Omit<RolloutEvent, 'step'> & { readonly step: string };

interface Running {
  readonly step: string;
  readonly sinceMs: number;
  detail: string;
}

export class Progress implements Disposable {
  readonly #terminal: Terminal;
  readonly #label: string;
  #running: Running | undefined;
  #frame = 0;
  #timer: NodeJS.Timeout | undefined;

  /** `label` begins each line of a log, where several functions may be told one after the other. */
  constructor(terminal: Terminal, label: string) {
    this.#terminal = terminal;
    this.#label = label;
    if (terminal.isLive) terminal.err(`${terminal.paint.strong(label)}\n`);
  }

  show(event: ShownEvent): void {
    if (event.state === 'started') this.#start(event);
    else if (event.state === 'progress') this.#note(event);
    else this.#end(event);
  }

  /** Times a step of the CLI itself; `work` gives its detail. */
  async step<T>(name: string, work: (note: (detail: string) => void) => Promise<{ readonly detail: string; readonly value: T }>): Promise<T> {
    const startMs = performance.now();
    const tell = (state: ShownEvent['state'], detail: string): void => this.show({ step: name, state, detail, ms: performance.now() - startMs });
    tell('started', '');
    try {
      const { detail, value } = await work((text) => tell('progress', text));
      tell('done', detail);
      return value;
    } catch (error) {
      tell('failed', '');
      throw error;
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (this.#running !== undefined && this.#terminal.isLive) this.#terminal.err('\r\u001b[K');
    this.#running = undefined;
  }

  #start({ step }: ShownEvent): void {
    this.#running = { step, sinceMs: performance.now(), detail: '' };
    if (!this.#terminal.isLive) return;
    this.#timer ??= setInterval(() => this.#draw(), FRAME_MS);
    this.#draw();
  }

  #note({ step, detail, ms }: ShownEvent): void {
    if (this.#running !== undefined) this.#running.detail = detail;
    if (this.#terminal.isLive) this.#draw();
    else this.#terminal.err(`${this.#label}: ${step}: ${detail} (${formatMs(ms)})\n`);
  }

  #end(event: ShownEvent): void {
    if (event.state !== 'warning') this.#running = undefined;
    if (!this.#terminal.isLive) {
      const told = event.state === 'done' ? [event.detail] : [event.state, event.detail];
      this.#terminal.err(`${this.#label}: ${event.step}: ${told.filter((text) => text !== '').join(': ') || 'done'} (${formatMs(event.ms)})\n`);
      return;
    }
    // A failure's text is told once, as the command's error.
    const detail = event.state === 'failed' ? 'failed' : event.state === 'undone' ? 'undone' : event.detail;
    this.#terminal.err(`\r\u001b[K${this.#lineOf(this.#markOf(event.state), event.step, detail, event.ms)}\n`);
  }

  #draw(): void {
    if (this.#running === undefined) return;
    const { step, detail, sinceMs } = this.#running;
    const frame = FRAMES[this.#frame++ % FRAMES.length] ?? '';
    // A line that wraps cannot be drawn over.
    const fitting = detail.slice(0, Math.max(0, this.#terminal.columns - NAME_WIDTH - TIME_WIDTH - 8));
    this.#terminal.err(`\r\u001b[K${this.#lineOf(frame, step, fitting, performance.now() - sinceMs)}`);
  }

  #lineOf(mark: string, step: string, detail: string, ms: number): string {
    const { faint } = this.#terminal.paint;
    return `  ${mark} ${step.padEnd(NAME_WIDTH)}${faint(formatMs(ms).padStart(TIME_WIDTH))}  ${detail}`.trimEnd();
  }

  #markOf(state: ShownEvent['state']): string {
    const { good, warning, bad, faint } = this.#terminal.paint;
    if (state === 'done') return good('✓');
    if (state === 'warning') return warning('!');
    return state === 'failed' ? bad('✗') : faint('↩');
  }
}
