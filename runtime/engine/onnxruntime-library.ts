// Where the ONNX Runtime library lies that npm's onnxruntime-node brings (its own binding is not used).
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const FILE_NAMES: Partial<Record<NodeJS.Platform, string>> = { linux: 'libonnxruntime.so.1', darwin: 'libonnxruntime.1.dylib' };

/** Its path, whether or not it exists; empty when the package is not installed. */
export function packagedOnnxRuntimeLibrary(): string {
  const file = FILE_NAMES[process.platform];
  if (file === undefined) return '';
  try {
    const folder = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
    return join(folder, 'bin', 'napi-v6', process.platform, process.arch, file);
  } catch {
    return '';
  }
}
