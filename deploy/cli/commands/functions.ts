// `pilotlight functions` and `pilotlight versions NAME`: what is deployed, and what can be gone back to.
import type { Command } from 'commander';
import type { FunctionView, VersionView } from '../../admin/view-routes.ts';
import { describeShares } from '../../rollout/shares.ts';
import { formatAgo } from '../format.ts';
import { showView, withViewOptions, type ViewOptions } from '../host-command.ts';
import type { Terminal } from '../terminal.ts';

export function addFunctions(program: Command, terminal: Terminal): void {
  withViewOptions(program.command('functions'))
    .summary('list the deployed functions')
    .description('Lists the deployed functions. READY is whether a request would be answered now, warm or cold; where it would not, the last column says why.')
    .action((options: ViewOptions) => showView<{ functions: readonly FunctionView[] }, FunctionView>({
      path: '/v1/functions',
      rows: ({ functions }) => functions,
      columns: [
        { title: 'FUNCTION', cell: ({ label }) => label },
        { title: 'STATE', cell: ({ state }) => state },
        { title: 'READY', cell: describeReadiness },
        { title: 'SHARES', cell: ({ shares }) => (shares.length > 1 ? describeShares(shares) : 'all') },
        { title: 'ISOLATES', align: 'right', cell: ({ isolates }) => String(isolates) },
        { title: 'IN FLIGHT', align: 'right', cell: ({ inFlight }) => String(inFlight) },
        { title: 'REPLACED', align: 'right', cell: ({ replaced }) => String(replaced) },
        { title: 'VERSIONS', align: 'right', cell: ({ versions }) => String(versions) },
        { title: 'DEPLOYED', cell: ({ deployedAt }) => formatAgo(deployedAt, Date.now()) },
        { title: 'ROUTES', cell: ({ routes }) => routes.join(', ') },
        { title: '', cell: ({ reason = '' }) => reason },
      ],
      empty: 'nothing is deployed yet; `pilotlight deploy DIR` deploys a folder',
    }, options, terminal));

  withViewOptions(program.command('versions'))
    .summary('list the versions of a function that are kept')
    .argument('<name>', 'name of the function')
    .action((name: string, options: ViewOptions) => showView<{ versions: readonly VersionView[] }, VersionView>({
      path: `/v1/functions/${encodeURIComponent(name)}/versions`,
      rows: ({ versions }) => versions,
      columns: [
        { title: 'VERSION', cell: ({ label }) => label },
        { title: 'DEPLOYED', cell: ({ deployedAt }) => formatAgo(deployedAt, Date.now()) },
        { title: 'SHARE', align: 'right', cell: ({ percent }) => (percent === undefined ? '-' : `${percent} %`) },
        { title: '', cell: describeStanding },
      ],
      empty: `${name} has no versions`,
    }, options, terminal));
}

function describeReadiness({ ready, retryInS }: FunctionView): string {
  if (ready) return 'yes';
  if (retryInS === undefined) return 'no';
  return retryInS === 0 ? 'no, next request tries' : `no, tried in ${retryInS} s`;
}

function describeStanding({ current, quarantined, abortIf, aborted }: VersionView): string {
  const found = [quarantined !== undefined ? 'current, quarantined' : current ? 'current' : ''];
  if (aborted !== undefined) found.push(`aborted: ${aborted}`);
  else if (abortIf !== undefined) found.push(`aborts if ${abortIf.join(' or ')}`);
  return found.filter((text) => text !== '').join('; ');
}
