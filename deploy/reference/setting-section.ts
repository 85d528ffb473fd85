// The table of settings for people: the same rows that flags, variables and the file are read by.
import { settingRows } from '../../runtime/config/settings.ts';
import { code, table } from './markdown.ts';

export function settingSection(): string {
  const rows = settingRows().map(({ name, flag, variables, expects, default: value, about }) =>
    [code(name), `${code(flag)} ${variables.map(code).join(' ')}`, value, `${about} ${sentence(expects)}`]);
  return table(['setting', 'flag and variable', 'default', 'what it does'], rows);
}

function sentence(expects: string): string {
  return `${expects.charAt(0).toUpperCase()}${expects.slice(1)}.`;
}
