// Builds engines on a real GPU, every way that `pilotlight engine build` has, and prints what happened. It stops at nothing: where
// something goes wrong it says which call of TensorRT was the last.
//   node test/gpu/engine-build.mjs --tensorrt FOLDER [--work FOLDER] [--python python3] [CASE...]
// Needs dist/, native/build/, node_modules, and a Python with torch and torchvision for the models. Exit code: cases that failed.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const BUILDER = join(ROOT, 'native', 'build', 'pilotlight-engine-builder');
const CLI = join(ROOT, 'dist', 'deploy', 'cli', 'main.js');
const CASE_TIMEOUT_MS = 240_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { tensorrt: { type: 'string' }, work: { type: 'string', default: '/tmp/pilotlight-engine-build' }, python: { type: 'string', default: 'python3' } },
});
const tensorrt = resolve(values.tensorrt ?? '.');
const work = resolve(values.work);
const env = { ...process.env, PILOTLIGHT_TENSORRT_LIBRARY: tensorrt, LD_LIBRARY_PATH: `${tensorrt}:${process.env.LD_LIBRARY_PATH ?? ''}`, NO_COLOR: '1' };

const MODELS = `
import sys, torch, warnings
warnings.filterwarnings('ignore')
torch.manual_seed(0)
folder = sys.argv[1]
def export(name, model, inputs, names, axes, opset=17):
    torch.onnx.export(model.eval(), inputs, f'{folder}/{name}.onnx', input_names=names, output_names=['y'], dynamic_axes=axes, opset_version=opset, dynamo=False)
    print(name, 'exported', flush=True)
class Small(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = torch.nn.Linear(64, 128), torch.nn.Linear(128, 10)
    def forward(self, x):
        return torch.softmax(self.b(torch.relu(self.a(x))), 1)
export('small', Small(), (torch.randn(2, 64),), ['x'], {'x': {0: 'n'}, 'y': {0: 'n'}})
class Fake(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.randn(32, 3, 3, 3) * 0.2)
    def forward(self, x):
        q = lambda t, s: torch.fake_quantize_per_tensor_affine(t, s, 0, -128, 127)
        return torch.relu(torch.nn.functional.conv2d(q(x, 0.03), q(self.w, 0.005), padding=1)).mean((2, 3))
try:
    export('qdq', Fake(), (torch.randn(2, 3, 32, 32),), ['x'], {'x': {0: 'n'}, 'y': {0: 'n'}})
except Exception as error:
    print('qdq', 'not exported:', error, flush=True)
class Two(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.table = torch.nn.Embedding(100, 16)
    def forward(self, ids, mask):
        return (self.table(ids) * mask.unsqueeze(-1)).sum(1)
export('two', Two(), (torch.ones(2, 8, dtype=torch.int64), torch.ones(2, 8)), ['ids', 'mask'], {'ids': {0: 'n', 1: 't'}, 'mask': {0: 'n', 1: 't'}, 'y': {0: 'n'}})
import torchvision
m = torchvision.models.resnet50(weights=None)
axes = {'input': {0: 'n'}, 'y': {0: 'n'}}
export('resnet50_fp32', m, (torch.randn(2, 3, 224, 224),), ['input'], axes)
class Half(torch.nn.Module):
    def __init__(self, m):
        super().__init__()
        self.m = m
    def forward(self, input):
        return self.m(input.half()).float()
export('resnet50_fp16', Half(m.half().cuda()), (torch.randn(2, 3, 224, 224).cuda(),), ['input'], axes)
`;

const at = (name) => join(work, name);

/** As numpy.save writes it. */
function npy(shape, seed) {
  const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
  for (let i = 0; i < data.length; i += 1) data[i] = Math.sin(i * 0.37 + seed) + Math.sin(i * 0.0131 * (seed + 1));
  const header = `${`{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(', ')}), }`.padEnd(117)}\n`;
  const head = Buffer.from(`\x93NUMPY\x01\0\0\0${header}`, 'latin1');
  head.writeUInt16LE(header.length, 8);
  return Buffer.concat([head, Buffer.from(data.buffer)]);
}

function prepare() {
  mkdirSync(join(work, 'samples'), { recursive: true });
  writeFileSync(join(work, 'models.py'), MODELS);
  if (!existsSync(join(work, 'resnet50_fp16.onnx'))) {
    const made = spawnSync(values.python, [join(work, 'models.py'), work], { encoding: 'utf8', timeout: CASE_TIMEOUT_MS });
    process.stdout.write(`${made.stdout ?? ''}${made.status === 0 ? '' : made.stderr ?? made.error}`);
  }
  for (let i = 0; i < 24; i += 1) writeFileSync(join(work, 'samples', `${i}.npy`), npy([4, 3, 224, 224], i));
  for (let i = 0; i < 8; i += 1) writeFileSync(join(work, 'samples', `small-${i}.npy`), npy([8, 64], i));
}

/** The builder by hand: its last call and its last words are what matters when it fails. */
function builder(...args) {
  const { status, signal, stdout, stderr } = spawnSync(BUILDER, [...args, '--library', tensorrt, '--verbose'], { env, encoding: 'utf8', timeout: CASE_TIMEOUT_MS, maxBuffer: 1 << 28 });
  const events = stdout.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line)];
    } catch {
      return [];
    }
  });
  const calls = events.filter(({ event }) => event === 'call').map(({ detail }) => detail);
  for (const one of events) {
    if (['library', 'device', 'network', 'step', 'plan', 'engine', 'timing-cache', 'warning', 'calibration-cache', 'output'].includes(one.event)) console.log('  ', JSON.stringify(one).slice(0, 300));
  }
  const phases = events.filter(({ event, state }) => event === 'phase' && state === 'started').map(({ phase, steps }) => `${phase} (${steps})`);
  console.log('   calls:', calls.join(' > '));
  if (phases.length > 0) console.log('   phases:', [...new Set(phases)].join(', ').slice(0, 600));
  const inspection = events.find(({ event }) => event === 'inspection');
  if (inspection !== undefined) console.log('   inspection begins:', inspection.text.slice(0, 1200).replace(/\s+/g, ' '));
  if (status === 0) return true;
  console.log('   FAILED', { status, signal }, JSON.stringify(events.find(({ event }) => event === 'failed') ?? 'without a word'), '; last call:', calls.at(-1), '\n', stderr.slice(-1500));
  console.log('   last lines:', stdout.split('\n').slice(-6).join('\n').slice(-1500));
  return false;
}

function cli(...args) {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [CLI, 'engine', ...args], { cwd: work, env, encoding: 'utf8', timeout: CASE_TIMEOUT_MS, maxBuffer: 1 << 28 });
  const shorten = (text, lines) => text.split('\n').slice(0, lines).map((line) => `   ${line.slice(0, 220)}`).join('\n');
  console.log(shorten(stdout, 24));
  console.log(shorten(stderr, 30));
  if (status !== 0) console.log('   ended', { status, signal });
  return { isDone: status === 0, stdout, stderr };
}

/** That the builder is told no is what these are for. */
function refused(pattern, ...args) {
  const { isDone, stderr } = cli(...args);
  return !isDone && pattern.test(stderr);
}

async function cancelled() {
  for (const left of ['cancelled.plan', 'cancelled.plan.json']) rmSync(at(left), { force: true });
  const child = spawn(process.execPath, [CLI, 'engine', 'build', 'resnet50_fp32.onnx', '--out', 'cancelled.plan', '--shapes', 'input:1x3x224x224..8x..16x'], { cwd: work, env });
  let text = '';
  child.stderr.on('data', (part) => {
    text += part;
  });
  const ended = new Promise((settle) => {
    child.once('close', settle);
  });
  // Its first phase has begun, and all of them take longer than this.
  while (!/: build: /.test(text) && child.exitCode === null) await setTimeout(100);
  await setTimeout(2_000);
  const from = performance.now();
  child.kill('SIGINT');
  const code = await ended;
  console.log(`   ended with ${code} ${((performance.now() - from) / 1000).toFixed(1)} s after the signal\n   ${text.split('\n').slice(-3).join('\n   ')}`);
  return code === 130 && !readdirSync(work).some((name) => name.startsWith('cancelled.plan'));
}

const IMAGE = ['--shapes', 'input:1x3x224x224..8x..64x'];
// Random weights lose more than trained ones: the difference is what is of interest.
const CALIBRATED = ['--tolerance', '10', '--int8', '--calibration', 'samples/?.npy', '--calibration-cache', 'resnet50.calibration', '--timing-cache', 'timing.cache'];

const CASES = {
  'bare-build': () => builder('build', '--model', at('small.onnx'), '--out', at('small-bare.plan'), '--profile-shapes', '0', 'x', '1x64', '8x64', '32x64'),
  'bare-inspect': () => builder('inspect', '--plan', at('small-bare.plan')),
  'bare-timing-cache': () => ['anew', 'again'].every(() => builder('build', '--model', at('small.onnx'), '--out', at('small-timed.plan'), '--timing-cache', at('small.cache'),
    '--profile-shapes', '0', 'x', '1x64', '8x64', '32x64')),
  small: () => cli('build', 'small.onnx', '--shapes', 'x:1x64..8x..32x').isDone,
  'small-inspect': () => cli('inspect', 'small.plan').isDone,
  'two-inputs': () => cli('build', 'two.onnx', '--shapes', 'ids:1x4..4x8..8x64', '--shapes', 'mask:1x4..4x8..8x64').isDone,
  'two-profiles': () => cli('build', 'small.onnx', '--out', 'profiles.plan', '--shapes', 'x:1x64..4x..8x', '--shapes', 'x:8x64..64x..128x').isDone,
  'no-shapes': () => refused(/"x" \(float32 \?x64\) is dynamic/, 'build', 'small.onnx', '--out', 'no.plan'),
  'wrong-shapes': () => refused(/axis 1 is always 64/, 'build', 'small.onnx', '--out', 'no.plan', '--shapes', 'x:1x63..8x..32x'),
  'no-fp16': () => refused(/has no float16 tensor/, 'build', 'small.onnx', '--out', 'no.plan', '--fp16', '--shapes', 'x:1x64..8x..32x'),
  'too-far': () => refused(/are too far from/, 'build', 'resnet50_fp16.onnx', '--out', 'no.plan', '--tolerance', '0.0000001', '--timing-cache', 'timing.cache', ...IMAGE),
  'not-onnx': () => {
    writeFileSync(at('broken.onnx'), readFileSync(at('small.onnx')).subarray(0, 500));
    return refused(/ONNX parser refuses it/, 'build', 'broken.onnx', '--out', 'no.plan', '--no-compare');
  },
  'ampere-plus': () => cli('build', 'small.onnx', '--out', 'ampere.plan', '--hardware-compatibility', 'ampere-plus', '--shapes', 'x:1x64..8x..32x').isDone,
  // 10.9 brought it.
  'same-compute-capability': () => {
    const { isDone, stderr } = cli('build', 'small.onnx', '--out', 'same.plan', '--hardware-compatibility', 'same-compute-capability', '--shapes', 'x:1x64..8x..32x');
    return isDone || /refuses the options/.test(stderr);
  },
  'version-compatible': () => cli('build', 'small.onnx', '--out', 'version.plan', '--version-compatible', '--exclude-lean-runtime', '--shapes', 'x:1x64..8x..32x').isDone,
  'version-compatible-with-runtime': () => refused(/libnvinfer_lean/, 'build', 'small.onnx', '--out', 'no.plan', '--version-compatible', '--shapes', 'x:1x64..8x..32x'),
  options: () => cli('build', 'small.onnx', '--out', 'options.plan', '--workspace', '256MiB', '--optimization-level', '1', '--shapes', 'x:1x64..8x..32x').isDone,
  qdq: () => cli('build', 'qdq.onnx', '--shapes', 'x:1x3x32x32..8x..16x').isDone && cli('inspect', 'qdq.plan').isDone,
  'small-int8': () => cli('build', 'small.onnx', '--out', 'small-int8.plan', '--tolerance', '10', '--int8', '--calibration', 'samples/small-*.npy', '--shapes', 'x:1x64..8x..32x').isDone,
  'resnet50-fp16': () => cli('build', 'resnet50_fp16.onnx', '--fp16', '--tolerance', '0.2', '--timing-cache', 'timing.cache', ...IMAGE).isDone && cli('inspect', 'resnet50_fp16.plan').isDone,
  'resnet50-fp32': () => cli('build', 'resnet50_fp32.onnx', '--timing-cache', 'timing.cache', ...IMAGE).isDone,
  'resnet50-int8': () => cli('build', 'resnet50_fp32.onnx', '--out', 'resnet50_int8.plan', ...CALIBRATED, ...IMAGE).isDone,
  'resnet50-int8-cached': () => {
    const { isDone, stderr } = cli('build', 'resnet50_fp32.onnx', '--out', 'resnet50_int8.plan', ...CALIBRATED, ...IMAGE);
    return isDone && /scales are taken from/.test(stderr);
  },
  'compare-layers': () => cli('build', 'resnet50_fp32.onnx', '--compare-layers', ...CALIBRATED).isDone,
  'keep-precision': () => cli('build', 'resnet50_fp32.onnx', '--out', 'resnet50_kept.plan', '--keep-precision', '/conv1/Conv', '--keep-precision', '/fc/Gemm', ...CALIBRATED, ...IMAGE).isDone,
  cancelled,
};

prepare();
const failed = [];
for (const name of positionals.length > 0 ? positionals : Object.keys(CASES)) {
  console.log(`\n== ${name}`);
  const from = performance.now();
  const isGood = await CASES[name]?.();
  if (isGood !== true) failed.push(name);
  console.log(`== ${name}: ${isGood === true ? 'good' : 'NOT AS EXPECTED'} (${((performance.now() - from) / 1000).toFixed(1)} s)`);
}
for (const left of ['no.plan', 'no.plan.json']) rmSync(at(left), { force: true });
console.log(`\n${failed.length === 0 ? 'all as expected' : `not as expected: ${failed.join(', ')}`}`);
process.exitCode = failed.length;
