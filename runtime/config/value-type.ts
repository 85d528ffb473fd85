// The kinds of value that a setting can have: how each is read from text (flags, variables) and from JSON
// (the file), and the words that end the message about a wrong one. Pure; undefined means "not such a value".
import { resolve } from 'node:path';

export interface ValueType<Value> {
  /** For example "a whole number from 0 to 65535". */
  readonly expects: string;
  readonly choices?: readonly string[];
  /** `folder` is what a relative path is relative to. */
  parseText(text: string, folder: string): Value | undefined;
  parseJson(value: unknown, folder: string): Value | undefined;
}

export function wholeNumber(min: number, max: number): ValueType<number> {
  const accept = (value: unknown): number | undefined =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max ? value : undefined;
  return {
    expects: `a whole number from ${min} to ${max}`,
    parseText: (text) => (/^\d{1,15}$/.test(text) ? accept(Number(text)) : undefined),
    parseJson: accept,
  };
}

export const fraction: ValueType<number> = {
  expects: 'a number from 0 to 1',
  parseText: (text) => (/^\d{0,3}(\.\d{1,15})?$/.test(text) && text !== '' ? fraction.parseJson(Number(text), '') : undefined),
  parseJson: (value) => (typeof value === 'number' && value >= 0 && value <= 1 ? value : undefined),
};

export const hostName: ValueType<string> = {
  expects: 'an address or a host name, for example 127.0.0.1, ::1 or 0.0.0.0',
  parseText: (text) => (/^[\w.:%-]{1,253}$/.test(text) ? text : undefined),
  parseJson: (value) => (typeof value === 'string' ? hostName.parseText(value, '') : undefined),
};

export const path: ValueType<string> = {
  expects: 'a path',
  parseText: (text, folder) => (text !== '' && !text.includes('\0') ? resolve(folder, text) : undefined),
  parseJson: (value, folder) => (typeof value === 'string' ? path.parseText(value, folder) : undefined),
};

export const pathList: ValueType<readonly string[]> = {
  expects: 'paths, with commas between them; in the file a list of them',
  parseText: (text, folder) => pathList.parseJson(text.split(',').map((part) => part.trim()), folder),
  parseJson: (value, folder) => {
    if (!Array.isArray(value)) return undefined;
    const paths = value.map((one) => path.parseJson(one, folder));
    return paths.every((one) => one !== undefined) ? paths : undefined;
  },
};

export const yesOrNo: ValueType<boolean> = {
  expects: 'true or false',
  choices: ['true', 'false'],
  parseText: (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
  parseJson: (value) => (typeof value === 'boolean' ? value : undefined),
};

export function oneOf<Choice extends string>(choices: readonly Choice[]): ValueType<Choice> {
  const accept = (value: unknown): Choice | undefined => choices.find((choice) => choice === value);
  return { expects: `one of ${choices.join(', ')}`, choices, parseText: accept, parseJson: accept };
}
