import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ELEMENT_TYPES, type ElementType, type Signature } from '../../runtime/engine/tensor.ts';
import { bindingTypes } from './binding-types.ts';
import { parseManifest } from './manifest.ts';

const PACKAGE = fileURLToPath(new URL('../../..', import.meta.url));
const SDK = fileURLToPath(new URL('../../runtime/sdk.d.ts', import.meta.url));

const DIGITS: Signature = {
  inputs: [{ name: 'image', type: 'float32', shape: ['batch', 1, 28, 28] }, { name: 'input.ids', type: 'int64', shape: [-1] }],
  outputs: [{ name: 'logits', type: 'float32', shape: ['batch', 10] }, { name: 'label', type: 'string', shape: [1] }],
};

function manifestWith(fields: object) {
  return parseManifest(JSON.stringify({ name: 'digits', main: 'handler.ts', routes: ['/digits'], ...fields }), 'pilotlight.json');
}

const MANIFEST = manifestWith({ models: { DIGITS: { path: 'digits.onnx' } }, vars: { THRESHOLD: '0.5' }, secrets: ['API_KEY'] });

/** What the compiler says of a handler beside its env.d.ts; empty when all is right. */
function compile(t: TestContext, env: string, handler: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'types-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(path.join(folder, 'env.d.ts'), env);
  writeFileSync(path.join(folder, 'handler.ts'), handler);
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify({
    compilerOptions: {
      strict: true, noEmit: true, target: 'es2022', lib: ['es2022', 'esnext.disposable'], module: 'esnext', moduleResolution: 'bundler',
      types: ['node'], typeRoots: [path.join(PACKAGE, 'node_modules/@types')], paths: { pilotlight: [SDK] },
    },
    files: ['handler.ts', 'env.d.ts'],
  }));
  const { stdout, stderr } = spawnSync(process.execPath, [path.join(PACKAGE, 'node_modules/typescript/bin/tsc'), '-p', folder], { encoding: 'utf8' });
  return stdout + stderr;
}

test('a handler that uses its bindings rightly compiles, and every wrong use is an error of the compiler', (t) => {
  // Each @ts-expect-error is an error itself if the line below it compiles.
  const handler = `
    import type { Handler } from 'pilotlight';
    import type { Env } from './env';
    export default {
      async fetch(request, env) {
        const image = { type: 'float32', shape: [1, 1, 28, 28], data: new Float32Array(784) } as const;
        const ids = { type: 'int64', shape: [1], data: new BigInt64Array(1) } as const;
        const { logits, label } = await env.DIGITS.run({ image, 'input.ids': ids }, { signal: request.signal });
        const first: number | undefined = logits.data[0];
        const word: string | undefined = label.data[0];
        const threshold: string = env.THRESHOLD + env.API_KEY;
        // @ts-expect-error an input of another name
        await env.DIGITS.run({ picture: image, 'input.ids': ids });
        // @ts-expect-error an input that is missing
        await env.DIGITS.run({ image });
        // @ts-expect-error an element type that is not the model's
        await env.DIGITS.run({ image: { ...image, type: 'float64' }, 'input.ids': ids });
        // @ts-expect-error data of another array class
        await env.DIGITS.run({ image: { ...image, data: new Float64Array(784) }, 'input.ids': ids });
        // @ts-expect-error an output that is not there
        (await env.DIGITS.run({ image, 'input.ids': ids })).scores;
        // @ts-expect-error a binding that is not there
        env.LANGID;
        // @ts-expect-error a var is a string
        const half: number = env.THRESHOLD;
        return Response.json({ first, word, threshold, half });
      },
    } satisfies Handler<Env>;`;
  assert.equal(compile(t, bindingTypes(MANIFEST, new Map([['DIGITS', DIGITS]])), handler), '');
});

test('a model with variants is typed once, under the names of all its files', () => {
  const text = bindingTypes(manifestWith({ models: { DIGITS: { variants: [{ path: 'sm90.engine' }, { path: 'digits.onnx' }] } } }), new Map([['DIGITS', DIGITS]]));
  assert.match(text, /  \/\*\* sm90\.engine or digits\.onnx \*\/\n  readonly DIGITS: Model</);
});

test('each tensor is written with its name, element type and shape', () => {
  assert.equal(bindingTypes(MANIFEST, new Map([['DIGITS', DIGITS]])), `\
// Written by \`pilotlight types\` from the manifest and its models. Run it again when they change.
import type { Model } from 'pilotlight';

/** What the handler of \`digits\` finds in \`env\`. */
export interface Env {
  /** digits.onnx */
  readonly DIGITS: Model<
    {
      /** float32 [batch, 1, 28, 28] */
      readonly image: {
        readonly type: 'float32';
        readonly shape: readonly number[];
        readonly data: Float32Array;
      };
      /** int64 [?] */
      readonly "input.ids": {
        readonly type: 'int64';
        readonly shape: readonly number[];
        readonly data: BigInt64Array;
      };
    },
    {
      /** float32 [batch, 10] */
      readonly logits: {
        readonly type: 'float32';
        readonly shape: readonly number[];
        readonly data: Float32Array;
      };
      /** string [1] */
      readonly label: {
        readonly type: 'string';
        readonly shape: readonly number[];
        readonly data: readonly string[];
      };
    }
  >;
  /** From \`vars\` of the manifest. */
  readonly THRESHOLD: string;
  /** A secret; \`pilotlight secret put digits API_KEY\` sets it. */
  readonly API_KEY: string;
}
`);
});

test('every element type, and names that no programmer would choose, compile', (t) => {
  const types = Object.keys(ELEMENT_TYPES) as ElementType[];
  const inputs = types.map((type) => ({ name: `${type} */ "x"\n`, type, shape: ['*/ evil', 1] }));
  const env = bindingTypes(manifestWith({ models: { A: { path: 'a.onnx' } } }), new Map([['A', { inputs, outputs: [] }]]));
  const handler = "import type { Env } from './env';\nexport const run = (env: Env): Promise<object> => env.A.run(null as never);";
  assert.equal(compile(t, env, handler), '');
});

test('a function without models, vars and secrets has an empty env', (t) => {
  const env = bindingTypes(manifestWith({}), new Map());
  assert.equal(compile(t, env, "import type { Env } from './env';\nexport const env: Env = {};"), '');
});

test('the text does not depend on the order in the manifest', () => {
  const one = manifestWith({ vars: { A: '1', B: '2' }, secrets: ['C', 'D'] });
  const other = manifestWith({ secrets: ['D', 'C'], vars: { B: '2', A: '1' } });
  assert.equal(bindingTypes(one, new Map()), bindingTypes(other, new Map()));
});

test('a model whose signature is not known is refused by name', () => {
  assert.throws(() => bindingTypes(MANIFEST, new Map()), { code: 'BAD_MODEL', message: /models\.DIGITS \(digits\.onnx\) are not known/ });
});
