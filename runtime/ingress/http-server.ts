// A Node HTTP server with the limits of the data plane: slow heads, large heads and malformed requests are refused here,
// before any of our own code runs. Bodies have their own deadlines, so Node's whole-request timeout is off.
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { PilotlightError, problemBody } from '../errors.ts';

export interface HttpServerOptions {
  /** Requests on those over it are answered 503 OVERLOADED. */
  readonly connectionsMax: number;
  readonly onRequest: (request: IncomingMessage, response: ServerResponse, expects: 'nothing' | 'continue') => void;
}

const HEADERS_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_TIMEOUT_MS = 65_000;
const HEADER_BYTES_MAX = 16 * 1024;
/** Connections over the limit that are heard out, to be told why; those beyond are closed. */
const SURPLUS_MAX = 32;
/** How often Node looks for heads that are late. */
const CHECK_INTERVAL_MS = 2_000;

export function createHttpServer({ connectionsMax, onRequest }: HttpServerOptions): Server {
  const server = createServer({
    headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: 0, keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    maxHeaderSize: HEADER_BYTES_MAX, connectionsCheckingInterval: CHECK_INTERVAL_MS, noDelay: true,
    // Node's own refusal has no code and no request id; the front gives one that has.
    requireHostHeader: false,
  });
  server.maxConnections = connectionsMax + SURPLUS_MAX;
  const isSurplus = watchSurplus(server, connectionsMax);
  const take = (request: IncomingMessage, response: ServerResponse, expects: 'nothing' | 'continue'): void => {
    if (isSurplus(request.socket)) answerOverloaded(response, connectionsMax);
    else onRequest(request, response, expects);
  };
  server.on('request', (request, response) => take(request, response, 'nothing'));
  server.on('checkContinue', (request, response) => take(request, response, 'continue'));
  // Node would refuse all other expectations, without a code; the standard lets them be ignored.
  server.on('checkExpectation', (request, response) => take(request, response, 'nothing'));
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => answerClientError(error, socket));
  return server;
}

/** A connection that came over the limit stays one: its caller is told once, and it ends. */
function watchSurplus(server: Server, connectionsMax: number): (socket: Socket) => boolean {
  const surplus = new WeakSet<Socket>();
  let open = 0;
  server.on('connection', (socket: Socket) => {
    open += 1;
    if (open > connectionsMax) surplus.add(socket);
    socket.once('close', () => { open -= 1; });
  });
  return (socket) => surplus.has(socket);
}

function answerOverloaded(response: ServerResponse, connectionsMax: number): void {
  const problem = new PilotlightError('OVERLOADED', `this host holds ${connectionsMax} connections a thread already; try again when some have closed`);
  const requestId = randomUUID();
  response.writeHead(problem.status, {
    'Content-Type': 'application/problem+json', 'Retry-After': String(problem.retryAfterS), 'Pilotlight-Request-Id': requestId, 'Connection': 'close',
  });
  response.end(JSON.stringify(problemBody(problem, requestId)));
}

function toProblem(error: NodeJS.ErrnoException): PilotlightError | undefined {
  if (error.code === 'HPE_HEADER_OVERFLOW') {
    return new PilotlightError('HEADERS_TOO_LARGE', `the request's headers have more than ${HEADER_BYTES_MAX} bytes`);
  }
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new PilotlightError('BODY_TIMEOUT', `the request's head did not arrive within ${HEADERS_TIMEOUT_MS} ms`);
  }
  return error.code?.startsWith('HPE_') ? new PilotlightError('BAD_REQUEST', `this is not HTTP/1.1: ${error.message}`) : undefined;
}

/** There is no request yet, so the answer is written by hand and the connection ends. */
function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  const problem = toProblem(error);
  if (problem === undefined || !socket.writable || socket.bytesWritten > 0 && isAnswering(socket)) {
    socket.destroy();
    return;
  }
  const requestId = randomUUID();
  const body = JSON.stringify(problemBody(problem, requestId));
  const head = [
    `HTTP/1.1 ${problem.status} ${problem.code}`, 'Content-Type: application/problem+json', `Content-Length: ${Buffer.byteLength(body)}`,
    `Pilotlight-Request-Id: ${requestId}`, 'Connection: close', '', '',
  ];
  socket.end(head.join('\r\n') + body, () => socket.destroy());
}

/** An answer to an earlier request of the connection is on its way; ours would end up inside of it. */
function isAnswering(socket: Socket & { _httpMessage?: { headersSent: boolean } | null }): boolean {
  return socket._httpMessage?.headersSent === true;
}
