// Folders of functions for tests of whole hosts: a manifest, a handler as text, models and whatever else it names.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export interface FunctionSource {
  /** Left out: one that answers its name. */
  readonly handler?: string;
  /** Besides name and main. Text is written as it is. */
  readonly manifest?: Readonly<Record<string, unknown>> | string;
  /** By path inside the folder. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
}

export class FunctionFolders {
  readonly root = mkdtempSync(join(tmpdir(), 'pilotlight-functions-'));

  /** Writes or overwrites one; gives its path. */
  write(name: string, { handler = `export default { fetch: () => new Response('${name}') };`, manifest = {}, files = {} }: FunctionSource = {}): string {
    const folder = join(this.root, name);
    const whole = typeof manifest === 'string' ? manifest : JSON.stringify({ name, main: 'handler.ts', routes: [`/${name}`], ...manifest });
    for (const [path, content] of Object.entries({ 'pilotlight.jsonc': whole, 'handler.ts': handler, ...files })) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), content);
    }
    return folder;
  }

  removeOne(name: string): void {
    rmSync(join(this.root, name), { recursive: true, force: true });
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** A simulated model of one float32 input `x` [n] and one output `y` that echoes it; `script` slows it or lets it fail. */
export function fakeModel(script: readonly string[] = []): string {
  return ['pilotlight-fake 1', 'input x float32 [n]', 'output y float32 [n]', ...script, ''].join('\n');
}

/** The call of such a model inside a handler. */
export const RUN_FAKE = `env.MODEL.run({ x: { type: 'float32', shape: [1], data: Float32Array.of(1) } }, { signal: request.signal })`;
