// Finds the text in a request: the body itself, or `text` of a JSON body.

/** What is wrong with the request; the text is for the caller. */
export class BadText extends Error {}

/** Throws BadText when there is none. White space counts as one space, as in the text that the model learned from. */
export async function textIn(request: Request): Promise<string> {
  const body = await request.text();
  const isJson = /^application\/([\w.-]+\+)?json\b/i.test(request.headers.get('content-type') ?? '');
  const text = (isJson ? textOf(body) : body).replace(/\s+/g, ' ').trim();
  if (text === '') throw new BadText('there is no text: send some as the body, or as {"text": "..."} with content-type application/json');
  return text;
}

function textOf(json: string): string {
  const { text } = parsed(json);
  if (typeof text !== 'string') throw new BadText('the JSON body has no string named "text"');
  return text;
}

function parsed(json: string): { readonly text?: unknown } {
  try {
    return Object(JSON.parse(json)) as { text?: unknown };
  } catch {
    throw new BadText('the body is not valid JSON, though its content-type says so');
  }
}
