// Bundles a function's handler into one ES module with esbuild: TypeScript becomes JavaScript, packages come along, Node's own modules stay outside.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type BuildFailure, type BuildResult, type Message } from 'esbuild';
import { PilotlightError } from '../../runtime/errors.ts';

const MESSAGES_SHOWN = 5;

// `pilotlight` has types and little else; a handler that imports a value from it gets it bundled. From dist*/deploy/bundle/.
const SDK_FILE = fileURLToPath(new URL('../../runtime/sdk.js', import.meta.url));

// CommonJS packages call `require` for Node's own modules, which an ES module does not have.
const REQUIRE_BANNER =
  "import { createRequire as pilotlightCreateRequire } from 'node:module'; const require = pilotlightCreateRequire(import.meta.url);";

export interface BundledHandler {
  readonly bytes: Uint8Array;
  readonly warnings: readonly string[];
}

/** `main` is relative to `folder`. Throws BAD_HANDLER with file:line:column of each mistake. */
export async function bundleHandler(folder: string, main: string): Promise<BundledHandler> {
  const result = await buildOrRefuse(folder, main);
  const [output] = result.outputFiles ?? [];
  const exported = Object.values(result.metafile?.outputs ?? {})[0]?.exports ?? [];
  if (output === undefined || !exported.includes('default')) {
    throw new PilotlightError('BAD_HANDLER', `${main} has no default export; write: export default { fetch(request, env, context) { ... } }`);
  }
  return { bytes: output.contents, warnings: result.warnings.map(describe) };
}

async function buildOrRefuse(folder: string, main: string): Promise<BuildResult> {
  try {
    return await build({
      absWorkingDir: folder,
      // With `./`: a bare name could be taken for a package.
      entryPoints: [`./${main}`],
      outfile: path.join(folder, 'handler.mjs'),
      write: false,
      metafile: true,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      // Stack traces name the author's files and lines; the sources themselves do not travel.
      sourcemap: 'inline',
      sourcesContent: false,
      legalComments: 'none',
      charset: 'utf8',
      banner: { js: REQUIRE_BANNER },
      define: { __dirname: 'import.meta.dirname', __filename: 'import.meta.filename' },
      alias: { pilotlight: SDK_FILE },
      loader: { '.txt': 'text', '.html': 'text', '.bin': 'binary' },
      logLevel: 'silent',
    });
  } catch (error) {
    throw new PilotlightError('BAD_HANDLER', `cannot bundle ${main}: ${describeFailure(error)}`, { cause: error });
  }
}

function describeFailure(error: unknown): string {
  const messages = (error as Partial<BuildFailure>).errors;
  if (messages === undefined || messages.length === 0) return String((error as Error).message);
  const lines = messages.slice(0, MESSAGES_SHOWN).map(describe);
  if (messages.length > MESSAGES_SHOWN) lines.push(`and ${messages.length - MESSAGES_SHOWN} more`);
  return lines.join('\n');
}

/** esbuild counts columns from 0, editors from 1. */
function describe(message: Message): string {
  const { location } = message;
  const notes = message.notes.map((note) => ` (${note.text})`).join('');
  return location === null ? `${message.text}${notes}` : `${location.file}:${location.line}:${location.column + 1}: ${message.text}${notes}`;
}
