// Every error code as one row: what the code's kind says of it, and what people need besides.
import { ERROR_KINDS, type ErrorCode } from '../../runtime/errors.ts';
import { ERROR_ADVICE, type Audience } from './error-advice.ts';
import { code, table } from './markdown.ts';

const TITLES: Readonly<Record<Audience, string>> = {
  caller: 'Answers to requests',
  operator: 'Answers to commands, and what logs say',
  'nobody yet': 'Not met in this release',
};

export function errorSection(): string {
  const audiences = Object.keys(TITLES) as Audience[];
  return audiences.map((audience) => `## ${TITLES[audience]}\n\n${tableFor(audience)}`).join('\n\n');
}

function tableFor(audience: Audience): string {
  const codes = (Object.keys(ERROR_KINDS) as ErrorCode[]).filter((name) => ERROR_ADVICE[name].audience === audience);
  return table(['code', 'status', 'again?', 'when', 'what would do'], codes.map((name) => {
    const { status, retryable } = ERROR_KINDS[name];
    return [code(name), String(status), retryable ? 'yes' : 'no', ERROR_ADVICE[name].when, ERROR_ADVICE[name].what];
  }));
}
