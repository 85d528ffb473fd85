// The one place where the admin API turns errors into responses: RFC 9457 problem details with the error's code.
import { randomBytes } from 'node:crypto';
import { PilotlightError, describeThrown, problemBody, type ErrorPlain } from '../../runtime/errors.ts';

export function problemResponse(error: unknown): Response {
  const requestId = randomBytes(8).toString('hex');
  const told: PilotlightError | ErrorPlain = error instanceof PilotlightError ? error : { code: 'INTERNAL', message: describeThrown(error) };
  const body = problemBody(told, requestId);
  return new Response(`${JSON.stringify(body)}\n`, {
    status: body.status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      'pilotlight-request-id': requestId,
      ...(told.retryAfterS === undefined ? {} : { 'retry-after': String(told.retryAfterS) }),
      ...(body.status === 401 ? { 'www-authenticate': 'Bearer realm="pilotlight"' } : {}),
    },
  });
}
