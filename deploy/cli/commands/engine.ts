// `pilotlight engine build MODEL.onnx` and `pilotlight engine inspect PLAN`: TensorRT plans, made and looked into without a host.
import type { Command } from 'commander';
import type { Terminal } from '../terminal.ts';
import { addEngineBuild } from './engine-build.ts';
import { addEngineInspect } from './engine-inspect.ts';

export function addEngine(program: Command, terminal: Terminal): void {
  const engine = program.command('engine').summary('build TensorRT plans, or look into them');
  addEngineBuild(engine, terminal);
  addEngineInspect(engine, terminal);
}
