// Finds the texts in a request's JSON body, and refuses what the model could not or should not be asked.

/** In one request. More would keep others waiting for long. */
export const TEXTS_MAX = 64;
/** Of one text, in UTF-16 units: well beyond what 256 tokens say. The rest would be cut off unseen. */
export const TEXT_LENGTH_MAX = 8192;

export type Encoding = 'float' | 'base64';

export interface Asked {
  readonly texts: readonly string[];
  readonly encoding: Encoding;
}

/** What is wrong with the request: a code for programs, a text for people. */
export class BadTexts extends Error {
  readonly code: 'BAD_JSON' | 'NO_TEXTS' | 'TOO_MANY_TEXTS' | 'TEXT_TOO_LONG' | 'BAD_ENCODING';

  constructor(code: BadTexts['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** Throws BadTexts. */
export async function textsIn(request: Request): Promise<Asked> {
  const { texts, encoding = 'float' } = parsed(await request.text());
  if (!Array.isArray(texts) || texts.length === 0) throw new BadTexts('NO_TEXTS', 'the body has no list of texts: send {"texts": ["...", "..."]}');
  if (texts.length > TEXTS_MAX) throw new BadTexts('TOO_MANY_TEXTS', `${texts.length} texts in one request; send at most ${TEXTS_MAX}`);
  for (const [index, text] of texts.entries()) checkText(text, index);
  if (encoding !== 'float' && encoding !== 'base64') throw new BadTexts('BAD_ENCODING', `encoding ${JSON.stringify(encoding)}; there are "float" and "base64"`);
  return { texts: texts as string[], encoding };
}

function parsed(json: string): { readonly texts?: unknown; readonly encoding?: unknown } {
  try {
    return Object(JSON.parse(json)) as { texts?: unknown; encoding?: unknown };
  } catch {
    throw new BadTexts('BAD_JSON', 'the body is not valid JSON: send {"texts": ["...", "..."]}');
  }
}

function checkText(text: unknown, index: number): void {
  if (typeof text !== 'string') throw new BadTexts('NO_TEXTS', `texts[${index}] is not a string`);
  if (text.length > TEXT_LENGTH_MAX) throw new BadTexts('TEXT_TOO_LONG', `texts[${index}] has ${text.length} characters; send at most ${TEXT_LENGTH_MAX}`);
}
