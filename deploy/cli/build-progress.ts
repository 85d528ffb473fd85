// Shows a build of an engine: TensorRT's own phases as the detail of the step that they belong to, warnings once each.
import { monotonicMs } from '../../runtime/clock.ts';
import type { BuilderEvent, PhaseEvent } from '../engine/builder-events.ts';
import type { EngineListener, EngineStep } from '../engine/build-engine.ts';
import { countOf } from '../rollout/count-of.ts';
import type { Progress } from './progress.ts';
import type { Terminal } from './terminal.ts';

interface Phase {
  readonly name: string;
  readonly steps: number;
  done: number;
}

export class BuildProgress implements EngineListener {
  readonly #progress: Progress;
  readonly #terminal: Terminal;
  #step: EngineStep | undefined;
  #sinceMs = 0;
  #detail = '';
  /** The outermost first. Several threads of TensorRT may have one each. */
  readonly #phases: Phase[] = [];
  readonly #warned = new Set<string>();

  constructor(progress: Progress, terminal: Terminal) {
    this.#progress = progress;
    this.#terminal = terminal;
  }

  step(step: EngineStep): void {
    this.end();
    [this.#step, this.#sinceMs, this.#detail] = [step, monotonicMs(), ''];
    this.#phases.length = 0;
    this.#show('started', '');
  }

  /** The step that runs has done its work. */
  end(): void {
    if (this.#step !== undefined) this.#show('done', this.#detail);
    this.#step = undefined;
  }

  fail(): void {
    if (this.#step !== undefined) this.#show('failed', '');
    this.#step = undefined;
  }

  event(event: BuilderEvent): void {
    switch (event.event) {
      case 'waiting': return this.#show('progress', event.detail);
      case 'warning': return this.#warn(event.detail);
      case 'phase': return this.#phase(event);
      case 'calibration': return this.#note(`calibrating with sample ${event.sample} of ${event.samples}`, event.sample === 1);
      case 'log': return this.#log(event.detail);
      case 'call': return this.#log(`> ${event.detail}`);
      case 'calibration-cache': return this.#show('progress', event.detail);
      case 'device': this.#detail = event.name; break;
      case 'library': this.#detail = `TensorRT ${event.version}`; break;
      case 'network': this.#detail = `${countOf(event.layers, 'layer')} of the model`; break;
      case 'engine': this.#detail = `${countOf(event.layers, 'layer')} in the plan`; break;
      default:
    }
  }

  #phase({ state, phase, parent = '', steps = 0, step = 0 }: PhaseEvent): void {
    const known = this.#phases.findIndex(({ name }) => name === phase);
    if (state === 'started') this.#phases.push({ name: phase, steps, done: 0 });
    else if (state === 'finished' && known !== -1) this.#phases.splice(known, 1);
    const found = this.#phases[known];
    if (state === 'step' && found !== undefined) found.done = step + 1;
    const told = this.#phases.slice(-2).map(({ name, steps: all, done }) => (all > 1 ? `${name} ${done} of ${all}` : name)).join(', ');
    if (told !== '') this.#note(told, state === 'started' && parent === '');
  }

  /** In a log only what is a line's worth. */
  #note(detail: string, isLoggable: boolean): void {
    if (this.#terminal.isLive || isLoggable) this.#show('progress', detail);
  }

  /** Comes only when it was asked for. */
  #log(text: string): void {
    this.#terminal.err(`${this.#terminal.isLive ? '\r\u001b[K' : ''}${this.#terminal.paint.faint(text)}\n`);
  }

  #warn(text: string): void {
    if (this.#warned.has(text)) return;
    this.#warned.add(text);
    this.#show('warning', text);
  }

  #show(state: 'started' | 'progress' | 'done' | 'failed' | 'warning', detail: string): void {
    this.#progress.show({ step: this.#step ?? 'build', state, detail, ms: monotonicMs() - this.#sinceMs });
  }
}
