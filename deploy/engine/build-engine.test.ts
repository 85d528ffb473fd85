// Builds on the double of NVIDIA's libraries, in the builder's own process, held against the real ONNX Runtime.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync, symlinkSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, beforeEach, describe, test } from 'node:test';
import { NativeEngine } from '../../runtime/engine/native-engine.ts';
import type { ErrorCode, PilotlightError } from '../../runtime/errors.ts';
import { BuildFolder, halved, rows, scaled, summed } from '../../test/support/engine-builds.ts';
import { sidecarOf } from '../../test/support/plan-files.ts';
import { DOUBLE_FOLDER, doublePlanOf } from '../../test/support/nvidia-double.ts';
import { buildEngine, inspectPlan, ofLength, type EngineAsk } from './build-engine.ts';
import type { BuilderPlace } from './builder-process.ts';
import { BUILDER_FILE } from './builder-process.ts';
import { OnnxRuntimeReference } from './reference.ts';
import { parseSidecar } from './sidecar.ts';

const reference = new OnnxRuntimeReference(new NativeEngine());
let folder = new BuildFolder();

beforeEach(() => {
  folder[Symbol.dispose]();
  folder = new BuildFolder();
});
after(() => folder[Symbol.dispose]());

const build = (ask: EngineAsk, place: BuilderPlace = folder.place()) => buildEngine(ask, place, reference, folder.listener);

async function refuses(ask: EngineAsk, code: ErrorCode, words: RegExp, place?: BuilderPlace): Promise<void> {
  await assert.rejects(build(ask, place), (error: PilotlightError) => {
    assert.match(error.message, words);
    assert.equal(error.code, code);
    return true;
  });
  assert.deepEqual(readdirSync(folder.path).filter((name) => name.includes('.plan')), [], 'nothing of a plan is left');
}

describe('a build', () => {
  test('makes a plan and the file that says what it is, after comparing it with ONNX Runtime', async () => {
    const { sidecar } = await build(folder.ask(scaled(), { optimizationLevel: 2, workspaceBytes: 1 << 20 }));
    assert.deepEqual(parseSidecar(readFileSync(folder.at('model.plan.json'), 'utf8'), 'model.plan.json'), sidecar);
    assert.deepEqual([sidecar.tensorrt.version, sidecar.builtOn.computeCapability, sidecar.source.file], ['10.6.0.26', '9.0', 'model.onnx']);
    assert.deepEqual([sidecar.inputs, sidecar.outputs], [[{ name: 'x', type: 'float32', shape: [-1, 4] }], [{ name: 'y', type: 'float32', shape: [-1, 4] }]]);
    assert.deepEqual(sidecar.profiles, [{ x: { min: [1, 4], opt: [2, 4], max: [16, 4] } }]);
    assert.deepEqual(sidecar.comparison, { ...sidecar.comparison, samples: 2, tolerance: 0.005, isWithin: true });
    assert.deepEqual(sidecar.layers.byType, { float32: 1 });
    assert.deepEqual(sidecar.layers.before?.filter(({ kind }) => kind !== 'constant').map(({ name }) => name), ['Mul0', 'Add1', 'Mul2']);
    assert.deepEqual(sidecar.layers.after?.map(({ from }) => from), [['Mul0', 'Add1', 'Mul2']]);
  });

  test('tells its progress as TensorRT does, from whatever thread', async () => {
    await build(folder.ask(scaled()));
    const phases = folder.events.flatMap((event) => (event.event === 'phase' && event.state !== 'step' ? [`${event.phase} ${event.state}`] : []));
    assert.deepEqual(phases, [
      'Building an engine from network started', 'Tactic Selection started', 'Tactic Selection finished', 'Building an engine from network finished',
    ]);
  });

  test('computes in the types of its model, and is refused where the one asked for is not there', async () => {
    const { sidecar, toleranceOf } = await build(folder.ask(halved(), { requiredType: 'float16' }));
    assert.deepEqual([sidecar.layers.byType, toleranceOf, sidecar.comparison?.tolerance], [{ float16: 1 }, 'float16', 0.02]);
    folder[Symbol.dispose]();
    folder = new BuildFolder();
    await refuses(folder.ask(scaled(), { requiredType: 'float16' }), 'BAD_REQUEST', /model\.onnx: has no float16 tensor.*convert the ONNX first/);
  });

  test('takes several inputs in several profiles', async () => {
    const ranges = ['a:1x4..2x..4x', 'b:1x4..2x..4x', 'a:4x4..8x..16x', 'b:4x4..8x..16x'];
    const { sidecar } = await build(folder.ask(summed(), { ranges }));
    assert.deepEqual(sidecar.profiles.map((profile) => Object.entries(profile).map(([name, { max }]) => `${name} ${max.join('x')}`)), [['a 4x4', 'b 4x4'], ['a 16x4', 'b 16x4']]);
  });

  test('names the input whose shapes are missing, unknown or impossible', async () => {
    await refuses(folder.ask(scaled(), { ranges: [] }), 'BAD_REQUEST', /input "x" \(float32 \?x4\) is dynamic, and nothing says.*--shapes x:MIN\.\.OPT\.\.MAX/);
    await refuses(folder.ask(summed(), { ranges: ['a:1x4', 'b:1x4', 'a:2x4'] }), 'BAD_REQUEST', /input "b".* profile 2 does not say/);
    await refuses(folder.ask(scaled(), { ranges: ['image:1x4'] }), 'BAD_REQUEST', /--shapes image: the model has no such input; it has input "x"/);
    await refuses(folder.ask(scaled(), { ranges: ['x:1x5..2x..4x'] }), 'BAD_REQUEST', /1x5: axis 1 is always 4/);
    await refuses(folder.ask(scaled(), { ranges: ['x:1x2x4'] }), 'BAD_REQUEST', /1x2x4 has 3 axes/);
  });

  test('tells names as they are, whatever characters they have', async () => {
    const name = 'a "name"\n\\ of ü \u0001';
    await build(folder.ask(scaled([{ op: 'Mul', inputs: ['x', 'two'], outputs: [name] }, { op: 'Add', inputs: [name, 'one'], outputs: ['y'] }])));
    assert.ok(folder.events.some((event) => event.event === 'layer' && event.outputs.some((output) => output.name === name)));
  });

  test('tells where the parser failed, and what it says', async () => {
    const unknown = scaled([{ op: 'Mul', inputs: ['x', 'two'], outputs: ['d'] }, { op: 'Tan', inputs: ['d'], outputs: ['y'] }]);
    await refuses(folder.ask(unknown), 'BAD_MODEL', /node 1 "Tan1" \(Tan\): Plugin not found.* \(onnxOpImporters\.cpp:6000\)/);
    await refuses(folder.ask(scaled().subarray(0, 60)), 'BAD_MODEL', /ModelProto deserialization failed/);
    await refuses({ ...folder.ask(scaled()), model: folder.at('none.onnx') }, 'BAD_MODEL', /none\.onnx: /);
  });

  test('beyond the tolerance leaves everything as it was, and says by how much and what to do', async () => {
    writeFileSync(folder.at('before'), '');
    const int8 = { samples: [rows('0', 0), rows('1', 4)], keepPrecision: [] };
    await refuses(folder.ask(scaled(), { int8, comparison: { samples: [rows('2', 8)], tolerance: 0.001 } }), 'BAD_MODEL',
      /too far from those of onnxruntime .* on the CPU on the same 1 inputs: "y" by 0\.0\d+; the limit is 0\.001\. Nothing was written\. .*--compare-layers.*--tolerance/);
  });

  test('goes without a comparison where none is asked for', async () => {
    const { sidecar } = await build(folder.ask(scaled(), { comparison: 'none' }));
    assert.equal(sidecar.comparison, undefined);
  });

  test('for other GPUs says so in the file beside the plan, and what this TensorRT does not have is refused', async () => {
    const { sidecar } = await build(folder.ask(scaled(), { hardwareCompatibility: 'ampere-plus' }));
    assert.equal(sidecar.tensorrt.hardwareCompatibility, 'ampere+');
    await assert.rejects(build(folder.ask(scaled(), { hardwareCompatibility: 'same-compute-capability' })), /TensorRT 10\.6\.0 refuses the options: .*setHardwareCompatibilityLevel/);
  });
});

describe('INT8 by calibration', () => {
  const samples = [rows('0', 0), rows('1', 4), rows('2', 8)];

  test('shows every sample, keeps the scales, and takes them again for the same model and samples only', async () => {
    const int8 = { samples, cache: folder.at('scales'), keepPrecision: [] };
    const { sidecar } = await build(folder.ask(scaled(), { int8 }));
    assert.deepEqual([sidecar.layers.byType, sidecar.options['int8'], sidecar.options['calibrationSamples']], [{ int8: 1 }, 'calibrated', 3]);
    assert.match(readFileSync(folder.at('scales'), 'utf8'), /^pilotlight calibration: TensorRT 10\.6\.0, .*\nTRT-100600-EntropyCalibration2\ninput: 15\.0/);
    assert.equal(folder.events.filter(({ event }) => event === 'calibration').length, 3);
    await build(folder.ask(scaled(), { int8 }));
    assert.match(folder.details('calibration-cache').join(), /taken from .*scales/);
    await build(folder.ask(scaled(), { int8: { ...int8, samples: [rows('0', 100)] } }));
    assert.match(folder.details('warning').join(), /is of another model, of other samples or of another TensorRT, and is made anew/);
  });

  test('layers that are to stay precise do, and one that is not there is named', async () => {
    const [free, kept] = [await build(folder.ask(scaled(), { int8: { samples, keepPrecision: [] } })), await build(folder.ask(scaled(), { int8: { samples, keepPrecision: ['Mul0', 'Mul2'] } }))];
    const differenceOf = ({ sidecar }: typeof free): number => sidecar.comparison?.largestDifference['y'] ?? 0;
    assert.ok(differenceOf(kept) < differenceOf(free) / 2);
    await assert.rejects(build(folder.ask(scaled(), { int8: { samples, keepPrecision: ['conv9'] } })), /--keep-precision conv9: the network has no layer of this name/);
  });

  test('needs samples of one shape', async () => {
    const other = { name: 'other', inputs: { x: { type: 'float32', shape: [1, 4], data: new Float32Array(4) } } } as const;
    await refuses(folder.ask(scaled(), { int8: { samples: [...samples, other], keepPrecision: [] } }), 'BAD_REQUEST', /a calibration runs in one shape/);
  });

  test('is refused on TensorRT 11 before anything is done, with what to do instead', async () => {
    await refuses(folder.ask(scaled(), { int8: { samples, keepPrecision: [] } }), 'BAD_REQUEST', /TensorRT 11\.1\.0 has no INT8 by calibration: .* Q\/DQ nodes, or build with TensorRT 10/,
      folder.place({ library: join(DOUBLE_FOLDER, 'libnvinfer.so.11') }));
  });
});

test('TensorRT 11 builds by the same way', async () => {
  const { sidecar } = await build(folder.ask(halved(), { timingCache: folder.at('timing') }), folder.place({ library: join(DOUBLE_FOLDER, 'libnvinfer.so.11') }));
  assert.deepEqual([sidecar.tensorrt.version, sidecar.layers.byType], ['11.1.0.106', { float16: 1 }]);
});

describe('a timing cache', () => {
  const lines = (): readonly string[] => readFileSync(folder.at('timing'), 'utf8').split('\n').filter((line) => line.startsWith('kernel'));

  test('grows with every build, and is begun anew for another GPU', async () => {
    await build(folder.ask(scaled(), { timingCache: folder.at('timing') }));
    const before = lines().length;
    await build(folder.ask(halved(), { timingCache: folder.at('timing') }));
    assert.deepEqual([before, lines().length], [6, 8]);
    await build(folder.ask(halved(), { timingCache: folder.at('timing') }), folder.place({ double: 'name=Another' }));
    assert.match(folder.details('warning').join(), /is of another TensorRT, GPU or driver, and is begun anew for TensorRT 10\.6\.0, Another 9\.0/);
    assert.equal(lines().length, 2);
  });

  test('that is none of ours is left alone', async () => {
    writeFileSync(folder.at('timing'), 'precious');
    await refuses(folder.ask(scaled(), { timingCache: folder.at('timing') }), 'BAD_REQUEST', /timing: is not one of ours, so it is left alone/);
    assert.equal(readFileSync(folder.at('timing'), 'utf8'), 'precious');
  });
});

describe('what a build needs and does not find is named', () => {
  test('the parser', async () => {
    mkdirSync(folder.at('lib'));
    for (const name of ['libcuda.so.1', 'libnvinfer.so.10']) symlinkSync(join(DOUBLE_FOLDER, name), folder.at(`lib/${name}`));
    const env = { ...process.env, LD_LIBRARY_PATH: folder.at('lib') };
    await refuses(folder.ask(scaled()), 'LOAD_FAILED', /TensorRT's ONNX parser libnvonnxparser\.so\.10: .*cannot open shared object file.*install it beside .*libnvinfer\.so\.10/,
      folder.place({ library: folder.at('lib'), env }));
  });

  test('the builder\'s resource for this kind of GPU', async () => {
    await refuses(folder.ask(scaled()), 'LOAD_FAILED', /libnvinfer_builder_resource_sm90\.so\.10\.6\.0 is missing: it belongs to the builder of TensorRT 10\.6\.0 for GPUs of this kind: install it/,
      folder.place({ double: 'fail=buildSerializedNetwork:1:6' }));
  });

  test('TensorRT, the driver, a plugin library', async () => {
    await refuses(folder.ask(scaled()), 'LOAD_FAILED', /TensorRT from .*none.*: .*tensorrtLibrary/, folder.place({ library: folder.at('none.so.10') }));
    await refuses(folder.ask(scaled()), 'LOAD_FAILED', /plugin library .*none\.so.*tensorrtPlugins/, folder.place({ plugins: [folder.at('none.so')] }));
  });
});

describe('failures', () => {
  test('a kernel that is not found is TensorRT\'s own reason', async () => {
    await refuses(folder.ask(scaled()), 'BAD_MODEL', /TensorRT cannot build it: .*Could not find any implementation for node Mul2/, folder.place({ double: 'fail=buildSerializedNetwork:1:10' }));
  });

  test('a builder that cannot be made', async () => {
    await refuses(folder.ask(scaled()), 'LOAD_FAILED', /builder cannot be created: CUDA initialization failure with error: 35/, folder.place({ double: 'fail=createInferBuilder:1:35' }));
  });

  test('a crash is told with its signal and where it was', async () => {
    await refuses(folder.ask(scaled()), 'ENGINE_FAILED', /the builder's process ended by SIGSEGV after step "parse", without a reason/, folder.place({ double: 'fail=buildSerializedNetwork:1:11' }));
  });

  test('cancelling ends the build at its next step and leaves nothing', async () => {
    const cancel = new AbortController();
    const begun = folder.next('phase');
    const building = build(folder.ask(scaled()), folder.place({ double: 'fail=stepMs:1+:20', signal: cancel.signal }));
    await begun;
    cancel.abort();
    await assert.rejects(building, { name: 'AbortError' });
    assert.deepEqual(readdirSync(folder.path).filter((name) => name.includes('.plan')), []);
  });

  test('the builder gives up when whoever started it is gone', async () => {
    folder.ask(scaled());
    const child = spawn(BUILDER_FILE, ['build', '--model', folder.at('model.onnx'), '--out', folder.at('model.plan'), '--profile-shapes', '0', 'x', '1x4', '2x4', '4x4', '--watch-stdin'],
      { env: folder.place({ double: 'fail=stepMs:1+:20' }).env as NodeJS.ProcessEnv, stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    let last = '';
    for await (const line of createInterface(child.stdout)) {
      if (line.includes('"phase"')) child.stdin.end();
      last = line;
    }
    assert.deepEqual([await ended, JSON.parse(last)], [[1, null], { event: 'failed', code: 5, message: 'given up' }]);
    assert.ok(!existsSync(folder.at('model.plan')));
  });

  test('a GPU has one build at a time: another waits, and says for what', async () => {
    const first = new AbortController();
    const begun = folder.next('phase');
    const slow = build(folder.ask(scaled()), folder.place({ double: 'fail=stepMs:1+:20', signal: first.signal }));
    await begun;
    using other = new BuildFolder();
    const waits = other.next('waiting');
    const second = buildEngine(other.ask(scaled()), other.place({ lockFolder: folder.path }), reference, other.listener);
    await waits;
    assert.ok(!other.events.some(({ event }) => event === 'network'));
    first.abort();
    await assert.rejects(slow, { name: 'AbortError' });
    assert.ok((await second).sidecar.comparison?.isWithin);
  });
});

test('an inspection tells tensors, profiles and layers of a plan that nothing else is known of', async () => {
  await build(folder.ask(scaled()));
  const { engine, layers } = await inspectPlan(folder.at('model.plan'), folder.place(), folder.listener, 'refused');
  assert.deepEqual(engine.tensors.map(({ name, isInput, type }) => [name, isInput, type]), [['x', true, 'float32'], ['y', false, 'float32']]);
  assert.deepEqual(layers, [{ name: 'Mul0+Add1+Mul2', kind: 'PointWise', type: 'float32', bytes: 12, from: ['Mul0', 'Add1', 'Mul2'] }]);
});

test('an inspection tells the values that a shape tensor may hold', async () => {
  writeFileSync(folder.at('filled.plan'), doublePlanOf(['input size int64 2 host', 'profile 0 size 1,2 3,4 5,6', 'output y float32 -1x-1 fill size 1']));
  const { engine } = await inspectPlan(folder.at('filled.plan'), folder.place(), folder.listener, 'refused');
  assert.deepEqual(engine.tensors[0], { name: 'size', isInput: true, isShape: true, type: 'int64', shape: [2], profiles: [{ min: [1, 2], opt: [3, 4], max: [5, 6] }] });
});

test('a file beside a plan that would be too long goes without the lists of layers', () => {
  const sidecar = sidecarOf(Buffer.from('a plan'), { layers: { count: 1, byType: { float32: 1 }, before: [{ name: 'conv', kind: 'convolution' }], after: [] } });
  assert.equal(ofLength(sidecar), sidecar);
  assert.deepEqual(ofLength(sidecar, 1000).layers, { count: 1, byType: { float32: 1 } });
});
