// `npm run docs`: brings the generated parts of docs/reference up to date with the code.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { fillSections } from './fill-sections.ts';
import { SECTIONS } from './sections.ts';

const FOLDER = fileURLToPath(new URL('../../../docs/reference', import.meta.url));

for (const name of readdirSync(FOLDER).filter((one) => one.endsWith('.md')).sort()) {
  const file = join(FOLDER, name);
  const before = readFileSync(file, 'utf8');
  const { text } = fillSections(before, SECTIONS);
  if (text !== before) writeFileSync(file, text);
  process.stdout.write(`docs/reference/${name} ${text === before ? 'is up to date' : 'written'}\n`);
}
