// The state on disk: one file a generation, `state/000000000042.json`, with its own checksum. The newest whole one counts,
// so a file that a power cut has torn costs one commit and not the store.
import { createHash } from 'node:crypto';
import path from 'node:path';
import { PilotlightError } from '../../runtime/errors.ts';
import { deepFreeze } from '../manifest/deep-freeze.ts';
import type { FunctionState, NextFunctions, State } from './state.ts';
import type { StoreDisk } from './store-disk.ts';

const FORMAT = 1;
const FILES_KEPT = 3;
const NAME = /^(\d{12})\.json$/;
const EMPTY: State = deepFreeze({ generation: 0, functions: functionsOf([]) });

export interface StateFound {
  readonly state: State;
  /** The highest generation on disk, whole or torn: the next one is above it. */
  readonly highest: number;
  /** A line for each file that is not whole. */
  readonly notes: readonly string[];
}

export class StateFiles {
  readonly #disk: StoreDisk;
  readonly #folder: string;
  /** What was written of each function: of thousands a commit changes one. They are frozen, so the text stays true. */
  readonly #texts = new WeakMap<FunctionState, string>();

  constructor(disk: StoreDisk, folder: string) {
    this.#disk = disk;
    this.#folder = folder;
  }

  /** STORE_FAILED when there were states and none is whole: an empty one would forget all functions. */
  async readNewest(): Promise<StateFound> {
    const generations = await this.#generations();
    const highest = generations[0] ?? 0;
    const notes: string[] = [];
    for (const generation of generations) {
      const file = this.#fileOf(generation);
      const functions = parseState(await this.#disk.read(file), file);
      if (functions !== undefined) return { state: deepFreeze({ generation, functions }), highest, notes };
      notes.push(`${file} is torn; the state before it counts`);
    }
    if (highest > 1) throw new PilotlightError('STORE_FAILED', `none of the states in ${this.#folder} is whole; restore the folder, or move it away and deploy again`);
    return { state: EMPTY, highest, notes };
  }

  /** Durable when it resolves; when it rejects, the state before counts. */
  async write(generation: number, functions: NextFunctions): Promise<State> {
    const next = this.#copyOf(functions);
    const body = `{"format":${FORMAT},"generation":${generation},"functions":${this.#textOf(next)}}`;
    const file = this.#fileOf(generation);
    try {
      await this.#disk.writeWhole(file, 0o600, Buffer.from(`${checksum(body)}\n${body}\n`));
    } catch (error) {
      // It may have its name already, and a restart would take it for committed.
      await this.#disk.tidy(file);
      throw error;
    }
    return deepFreeze({ generation, functions: next });
  }

  async prune(): Promise<void> {
    for (const generation of (await this.#generations()).slice(FILES_KEPT)) await this.#disk.remove(this.#fileOf(generation));
  }

  /** A copy that nobody else can change; what was written before is frozen already. */
  #copyOf(functions: NextFunctions): NextFunctions {
    return functionsOf(Object.entries(functions).map(([name, state]) => [name, this.#texts.has(state) ? state : deepFreeze(structuredClone(state))]));
  }

  #textOf(functions: NextFunctions): string {
    const texts = Object.entries(functions).map(([name, state]) => {
      const text = this.#texts.get(state) ?? JSON.stringify(state);
      this.#texts.set(state, text);
      return `${JSON.stringify(name)}:${text}`;
    });
    return `{${texts.join(',')}}`;
  }

  /** Newest first. */
  async #generations(): Promise<number[]> {
    const entries = await this.#disk.list(this.#folder);
    const found = entries.flatMap(({ name }) => NAME.exec(name)?.[1] ?? []);
    return found.map(Number).sort((a, b) => b - a);
  }

  #fileOf(generation: number): string {
    return path.join(this.#folder, `${String(generation).padStart(12, '0')}.json`);
  }
}

/** undefined when the file is not whole. */
function parseState(text: Buffer | undefined, file: string): NextFunctions | undefined {
  const [sum, body] = text?.toString().split('\n') ?? [];
  if (sum === undefined || body === undefined || checksum(body) !== sum) return undefined;
  // The checksum holds, so this is what some host has written.
  const { format, functions } = JSON.parse(body) as { format: unknown; functions: NextFunctions };
  if (format !== FORMAT) {
    throw new PilotlightError('STORE_FAILED', `${file} has the format ${String(format)}, this host knows ${FORMAT}; use the host that wrote it, or another store`);
  }
  return functionsOf(Object.entries(functions));
}

/** Without a prototype: the names come from people. */
function functionsOf(functions: readonly (readonly [string, FunctionState])[]): NextFunctions {
  const named = Object.create(null) as Record<string, FunctionState>;
  for (const [name, state] of functions) named[name] = state;
  return named;
}

function checksum(body: string): string {
  return createHash('sha256').update(body).digest('hex');
}
