// Who is greeted: a rule of its own, so that it can be tested without a request.

/** The segment after /hello, or "world". Undefined when its percent-encoding is broken, since callers may send anything. */
export function nameIn(url: string): string | undefined {
  const [, , segment] = new URL(url).pathname.split('/');
  if (segment === undefined || segment === '') return 'world';
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
