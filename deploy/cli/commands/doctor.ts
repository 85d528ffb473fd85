// `pilotlight doctor`: which backends, libraries and devices there are, on the host if one answers, else on this machine.
import type { Command } from 'commander';
import { describeThrown } from '../../../runtime/errors.ts';
import { doctorView, type DoctorView } from '../../admin/view-routes.ts';
import { CliFailure } from '../cli-failure.ts';
import { clientConfig, type HostOptions } from '../find-admin.ts';
import { formatBytes } from '../format.ts';
import { connect, withHostOptions } from '../host-command.ts';
import { localEngine } from '../local-engine.ts';
import type { Terminal } from '../terminal.ts';

interface Diagnosis extends DoctorView {
  /** Address of the host that told this; left out when this machine was looked at. */
  readonly host?: string;
  /** Why no host told it. */
  readonly hostProblem?: string;
}

export function addDoctor(program: Command, terminal: Terminal): void {
  withHostOptions(program.command('doctor'))
    .summary('show which backends, libraries and devices were found, and what to do about the others')
    .option('--json', 'print JSON')
    .action(async (options: HostOptions & { readonly json?: boolean }) => {
      const diagnosis = await diagnose(options, terminal);
      if (options.json === true) terminal.out(`${JSON.stringify(diagnosis, null, 2)}\n`);
      else show(diagnosis, terminal);
    });
}

async function diagnose(options: HostOptions, terminal: Terminal): Promise<Diagnosis> {
  const isNamed = options.admin !== undefined || Boolean(terminal.env['PILOTLIGHT_ADMIN']);
  try {
    const client = connect(options, terminal);
    return { ...(await client.json<DoctorView>('GET', '/v1/doctor')), host: client.origin };
  } catch (error) {
    // A host that was named must answer; without one this machine is what was meant.
    if (!(error instanceof CliFailure) || isNamed || error.exitCode === 2) throw error;
    const engine = await localEngine(clientConfig(options, terminal));
    return { ...doctorView({ capabilities: () => engine.capabilities(), devices: () => engine.devices(), libraries: () => engine.libraries() }), hostProblem: describeThrown(error) };
  }
}

function show({ node, platform, cores, capabilities, devices, libraries, quarantined, host, hostProblem }: Diagnosis, { out, err, paint }: Terminal): void {
  out(`${paint.strong(host === undefined ? 'this machine (no host answers)' : host)}: Node ${node}, ${platform}, ${cores} cores\n`);
  for (const { backend, available, version, library, reason, onGpu, gpuReason } of capabilities) {
    const mark = available ? paint.good('✓') : paint.warning('!');
    out(`${mark} ${backend.padEnd(12)} ${available ? [version, library].filter((part) => part !== undefined).join('  ') : reason ?? 'not found'}\n`);
    if (onGpu === true) out(`${paint.good('✓')}   on GPUs: its CUDA provider\n`);
    else if (gpuReason !== undefined) out(`${paint.warning('!')}   on GPUs: ${gpuReason}\n`);
  }
  // What a backend lacks was told with it.
  const isTold = (reason: string): boolean => capabilities.some((one) => one.reason?.includes(reason) === true);
  for (const { name, version, path, reason } of libraries) {
    if (reason === undefined) out(`${paint.good('✓')}   ${name}: ${[version, path].filter((part) => part !== undefined).join('  ')}\n`);
    else if (!isTold(reason)) out(`${paint.warning('!')}   ${name}: ${reason}\n`);
  }
  for (const { device, name, id, backends, computeCapability, totalBytes, freeBytes } of devices) {
    const about = [name, ...(computeCapability === undefined ? [] : [`compute capability ${computeCapability}`]), ...(id === undefined ? [] : [id])].join(', ');
    out(`${paint.good('✓')} ${device.padEnd(12)} ${about}: ${formatBytes(freeBytes)} free of ${formatBytes(totalBytes)}, for ${backends.join(', ')}\n`);
  }
  for (const { reason } of quarantined) out(`${paint.warning('!')} ${reason}\n`);
  if (hostProblem !== undefined) err(`${paint.faint(hostProblem)}\n`);
}
