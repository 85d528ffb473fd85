// `pilotlight why`: where the time of one request went, in sentences and as a waterfall.
import type { Command } from 'commander';
import type { KeptTrace } from '../../../runtime/telemetry/trace-book.ts';
import { waterfall } from '../../../runtime/telemetry/waterfall.ts';
import { explainRequest } from '../explain-request.ts';
import { connect, withHostOptions } from '../host-command.ts';
import type { HostOptions } from '../find-admin.ts';
import type { Terminal } from '../terminal.ts';

interface WhyOptions extends HostOptions {
  readonly json?: boolean;
}

export function addWhy(program: Command, terminal: Terminal): void {
  withHostOptions(program.command('why'))
    .summary('tell where the time of a request went')
    .description('Tells where the time of a request went. The id is in its answer\'s header Pilotlight-Request-Id; cold, failed and slow requests are kept longest.')
    .argument('<request-id>', 'as the answer\'s header says')
    .option('--json', 'print JSON')
    .action(async (requestId: string, options: WhyOptions) => {
      const { trace } = await connect(options, terminal).json<{ trace: KeptTrace }>('GET', `/v1/traces/${encodeURIComponent(requestId)}`);
      if (options.json === true) terminal.out(`${JSON.stringify(trace, null, 2)}\n`);
      else terminal.out(`${explainRequest(trace.record, trace.loads, trace.variants).join('\n  ')}\n\n${waterfall(trace.span)}\n`);
    });
}
