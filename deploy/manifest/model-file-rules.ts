// What `path` and `variants` of a model must keep: files that a backend takes, and variants that can each be chosen somewhere.
import { fieldName, shown, type FieldPath, type ManifestText } from './manifest-text.ts';
import { trimPath } from './inner-path.ts';
import { MODEL_EXTENSIONS, backendOf, type ManifestVariant } from './model-files.ts';

/** The part of a model that this is about, as the schema has passed it. */
export interface WrittenModelFiles {
  readonly path?: string;
  readonly variants?: readonly ManifestVariant[];
  readonly device: string;
}

/** Throws BAD_MANIFEST for the first broken rule. `at` is the place of the model. */
export function checkModelFiles({ path, variants, device }: WrittenModelFiles, at: FieldPath, text: ManifestText): void {
  if (variants !== undefined) {
    if (path !== undefined) throw text.errorAtKey([...at, 'path'], `${fieldName(at)} has both path and variants; keep one`);
    for (const index of variants.keys()) checkVariant(variants, index, { device, at: [...at, 'variants', index], text });
    return;
  }
  if (path === undefined) throw text.error(at, `${fieldName(at)}.path is missing. The model's file, such as "digits.onnx"`);
  checkExtension(path, [...at, 'path'], text);
  if (backendOf(path) !== 'tensorrt' || device !== 'cpu') return;
  throw text.error([...at, 'device'], `${fieldName(at)}.device is "cpu", and ${shown(path)} is a TensorRT plan, which needs a GPU; "any" or "gpu" would do`);
}

function checkExtension(path: string, at: FieldPath, text: ManifestText): void {
  if (MODEL_EXTENSIONS.some((extension) => path.endsWith(extension))) return;
  throw text.error(at, `${fieldName(at)} ${shown(path)} is no model file that a backend takes; ${MODEL_EXTENSIONS.join(', ').replace(/, (?=[^,]*$)/, ' or ')} would do`);
}

function checkVariant(variants: readonly ManifestVariant[], index: number, { device, at, text }: { readonly device: string; readonly at: FieldPath; readonly text: ManifestText }): void {
  const variant = variants[index] as ManifestVariant;
  const { path, when } = variant;
  checkExtension(path, [...at, 'path'], text);
  const before = variants.slice(0, index);
  if (before.some((other) => trimPath(other.path) === trimPath(path))) throw text.error([...at, 'path'], `${fieldName(at)}.path names ${shown(path)} a second time; remove one`);
  const never = (field: string, why: string): Error => text.error([...at, 'when', field], `${fieldName(at)}.when.${field} is never met: ${why}`);
  if (when.backend !== undefined && when.backend !== backendOf(path)) throw never('backend', `${shown(path)} is for ${backendOf(path)}; leave it out or write that`);
  if (when.device !== undefined && !canAgree(when.device, device)) throw never('device', `the model's device is ${shown(device)}; change one of them`);
  if (when.computeCapability !== undefined && (when.device === 'cpu' || device === 'cpu')) throw never('computeCapability', 'a CPU has none; leave it out, or name a gpu as the device');
  const wider = before.findIndex((other) => isWider(other, variant));
  if (wider !== -1) throw text.error(at, `${fieldName(at)} is never chosen: wherever it fits, variants[${wider}] (${shown(before[wider]?.path)}) fits too and comes first; put it before that one`);
}

function canAgree(one: string, other: string): boolean {
  return other === 'any' || one === other || (one === 'gpu' && other.startsWith('gpu:')) || (other === 'gpu' && one.startsWith('gpu:'));
}

/** Whether it asks nothing that the other does not ask as well. */
function isWider(variant: ManifestVariant, other: ManifestVariant): boolean {
  if (backendOf(variant.path) !== backendOf(other.path)) return false;
  const { backend: _told, ...conditions } = variant.when;
  return Object.entries(conditions).every(([name, value]) => other.when[name as keyof typeof conditions] === value);
}
