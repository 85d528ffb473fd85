// `pilotlight engine build MODEL.onnx`: a TensorRT plan with the file that says what it is, compared with ONNX Runtime.
import { tmpdir } from 'node:os';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { SIZE, bytesOf } from '../../../runtime/config/byte-size.ts';
import { PilotlightError } from '../../../runtime/errors.ts';
import { COMPATIBILITY_LEVELS, buildEngine, describeDifferences, type BuiltEngine, type EngineAsk } from '../../engine/build-engine.ts';
import type { BuilderPlace } from '../../engine/builder-process.ts';
import { compareLayers, type LayerDifference } from '../../engine/compare-layers.ts';
import { OnnxRuntimeReference } from '../../engine/reference.ts';
import { sidecarPathOf } from '../../engine/sidecar.ts';
import { countOf } from '../../rollout/count-of.ts';
import { BuildProgress } from '../build-progress.ts';
import { askOf, librariesOf, type EngineBuildOptions } from '../engine-ask.ts';
import { clientConfig } from '../find-admin.ts';
import { formatBytes, formatPath, formatTable } from '../format.ts';
import { controlEngine } from '../local-engine.ts';
import { collect } from '../option-values.ts';
import { Progress } from '../progress.ts';
import type { Terminal } from '../terminal.ts';

const EXAMPLES = `
Examples:
  pilotlight engine build resnet50.onnx --shapes image:1x3x224x224..8x..64x
  pilotlight engine build encoder.onnx --fp16 --shapes ids:1x8..8x128..32x512 --shapes mask:1x8..8x128..32x512
  pilotlight engine build resnet50.onnx --shapes image:1x3x224x224..8x..64x --int8 --calibration 'samples/*.npy'
`;

export function addEngineBuild(engine: Command, terminal: Terminal): void {
  engine.command('build')
    .summary('build a TensorRT plan from an ONNX model, for this machine\'s GPU')
    .description('Builds a TensorRT plan in a process of its own, compares its outputs with ONNX Runtime\'s on the same inputs, and writes it\n' +
      'with a file that says what it is (PLAN.json). It computes in the types of the model: bring FP16 or BF16, or the Q/DQ\n' +
      'nodes of INT8, in the ONNX. On TensorRT 10 --int8 chooses scales by itself, from real inputs.')
    .argument('<model>', 'ONNX file')
    .option('-o, --out <file>', 'where the plan goes (default: the model\'s place, with .plan)')
    .option('--shapes <range>', 'INPUT:MIN..OPT..MAX of a dynamic input; may be given again, for the same input for another profile', collect)
    .option('--fp16', 'refuse a model that has no FP16 tensors')
    .option('--bf16', 'refuse a model that has no BF16 tensors')
    .option('--int8', 'TensorRT 10: INT8 with scales chosen by calibration, FP16 where that is faster')
    .option('--calibration <glob>', 'real inputs to calibrate with: .npy files, or .json files as the warm inputs of a manifest')
    .option('--calibration-cache <file>', 'keeps the scales for the next build of the same model with the same inputs')
    .option('--keep-precision <layer>', 'a layer that computes in FP32 all the same; may be given again', collect)
    .option('--compare-layers', 'build nothing; list the layers by what INT8 costs them')
    .option('--samples <glob>', 'real inputs to compare with (default: those of the calibration, else random ones)')
    .option('--tolerance <number>', 'largest difference of an output, relative to its largest magnitude (default: by type)', positive)
    .option('--no-compare', 'do not compare with ONNX Runtime')
    .option('--workspace <size>', 'scratch memory that a layer may use, for example 2GiB (default: all of the GPU)', size)
    .option('--optimization-level <level>', '0 (quick to build) to 5 (quick to run) (default: 3)', level)
    .option('--timing-cache <file>', 'keeps what was measured of kernels for the next builds')
    .addOption(new Option('--hardware-compatibility <level>', 'other GPUs that the plan is for').choices(Object.keys(COMPATIBILITY_LEVELS)).default('none'))
    .option('--version-compatible', 'a plan for later versions of TensorRT too; it brings code that hosts must allow')
    .option('--exclude-lean-runtime', 'with --version-compatible: without the code, so hosts need the lean runtime of this version')
    .option('--device <gpu>', 'gpu:N', gpu, 0)
    .option('--config <file>', 'settings file, for the libraries that it names')
    .option('--json', 'print JSON')
    .option('--verbose', 'print all that TensorRT says, and each of its calls before it is made')
    .addHelpText('after', EXAMPLES)
    .action(async (model: string, options: EngineBuildOptions) => {
      const config = clientConfig(options, terminal);
      const reference = new OnnxRuntimeReference(await controlEngine(config));
      const ask = await askOf(model, options, terminal.folder, reference);
      const place: BuilderPlace = {
        env: terminal.env, device: options.device, lockFolder: tmpdir(), signal: terminal.interrupted(),
        ...librariesOf(config), ...(options.verbose === true ? { log: 'all' } : {}),
      };
      using progress = new Progress(terminal, formatPath(ask.model, terminal.folder));
      const shown = new BuildProgress(progress, terminal);
      try {
        const work: Work = { ask, options, terminal };
        if (options.compareLayers === true) showLayers(await compare(ask, place, shown), work);
        else showBuilt(await buildEngine(ask, place, reference, shown), work, () => shown.end());
      } catch (error) {
        shown.fail();
        throw withRecipe(error, options);
      }
    });
}

interface Work {
  readonly ask: EngineAsk;
  readonly options: EngineBuildOptions;
  readonly terminal: Terminal;
}

async function compare(ask: EngineAsk, place: BuilderPlace, shown: BuildProgress): Promise<readonly LayerDifference[]> {
  const { int8, comparison, out: _out, shapes: _shapes, ...rest } = ask;
  // Wrong usage was told before: without --int8 nobody comes here.
  if (int8 === undefined) throw new PilotlightError('BAD_REQUEST', '--compare-layers belongs to --int8');
  const samples = comparison === 'none' ? int8.samples.slice(0, 1) : comparison.samples;
  const layers = await compareLayers({ ...rest, int8, samples }, place, shown);
  shown.end();
  return layers;
}

function showBuilt({ sidecar, scratchBytes, toleranceOf }: BuiltEngine, { ask, options, terminal }: Work, end: () => void): void {
  end();
  if (options.json === true) {
    terminal.out(`${JSON.stringify({ plan: ask.out, ...sidecar }, null, 2)}\n`);
    return;
  }
  const { tensorrt, builtOn, layers, comparison, bytes } = sidecar;
  const types = Object.entries(layers.byType).map(([type, count]) => `${count} in ${type}`).join(', ');
  terminal.out(`${formatPath(ask.out, terminal.folder)}: ${formatBytes(bytes)}, ${countOf(layers.count, 'layer')}${types === '' ? '' : ` (${types})`}, `
    + `TensorRT ${tensorrt.version} for ${builtOn.gpu} (compute capability ${builtOn.computeCapability}); ${formatBytes(scratchBytes)} of scratch memory for a slot\n`);
  terminal.out(`${formatPath(sidecarPathOf(ask.out), terminal.folder)}: says so, for the hosts that it is deployed to\n`);
  if (comparison === undefined) return;
  terminal.out(`largest difference from ${comparison.against} on ${countOf(comparison.samples, 'set')} of inputs: ${describeDifferences(comparison.largestDifference)}; `
    + `the limit is ${comparison.tolerance}${toleranceOf === undefined ? '' : ` for ${toleranceOf}`}\n`);
}

const LAYERS_SHOWN = 40;

function showLayers(layers: readonly LayerDifference[], { options, terminal }: Work): void {
  if (options.json === true) {
    terminal.out(`${JSON.stringify({ layers }, null, 2)}\n`);
    return;
  }
  terminal.out(formatTable(layers.slice(0, LAYERS_SHOWN), [
    { title: 'DIFFERENCE', align: 'right', cell: ({ difference }) => difference.toPrecision(3) },
    { title: 'KIND', cell: ({ kind }) => kind },
    { title: 'LAYER', cell: ({ layer }) => layer },
  ], terminal.paint));
  terminal.err(`${countOf(layers.length, 'layer')} compared; a later one has the errors of those before it too. Build again with --keep-precision LAYER for those where the difference jumps\n`);
}

/** Where to make what the model lacks. */
function withRecipe(error: unknown, { fp16 }: EngineBuildOptions): unknown {
  if (!(error instanceof PilotlightError) || !/has no b?float16 tensor/.test(error.message)) return error;
  const recipe = fp16 === true ? 'deploy/recipes/to_fp16.py does that, ' : '';
  return new PilotlightError(error.code, `${error.message} (${recipe}docs/how-to/convert-models.md tells how)`, { cause: error });
}

function size(text: string): number {
  const [, number, unit] = new RegExp(`^${SIZE}$`).exec(text) ?? [];
  if (number === undefined) throw new InvalidArgumentError('It is a size such as 512MiB or 2GiB.');
  return Math.floor(bytesOf(number, unit));
}

function level(text: string): number {
  if (!/^[0-5]$/.test(text)) throw new InvalidArgumentError('It is a number from 0 to 5.');
  return Number(text);
}

function positive(text: string): number {
  const number = Number(text);
  if (text.trim() === '' || !(number >= 0) || number === Infinity) throw new InvalidArgumentError('It is a number of at least 0.');
  return number;
}

function gpu(text: string): number {
  const [, index] = /^(?:gpu:)?(\d{1,3})$/.exec(text) ?? [];
  if (index === undefined) throw new InvalidArgumentError('It is gpu:0, gpu:1 and so on.');
  return Number(index);
}
