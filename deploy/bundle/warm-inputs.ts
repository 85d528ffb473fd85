// Which of a bundle's files a model is warmed with; the same answer in the folder and on the host.
import { HANDLER_PATH } from './bundle.ts';
import { matchPaths } from './match-paths.ts';

/** Sorted. The handler is never one, whatever the globs say. */
export function warmInputPaths(globs: readonly string[], paths: Iterable<string>): string[] {
  return matchPaths(globs, paths).filter((path) => path !== HANDLER_PATH);
}
