// What the quickstart sends to each example: real inputs, and what must come back.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Answer, Call } from './http-caller.ts';

export interface Visit {
  /** For people: what is sent. */
  readonly says: string;
  readonly call: Call;
  /** What the answer shows; throws when it is wrong. */
  readonly read: (answer: Answer) => string;
}

export interface Stop {
  readonly function: string;
  readonly visits: readonly Visit[];
}

const DIGITS = ['3-001', '4-042', '8-054'];

const SENTENCES: readonly (readonly [string, string])[] = [
  ['en', 'The quick brown fox jumps over the lazy dog while nobody is watching.'],
  ['de', 'Wer anderen eine Grube gräbt, fällt selbst hinein, sagt man bei uns.'],
  ['fr', 'Il ne faut pas vendre la peau de l’ours avant de l’avoir tué.'],
  ['es', 'No por mucho madrugar amanece más temprano, como dice mi abuela.'],
];

export async function planTour(functions: string): Promise<readonly Stop[]> {
  const digits = await Promise.all(DIGITS.map(async (name): Promise<Visit> => {
    const file = join(functions, 'digits', 'samples', `${name}.png`);
    const wanted = Number(name[0]);
    return {
      says: `samples/${name}.png`,
      call: { method: 'POST', path: '/digits', headers: { 'content-type': 'image/png' }, body: await readFile(file) },
      read: (answer) => expectField(answer, 'digit', wanted),
    };
  }));
  const langid = SENTENCES.map(([language, text]): Visit => ({
    says: text,
    call: { method: 'POST', path: '/langid', headers: { 'content-type': 'text/plain; charset=utf-8' }, body: text },
    read: (answer) => expectField(answer, 'language', language),
  }));
  const hello: Visit = {
    says: 'GET /hello',
    call: { method: 'GET', path: '/hello' },
    read: (answer) => {
      if (answer.status !== 200) throw new Error(`GET /hello was answered ${answer.status}: ${answer.body.toString()}`);
      return answer.body.toString().trim();
    },
  };
  return [{ function: 'hello', visits: [hello] }, { function: 'digits', visits: digits }, { function: 'langid', visits: langid }];
}

function expectField(answer: Answer, field: string, wanted: unknown): string {
  const text = answer.body.toString();
  const found: Record<string, unknown> = answer.status === 200 ? (JSON.parse(text) as Record<string, unknown>) : {};
  if (found[field] !== wanted) throw new Error(`expected ${field} ${String(wanted)}, was answered ${answer.status} ${text}`);
  const confidence = found['confidence'];
  return `${field} ${String(wanted)}${typeof confidence === 'number' ? `, confidence ${confidence.toFixed(3)}` : ''}`;
}
