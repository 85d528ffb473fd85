// The supervisor process of the tests: `pilotlight serve` with the fake host, its end as a JSON line.
import { fileURLToPath } from 'node:url';
import { parseSettingFlags, readConfig } from '../../runtime/config.ts';
import { describeThrown } from '../../runtime/errors.ts';
import { runSupervisor } from '../../runtime/supervisor/main.ts';

try {
  const { config } = readConfig({ flags: parseSettingFlags(process.argv.slice(2)) });
  const end = await runSupervisor(config, { hostFile: fileURLToPath(new URL('supervised-host.js', import.meta.url)) });
  process.stderr.write(`${end.message ?? ''}\n`);
  process.exitCode = end.exitCode;
} catch (error) {
  process.stderr.write(`${describeThrown(error)}\n`);
  process.exitCode = 1;
}
