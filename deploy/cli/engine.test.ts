// `pilotlight engine` in this process, on the double of NVIDIA's libraries.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { capturedTerminal } from '../../test/support/captured-terminal.ts';
import { BuildFolder, scaled, summed } from '../../test/support/engine-builds.ts';
import { DOUBLE_FOLDER } from '../../test/support/nvidia-double.ts';
import { npyOf } from '../../test/support/npy-of.ts';
import { runCli } from './program.ts';

let folder: BuildFolder;

beforeEach(() => {
  folder = new BuildFolder();
});
afterEach(() => folder[Symbol.dispose]());

async function run(args: readonly string[], library = DOUBLE_FOLDER) {
  const env = { LD_LIBRARY_PATH: DOUBLE_FOLDER, PILOTLIGHT_CUDA_DRIVER: DOUBLE_FOLDER, PILOTLIGHT_TENSORRT_LIBRARY: library };
  const terminal = capturedTerminal({ folder: folder.path, env });
  const code = await runCli(['engine', ...args], terminal);
  return { code, ...terminal.written };
}

function writeSamples(count: number): void {
  mkdirSync(folder.at('samples'), { recursive: true });
  for (let i = 0; i < count; i += 1) writeFileSync(folder.at(`samples/${i}.npy`), npyOf('<f4', '(2, 4)', Float32Array.from({ length: 8 }, (_, at) => at + i)));
}

describe('engine build', () => {
  test('says what it made, for whom, and how far it is from ONNX Runtime', async () => {
    folder.ask(scaled());
    const { code, out, err } = await run(['build', 'model.onnx', '--shapes', 'x:1x4..2x..16x']);
    assert.equal(code, 0, err);
    assert.match(out, /^model\.plan: .*1 layer \(1 in float32\), TensorRT 10\.6\.0\.26 for Pilotlight Double \(compute capability 9\.0\)/);
    assert.match(out, /largest difference from onnxruntime .* on 2 sets of inputs: "y" by 0\.00; the limit is 0\.005 for float32\n$/);
    for (const step of ['build', 'inspect', 'compare', 'write']) assert.match(err, new RegExp(`^model\\.onnx: ${step}: `, 'm'));
  });

  test('with --verbose tells each call before it is made, so that a crash has a place', async () => {
    folder.ask(scaled());
    const { code, err } = await run(['build', 'model.onnx', '-o', 'other.plan', '--shapes', 'x:1x4..2x..16x', '--verbose']);
    assert.equal(code, 0, err);
    assert.match(err, /^> createInferBuilder\n> createNetworkV2\n> createBuilderConfig\n> parse\n/m);
    assert.ok(readdirSync(folder.path).includes('other.plan'));
  });

  test('compares on samples where there are some, one file of NumPy or of JSON each', async () => {
    folder.ask(scaled());
    writeSamples(3);
    writeFileSync(folder.at('samples/3.json'), JSON.stringify({ inputs: { x: { type: 'float32', shape: [1, 4], data: [1, 2, 3, 4] } } }));
    const { code, out, err } = await run(['build', 'model.onnx', '--shapes', 'x:1x4..16x', '--samples', 'samples/*', '--json', '--tolerance', '0.5']);
    assert.equal(code, 0, err);
    const { comparison } = JSON.parse(out) as { comparison: object };
    assert.deepEqual(comparison, { ...comparison, samples: 4, tolerance: 0.5, isWithin: true });
  });

  test('several inputs have a file each, named after them', async () => {
    folder.ask(summed());
    for (const name of ['0.a', '0.b']) writeFileSync(folder.at(`${name}.npy`), npyOf('<f4', '(2, 4)', new Float32Array(8).fill(1)));
    const args = ['build', 'model.onnx', '--shapes', 'a:1x4..16x', '--shapes', 'b:1x4..16x', '--samples', '*.npy'];
    assert.equal((await run(args)).code, 0);
    rmSync(folder.at('0.b.npy'));
    assert.match((await run(args)).err, /error: BAD_TENSOR: sample .*: has no input "b"; it has "a"/);
  });

  test('lists the layers by what INT8 costs them, and writes nothing', async () => {
    folder.ask(scaled());
    writeSamples(2);
    const { code, out, err } = await run(['build', 'model.onnx', '--int8', '--calibration', 'samples/*.npy', '--compare-layers']);
    assert.equal(code, 0, err);
    assert.deepEqual(out.trim().split('\n').map((line) => line.trim().split(/ +/).slice(1)), [
      ['KIND', 'LAYER'], ['elementwise', 'Mul2'], ['elementwise', 'Add1'], ['elementwise', 'Mul0'],
    ]);
    assert.match(err, /3 layers compared/);
    assert.deepEqual(readdirSync(folder.path).filter((name) => name.includes('.plan')), []);
  });

  for (const [args, why] of [
    [['--int8'], /--int8 needs real inputs to choose its scales by: --calibration/],
    [['--calibration', 'x'], /--calibration belongs to --int8/],
    [['--keep-precision', 'x'], /--keep-precision belongs to --int8/],
    [['--fp16', '--bf16'], /--fp16 and --bf16/],
    [['--exclude-lean-runtime'], /belongs to --version-compatible/],
    [['--optimization-level', '9'], /a number from 0 to 5/],
    [['--workspace', 'much'], /a size such as 512MiB/],
    [['--hardware-compatibility', 'all'], /Allowed choices are none, ampere-plus, same-compute-capability/],
    [['--device', 'cpu'], /gpu:0, gpu:1/],
    [['--tolerance', '-1'], /a number of at least 0/],
  ] as const) {
    test(`${args.join(' ')} alone is wrong usage`, async () => {
      const { code, err } = await run(['build', 'model.onnx', ...args]);
      assert.equal(code, 2);
      assert.match(err, why);
    });
  }

  test('a precision that the model lacks is refused with where to make it', async () => {
    folder.ask(scaled());
    const { code, err } = await run(['build', 'model.onnx', '--shapes', 'x:1x4..16x', '--fp16']);
    assert.equal(code, 1);
    assert.match(err, /BAD_REQUEST: .*has no float16 tensor.*\(deploy\/recipes\/to_fp16\.py does that, docs\/how-to\/convert-models\.md tells how\)/);
  });

  test('a glob that matches nothing is named', async () => {
    folder.ask(scaled());
    assert.match((await run(['build', 'model.onnx', '--samples', 'none/*.npy'])).err, /BAD_TENSOR: samples none\/\*\.npy: cannot look into .*none/);
    writeSamples(1);
    assert.match((await run(['build', 'model.onnx', '--samples', 'samples/*.npz'])).err, /no file matches samples\/\*\.npz/);
  });
});

describe('engine inspect', () => {
  beforeEach(async () => {
    folder.ask(scaled());
    assert.equal((await run(['build', 'model.onnx', '--shapes', 'x:1x4..2x..16x'])).code, 0);
  });

  test('shows versions, reach, shapes, and the layers with what they were fused from', async () => {
    const { code, out } = await run(['inspect', 'model.plan']);
    assert.equal(code, 0);
    for (const words of [
      /^model\.plan: .*, built by TensorRT 10\.6\.0\.26$/m, /from model\.onnx on Pilotlight Double/, /GPUs of its own kind \(compute capability 9\.0\)/,
      /x float32\[\?, 4\] -> y float32\[\?, 4\]/, /profile {2}1: x 1x4\.\.2x4\.\.16x4/, /loaded {3}on Pilotlight Double by TensorRT 10\.6\.0/,
      /layers {3}6 of the model, 1 of the plan: 1 in float32/, /^float32 +12 B +PointWise +3 +Mul0\+Add1\+Mul2$/m,
    ]) assert.match(out, words);
  });

  test('without TensorRT and GPU tells what header and the file beside it know, and why no more', async () => {
    const { code, out, err } = await run(['inspect', 'model.plan'], folder.at('none'));
    assert.equal(code, 0);
    assert.match(out, /built by TensorRT 10\.6\.0\.26\n.*\n.*\n.*x float32.*\n[^]*Mul0\+Add1\+Mul2\n$/);
    assert.match(err, /not loaded: TensorRT from .*none/);
  });

  test('a plan alone tells its version, and what it is where it can be loaded', async () => {
    rmSync(folder.at('model.plan.json'));
    const { out, err } = await run(['inspect', 'model.plan', '--no-load']);
    assert.match(out, /^model\.plan: .*, built by TensorRT 10\.6\.0\.26\n$/);
    assert.match(err, /there is no .*model\.plan\.json/);
    assert.match((await run(['inspect', 'model.plan'])).out, /input {4}x float32\[\?, 4\]\n {2}profile {2}1 of 1: x 1x4\.\.2x4\.\.16x4\n {2}output {3}y float32/);
  });

  test('a file beside it that is of another plan is not believed', async () => {
    writeFileSync(folder.at('model.plan'), Buffer.concat([readFileSync(folder.at('model.plan')), Buffer.from('# more\n')]));
    const { out, err } = await run(['inspect', 'model.plan', '--no-load', '--json']);
    assert.equal((JSON.parse(out) as { sidecar?: object }).sidecar, undefined);
    assert.match(err, /^$/);
    assert.match((JSON.parse(out) as { sidecarProblem: string }).sidecarProblem, /is of another plan: the digests differ/);
  });

  test('what is no plan is refused by name', async () => {
    assert.match((await run(['inspect', 'model.onnx'])).err, /BAD_MODEL: .*model\.onnx: is no TensorRT plan/);
    assert.match((await run(['inspect', 'none.plan'])).err, /none\.plan: cannot be read/);
  });
});
