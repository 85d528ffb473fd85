// What readers will copy: manifests in the documents are read by the host's own parser, TypeScript is checked by the compiler.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseManifest } from '../../deploy/manifest/manifest.ts';
import { parseConfigFile } from '../../runtime/config/config-file.ts';
import { SETTING_NAMES } from '../../runtime/config/settings.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const documents = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], { cwd: ROOT, encoding: 'utf8' })
  .split('\n').filter((file) => file !== '' && existsSync(join(ROOT, file)));

interface Example {
  /** `README.md:120` */
  readonly place: string;
  readonly text: string;
}

function examplesIn(language: string): readonly Example[] {
  return documents.flatMap((file) => {
    const page = readFileSync(join(ROOT, file), 'utf8');
    return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'gm'))].map((match) =>
      ({ place: `${file}:${page.slice(0, match.index).split('\n').length + 1}`, text: match[1] ?? '' }));
  });
}

test('every manifest in the documents is one that the host takes', () => {
  const manifests = examplesIn('jsonc').filter(({ text }) => text.startsWith('// pilotlight.jsonc\n'));
  for (const { place, text } of manifests) assert.equal(typeof parseManifest(text, place).name, 'string');
  assert.ok(manifests.length >= 2, 'no manifest was found');
});

test('every settings file in the documents names settings that exist', () => {
  const files = examplesIn('jsonc').filter(({ text }) => text.startsWith('// pilotlight.config.jsonc\n'));
  const names = files.flatMap(({ place, text }) => [...parseConfigFile(place, text).keys()]);
  assert.deepEqual(names.filter((name) => !SETTING_NAMES.some((known) => known === name)), []);
  assert.ok(names.length > 0, 'no settings file was found');
});

test('all JSON with comments in the documents says which file it is', () => {
  const nameless = examplesIn('jsonc').filter(({ text }) => !/^\/\/ pilotlight\.(config\.)?jsonc\n/.test(text));
  assert.deepEqual(nameless.map(({ place }) => place), []);
});

test('every TypeScript example in the documents compiles', () => {
  const examples = examplesIn('ts');
  assert.ok(examples.length >= 3, 'no example was found');
  // Inside the package, where `pilotlight` and its dependencies are found as a function's author finds them.
  const folder = mkdtempSync(join(ROOT, 'dist-docs-'));
  try {
    copyFileSync(join(ROOT, 'functions/digits/env.d.ts'), join(folder, 'env.d.ts'));
    for (const [index, { text }] of examples.entries()) writeFileSync(join(folder, `example-${index}.ts`), text);
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({
      extends: '../tsconfig.json', compilerOptions: { rootDir: '..', noEmit: true, noUnusedLocals: false }, include: ['*.ts'], exclude: [],
    }));
    const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
    const { status, stdout } = spawnSync(process.execPath, [compiler, '-p', folder], { cwd: folder, encoding: 'utf8' });
    const named = stdout.replace(/^example-(\d+)\.ts/gm, (_all, index) => `${examples[Number(index)]?.place} of the example's`);
    assert.equal(status, 0, named);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
