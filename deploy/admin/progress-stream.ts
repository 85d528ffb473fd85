// A rollout told line by line (NDJSON): `{"event":...}` as steps go, at the end one `{"result":...}` or `{"error":...}`.
// The rollout belongs to the host, not to the caller: it goes on when the caller leaves, and asking again joins the line.
import type { Clock, Timer } from '../../runtime/clock.ts';
import { toPlainError, type ErrorPlain } from '../../runtime/errors.ts';
import type { RolloutEvent, RolloutListener, RolloutResult } from '../rollout/rollout-event.ts';

export type ProgressLine = { readonly event: RolloutEvent } | { readonly result: RolloutResult } | { readonly error: ErrorPlain };

/** Empty lines in between keep proxies and clients from giving up on a long load. */
const HEARTBEAT_MS = 15_000;

/** Throws what `begin` throws at once, so that a refusal before the first step has its own status. */
export function progressResponse(clock: Clock, begin: (onEvent: RolloutListener) => Promise<RolloutResult>): Response {
  const encoder = new TextEncoder();
  const waiting: string[] = [];
  let write = (line: string): void => void waiting.push(line);
  const working = begin((event) => write(lineOf({ event })));
  let timer: Timer | undefined;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      write = (line) => controller.enqueue(encoder.encode(line));
      for (const line of waiting.splice(0)) write(line);
      const beat = (): void => {
        timer = clock.after(HEARTBEAT_MS, () => {
          write('\n');
          beat();
        });
      };
      beat();
      const end = (line: ProgressLine): void => {
        timer?.cancel();
        write(lineOf(line));
        write = () => {};
        try {
          controller.close();
        } catch {
          // The caller left: there is nobody to tell.
        }
      };
      working.then((result) => end({ result }), (error: unknown) => end({ error: toPlainError(error, 'INTERNAL') }));
    },
    cancel() {
      timer?.cancel();
      write = () => {};
    },
  });
  return new Response(body, { headers: { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' } });
}

function lineOf(line: ProgressLine): string {
  return `${JSON.stringify(line)}\n`;
}
