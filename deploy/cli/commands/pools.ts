// `pilotlight pools` and `pilotlight devices`: which models are on which device, how busy they are and what they hold.
import type { Command } from 'commander';
import type { DeviceView } from '../../admin/view-routes.ts';
import { totalBytes } from '../../../runtime/engine/pool-memory.ts';
import type { PoolView } from '../../../runtime/residency/residency.ts';
import { formatBytes, formatMs } from '../format.ts';
import { showView, withViewOptions, type ViewOptions } from '../host-command.ts';
import type { Terminal } from '../terminal.ts';

export function addPools(program: Command, terminal: Terminal): void {
  withViewOptions(program.command('pools'))
    .summary('list the engine pools')
    .action((options: ViewOptions) => showView<{ pools: readonly PoolView[] }, PoolView>({
      path: '/v1/pools',
      rows: ({ pools }) => pools,
      columns: [
        { title: 'POOL', cell: ({ key }) => key.slice(0, 16) },
        { title: 'STATE', cell: ({ state, pinned }) => (pinned ? `${state}, pinned` : state) },
        { title: 'DEVICE', cell: ({ device }) => device },
        { title: 'SLOTS', align: 'right', cell: ({ stats }) => String(stats?.slots ?? '-') },
        { title: 'BUSY', align: 'right', cell: ({ stats }) => String(stats?.busy ?? '-') },
        { title: 'WAITING', align: 'right', cell: ({ stats }) => String(stats?.waiting ?? '-') },
        { title: 'RUNS', align: 'right', cell: ({ stats }) => String(stats?.runs ?? '-') },
        { title: 'MEAN RUN', align: 'right', cell: ({ stats }) => (stats === undefined || stats.runs === 0 ? '-' : formatMs(stats.runMs / stats.runs)) },
        { title: 'MEMORY', align: 'right', cell: memoryOf },
        { title: 'VARIANT', cell: ({ variants }) => variants[0]?.path ?? '-' },
        { title: 'FUNCTIONS', cell: ({ functions }) => functions.map(shortId).join(', ') },
        { title: '', cell: ({ trouble }) => trouble?.message ?? '' },
      ],
      empty: 'no function with a model is deployed',
    }, options, terminal));

  withViewOptions(program.command('devices'))
    .summary('list the devices that engines run on')
    .action((options: ViewOptions) => showView<{ devices: readonly DeviceView[] }, DeviceView>({
      path: '/v1/devices',
      rows: ({ devices }) => devices,
      columns: [
        { title: 'DEVICE', cell: ({ device }) => device },
        { title: 'POOLS', align: 'right', cell: ({ pools }) => String(pools) },
        { title: 'BUDGET', align: 'right', cell: ({ budgetBytes }) => formatBytes(budgetBytes) },
        { title: 'WEIGHTS', align: 'right', cell: ({ weightsBytes }) => formatBytes(weightsBytes) },
        { title: 'SCRATCH', align: 'right', cell: ({ scratchBytes, stagingBytes, graphsBytes }) => formatBytes(scratchBytes + stagingBytes + graphsBytes) },
        { title: 'RESERVED', align: 'right', cell: ({ reservedBytes }) => formatBytes(reservedBytes) },
        { title: 'FREE', align: 'right', cell: ({ freeBytes }) => formatBytes(freeBytes) },
        { title: 'DRIFT', align: 'right', cell: ({ driftBytes }) => formatBytes(driftBytes) },
        { title: 'STATE', cell: ({ thrashing }) => (thrashing ? 'thrashing: pin a model or raise the budget' : 'calm') },
        { title: 'NAME', cell: ({ name }) => name },
      ],
      empty: 'no device was found',
    }, options, terminal));
}

function memoryOf({ stats }: PoolView): string {
  if (stats === undefined) return '-';
  return formatBytes(totalBytes(stats.memory));
}

/** `digits@<64 digits>` as people see it. */
function shortId(id: string): string {
  const at = id.indexOf('@');
  return at === -1 ? id : id.slice(0, at + 9);
}
