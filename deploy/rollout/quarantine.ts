// How each deployed version is treated when a host starts after a death, by what blame.ts holds of it; kept in a file of the
// store, since quarantine outlasts hosts. A new deploy, a rollback or a delete of the function ends it.
import { readFile, rename, writeFile } from 'node:fs/promises';
import { PilotlightError } from '../../runtime/errors.ts';
import { judge, type Deaths, type Suspect } from './blame.ts';

/** Clients may ask again so seldom: only a deploy changes the answer. */
const RETRY_AFTER_S = 60;

/** `early`: loaded and warmed before the host is ready. `late`: started alone after all others; its models wait for a request. `never`: it answers QUARANTINED. */
export type Treatment = 'early' | 'late' | 'never';

export class Quarantine {
  readonly #file: string;
  #suspects: readonly Suspect[];
  #writing: Promise<void> = Promise.resolve();
  /** Labels that this start has quarantined. */
  readonly added: readonly Suspect[];

  private constructor(file: string, before: readonly Suspect[], suspects: readonly Suspect[]) {
    this.#file = file;
    this.#suspects = suspects;
    const known = new Set(before.filter(({ state }) => state === 'quarantined').map(({ label }) => label));
    this.added = suspects.filter(({ state, label }) => state === 'quarantined' && !known.has(label));
  }

  /** Judges the last death, and has written the judgement down when it resolves. */
  static async open(file: string, deaths: Deaths): Promise<Quarantine> {
    const before = await readSuspects(file);
    const quarantine = new Quarantine(file, before, judge(before, deaths));
    await quarantine.#write();
    return quarantine;
  }

  treatment(label: string): Treatment {
    switch (this.#suspects.find((one) => one.label === label)?.state) {
      case undefined: return 'early';
      case 'suspect': return 'late';
      case 'quarantined': return 'never';
    }
  }

  /** What callers of a quarantined version are told; undefined for any other. */
  refusal(label: string): PilotlightError | undefined {
    const found = this.#suspects.find((one) => one.label === label && one.state === 'quarantined');
    if (found === undefined) return undefined;
    return new PilotlightError('QUARANTINED',
      `${label} is quarantined: it was at work in each of the last ${found.deaths} deaths of the host (the host ${found.cause}); ` +
      `deploy a new version of it, roll it back, or deploy this one again to try once more`, { retryAfterS: RETRY_AFTER_S });
  }

  /** Another version of the function serves, or this one is tried once more. */
  lift(name: string): Promise<void> {
    this.#suspects = this.#suspects.filter(({ label }) => !label.startsWith(`${name}@`));
    return this.#write();
  }

  /** Never rejects: what cannot be written is only forgotten with this host. */
  #write(): Promise<void> {
    const text = JSON.stringify(this.#suspects);
    this.#writing = this.#writing.then(async () => {
      await writeFile(`${this.#file}.next`, text);
      await rename(`${this.#file}.next`, this.#file);
    }).catch(() => {});
    return this.#writing;
  }
}

/** None where the file is missing or damaged. */
async function readSuspects(file: string): Promise<readonly Suspect[]> {
  try {
    const found: unknown = JSON.parse(await readFile(file, 'utf8'));
    return Array.isArray(found) ? found.filter(isSuspect) : [];
  } catch {
    return [];
  }
}

function isSuspect(value: unknown): value is Suspect {
  if (typeof value !== 'object' || value === null) return false;
  const { label, state, deaths, cause } = value as Partial<Record<keyof Suspect, unknown>>;
  return typeof label === 'string' && (state === 'suspect' || state === 'quarantined') && typeof deaths === 'number' && typeof cause === 'string';
}
