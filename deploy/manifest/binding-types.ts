// Writes the text of `env.d.ts`: what the handler finds in `env`, with each tensor's name, element type and shape as the model
// declares them, so that a wrong name or type is a mistake that the editor shows and not a request that fails.
import { ELEMENT_TYPES, type ElementType, type Signature, type TensorSpec } from '../../runtime/engine/tensor.ts';
import { PilotlightError } from '../../runtime/errors.ts';
import type { Manifest } from './manifest.ts';
import { variantsOf } from './model-files.ts';

const HEAD = "// Written by `pilotlight types` from the manifest and its models. Run it again when they change.\n";

/** The same manifest and signatures give the same text. BAD_MODEL when a model's signature is missing. */
export function bindingTypes(manifest: Manifest, signatures: ReadonlyMap<string, Signature>): string {
  const models = Object.keys(manifest.models).sort();
  const fields = [
    ...models.map((binding) => modelField(manifest, binding, signatures.get(binding))),
    ...Object.keys(manifest.vars).sort().map((name) => `  /** From \`vars\` of the manifest. */\n  readonly ${name}: string;\n`),
    ...[...manifest.secrets].sort().map((name) => `  /** A secret; \`pilotlight secret put ${manifest.name} ${name}\` sets it. */\n  readonly ${name}: string;\n`),
  ];
  const importLine = models.length === 0 ? '' : "import type { Model } from 'pilotlight';\n";
  const members = fields.length === 0 ? '' : `\n${fields.join('')}`;
  return `${HEAD}${importLine}\n/** What the handler of \`${manifest.name}\` finds in \`env\`. */\nexport interface Env {${members}}\n`;
}

function modelField(manifest: Manifest, binding: string, signature: Signature | undefined): string {
  const model = manifest.models[binding];
  const path = model === undefined ? '' : variantsOf(model).map((variant) => variant.path).join(' or ');
  if (signature === undefined) throw new PilotlightError('BAD_MODEL', `the inputs and outputs of models.${binding} (${path}) are not known; a file of it must be readable here`);
  return [
    `  /** ${commentText(path)} */`,
    `  readonly ${binding}: Model<`,
    `${tensorsType(signature.inputs)},`,
    tensorsType(signature.outputs),
    '  >;\n',
  ].join('\n');
}

/** A literal type and no interface: only that is a record of tensors to TypeScript. */
function tensorsType(specs: readonly TensorSpec[]): string {
  const tensors = specs.map((spec) => [
    `      /** ${spec.type} [${spec.shape.map(axisText).join(', ')}] */`,
    `      readonly ${propertyName(spec.name)}: {`,
    `        readonly type: '${spec.type}';`,
    '        readonly shape: readonly number[];',
    `        readonly data: ${dataType(spec.type)};`,
    '      };',
  ].join('\n'));
  return ['    {', ...tensors, '    }'].join('\n');
}

function axisText(axis: number | string): string {
  return axis === -1 ? '?' : commentText(String(axis));
}

function propertyName(name: string): string {
  return /^[A-Za-z_$][A-Za-z0-9_$]*$/.test(name) ? name : JSON.stringify(name);
}

function dataType(type: ElementType): string {
  return type === 'string' ? 'readonly string[]' : ELEMENT_TYPES[type].array.name;
}

/** Names in a model are whatever its author liked; they must not end the comment. */
function commentText(text: string): string {
  return text.replaceAll('*/', '* /').replaceAll(/[\r\n\u2028\u2029]/g, ' ');
}
