// The table of settings for people: the same rows that flags, variables and the file are read by.
import { NOT_YET, settingRows } from '../../runtime/config/settings.ts';
import { code, table } from './markdown.ts';

export function settingSection(): string {
  const rows = settingRows().map(({ name, flag, variables, expects, default: value, about }) =>
    [code(name), `${code(flag)} ${variables.map(code).join(' ')}`, value, `${about} ${sentence(expects)}`]);
  const planned = NOT_YET.map(code).join(', ');
  const all = table(['setting', 'flag and variable', 'default', 'what it does'], rows);
  return `${all}\n\nNot in this release, and refused by name: ${planned}.`;
}

function sentence(expects: string): string {
  return `${expects.charAt(0).toUpperCase()}${expects.slice(1)}.`;
}
