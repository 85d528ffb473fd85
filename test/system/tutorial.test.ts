// What the documents tell their readers to type, typed: each command of a console example runs as it stands, against a host that
// listens elsewhere, and says what the document says it does.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { imageOf } from '../../functions/digits/image.ts';
import { readPng } from '../../functions/digits/png.ts';
import { FunctionFolders } from '../support/function-folder.ts';
import { RealHost, runPilotlight } from '../support/real-host.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');

interface Typed {
  readonly command: string;
  /** What the document shows of its output; none: it shows nothing. */
  readonly shown: readonly string[];
}

/** In the order of the document. */
function commandsIn(page: string): readonly Typed[] {
  const blocks = [...page.matchAll(/^```(?:text)?\n(\$ [^]*?)^```$/gm)].map((match) => match[1] ?? '');
  return blocks.flatMap((block) => block.split(/^\$ /m).slice(1).map((part): Typed => {
    const [command = '', ...shown] = part.split('\n');
    return { command, shown: shown.filter((line) => line !== '') };
  }));
}

/** Without what differs from run to run or build to build: times, sizes, digests, ids, counts of deploys and golden requests. */
function plain(line: string): string {
  return line.replaceAll(/\d+(\.\d+)? (ms|s)\b/g, 'T').replaceAll(/\d+(\.\d+)? (B|KiB|MiB)\b/g, 'SIZE')
    .replaceAll(/generation \d+/g, 'generation N').replaceAll(/@[0-9a-f]{8}/g, '@V').replaceAll(/dur=[\d.]+/g, 'dur=T')
    .replaceAll(/(request-id:) \S+/g, '$1 ID').replaceAll(/\d+ answered right/g, 'N answered right');
}

async function type({ command, shown }: Typed, host: RealHost): Promise<void> {
  const own = command.replaceAll('http://127.0.0.1:8787', host.url);
  const env = { ...process.env, PILOTLIGHT_ADMIN: host.adminUrl, PILOTLIGHT_TOKEN: host.token, PILOTLIGHT_PORT: String(host.port) };
  const { stdout, stderr } = await promisify(execFile)('/bin/sh', ['-c', own], { cwd: ROOT, env });
  // On a terminal both stand under the command.
  const said = `${stderr}${stdout}`.split('\n').map(plain);
  let from = 0;
  for (const line of shown) {
    const at = said.indexOf(plain(line), from);
    assert.notEqual(at, -1, `${command}: the document shows ${JSON.stringify(line)}, it said:\n${said.join('\n')}`);
    from = at + 1;
  }
}

async function withHost(work: (host: RealHost) => Promise<void>): Promise<void> {
  const host = await RealHost.start();
  try {
    await work(host);
  } finally {
    await host.close();
  }
}

for (const file of ['functions/hello/README.md', 'functions/digits/README.md', 'functions/langid/README.md', 'README.md']) {
  test(`the commands of ${file} do what it shows`, { timeout: 120_000 }, () => withHost(async (host) => {
    const commands = commandsIn(readFileSync(join(ROOT, file), 'utf8'));
    assert.ok(commands.length >= 2, 'no command was found');
    // The overview asks what the examples have deployed.
    if (file === 'README.md') await host.deploy(join(ROOT, 'functions/digits'));
    for (const typed of commands) await type(typed, host);
  }));
}

test('the function of 20 lines in README.md is checked, deployed with its golden request, and answers', { timeout: 120_000 }, () => withHost(async (host) => {
  const exampleOf = (language: string, file: string): string =>
    new RegExp(`^\`\`\`${language}\\n(// ${file}\\n[^]*?)^\`\`\`$`, 'm').exec(README)?.[1] ?? assert.fail(`README.md has no ${file}`);
  const image = imageOf(readPng(readFileSync(join(ROOT, 'functions/digits/samples/3-001.png'))));
  const bytes = new Uint8Array(image.buffer, image.byteOffset, image.byteLength);
  const folders = new FunctionFolders();
  try {
    const folder = folders.write('mini', {
      manifest: exampleOf('jsonc', 'pilotlight.jsonc'), handler: exampleOf('ts', 'handler.ts'),
      files: { 'digits.onnx': readFileSync(join(ROOT, 'functions/digits/digits.onnx')), 'samples/3.f32': bytes },
    });
    const { code, err } = await runPilotlight(['types', folder]);
    assert.deepEqual([code, err], [0, '']);
    await host.deploy(folder);
    const answer = await host.ask('/mini', { method: 'POST', body: bytes });
    assert.deepEqual([answer.headers.get('pilotlight-start'), await answer.json()], ['warm', { digit: 3 }]);
  } finally {
    folders.remove();
  }
}));

test('the command can be executed after every set-up, not only after the first that npx meets', () => {
  accessSync(new URL('../../deploy/cli/main.js', import.meta.url), constants.X_OK);
});
