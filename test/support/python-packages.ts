// A virtual environment with packages of PyPI, made once and kept: programs from elsewhere that judge what the host says.
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CACHE = fileURLToPath(new URL('../../../.cache/', import.meta.url));

/** The path of a Python that has exactly these packages, each as `name==version`. */
export function pythonWith(...packages: readonly string[]): string {
  const folder = join(CACHE, `python-${packages.join('-').replaceAll(/[^\w.-]+/g, '-')}`);
  const python = join(folder, 'bin', 'python');
  const done = join(folder, 'complete');
  if (existsSync(done)) return python;
  rmSync(folder, { recursive: true, force: true });
  run('python3', ['-m', 'venv', folder]);
  run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages]);
  run('touch', [done]);
  return python;
}

/** Ends what it says with its standard output. */
export function runPython(python: string, program: string, input: string): string {
  const { status, stdout, stderr } = spawnSync(python, ['-c', program], { input, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

function run(command: string, args: readonly string[]): void {
  const { status, error, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`);
}
