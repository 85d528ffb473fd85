import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { parseSettingFlags, readConfig } from './config.ts';
import type { ConfigSources } from './config.ts';
import { SETTING_NAMES, settingRows, SETTINGS } from './config/settings.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pilotlight-config-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const MACHINE = { cores: 8, platform: 'linux' } as const;

function read(sources: ConfigSources & { file?: string } = {}) {
  const { file, ...rest } = sources;
  if (file !== undefined) writeFileSync(join(folder, 'pilotlight.config.jsonc'), file);
  return readConfig({ env: {}, folder, machine: MACHINE, ...rest });
}

function refusal(sources: ConfigSources & { file?: string }): string {
  let message = '';
  assert.throws(() => read(sources), (error: Error & { code?: string }) => {
    message = error.message;
    return error.code === 'BAD_SETTING';
  });
  return message;
}

test('with nothing set every setting has its default, and says so', () => {
  const { config, origins } = read();
  assert.equal(config.port, 8787);
  assert.equal(config.host, '127.0.0.1');
  assert.equal(config.store, join(folder, '.pilotlight'));
  assert.equal(config.secretsDir, undefined);
  assert.deepEqual(origins.map(({ name }) => name), SETTING_NAMES);
  assert.ok(origins.every(({ from }) => from === 'default'));
});

test('a flag wins over a variable, a variable over the file, the file over the default', () => {
  const file = '{ "port": 1, "adminPort": 2, "versionsKept": 3, }';
  const env = { PILOTLIGHT_PORT: '11', PILOTLIGHT_ADMIN_PORT: '12' };
  const { config, origins } = read({ file, env, flags: { port: '21' } });
  assert.deepEqual([config.port, config.adminPort, config.versionsKept, config.loadWaitersMax], [21, 12, 3, 1000]);
  const from = Object.fromEntries(origins.map((origin) => [origin.name, origin.from]));
  assert.equal(from['port'], '--port');
  assert.equal(from['adminPort'], 'PILOTLIGHT_ADMIN_PORT');
  assert.equal(from['versionsKept'], 'pilotlight.config.jsonc:1:30');
});

test('PORT is honoured after PILOTLIGHT_PORT and before the file', () => {
  assert.equal(read({ env: { PORT: '8080' }, file: '{ "port": 1 }' }).config.port, 8080);
  assert.equal(read({ env: { PORT: '8080', PILOTLIGHT_PORT: '9090' } }).config.port, 9090);
});

test('a variable that is set to nothing is not set', () => {
  assert.equal(read({ env: { PORT: '', PILOTLIGHT_SECRETS_DIR: '' } }).config.port, 8787);
});

test('paths of flags are relative to the working folder, paths of the file to the folder of the file', () => {
  assert.equal(read({ flags: { store: 'mine' } }).config.store, join(folder, 'mine'));
  const elsewhere = mkdtempSync(join(folder, 'etc-'));
  writeFileSync(join(elsewhere, 'settings.jsonc'), '// mine\n{ "secretsDir": "secrets" }');
  const { config } = read({ flags: { config: join(elsewhere, 'settings.jsonc') } });
  assert.equal(config.secretsDir, join(elsewhere, 'secrets'));
});

test('the result cannot be changed', () => {
  assert.ok(Object.isFrozen(read().config));
});

test('an unknown name is refused with the nearest right one, wherever it stands', () => {
  assert.match(refusal({ file: '{\n  "prot": 80\n}' }), /pilotlight\.config\.jsonc:2:3: "prot" is no setting; did you mean port\?/);
  assert.match(refusal({ env: { PILOTLIGHT_STOER: '/x' } }), /PILOTLIGHT_STOER is no setting; did you mean PILOTLIGHT_STORE\?/);
  assert.throws(() => parseSettingFlags(['--drain-timeout', '5']), /--drain-timeout is no setting; did you mean --drain-timeout-ms\?/);
  assert.match(refusal({ flags: { zzzzzzzzzz: '1' } }), /--zzzzzzzzzz is no setting; there are .*--port/);
});

test('a wrong value is refused with where it stands and what was expected', () => {
  const cases: [ConfigSources & { file?: string }, RegExp][] = [
    [{ flags: { port: '65536' } }, /--port is "65536"; expected a whole number from 0 to 65535/],
    [{ flags: { port: '80a' } }, /--port is "80a"/],
    [{ env: { PORT: '-1' } }, /PORT is "-1"/],
    [{ env: { PILOTLIGHT_TRACE_SAMPLING: '1.5' } }, /PILOTLIGHT_TRACE_SAMPLING is "1.5"; expected a number from 0 to 1/],
    [{ env: { PILOTLIGHT_LOG_LEVEL: 'warning' } }, /expected one of .*did you mean warn\?/],
    [{ file: '{ "port": "8787" }' }, /jsonc:1:3: "port" is "8787"; expected a whole number/],
    [{ file: '{ "port": null }' }, /"port" is null/],
    [{ file: '{ "store": ["a"] }' }, /"store" is \["a"\]; expected a path/],
    [{ file: '{ "ingressThreads": 0 }' }, /"ingressThreads" is 0/],
    [{ flags: { host: 'a b' } }, /--host is "a b"; expected an address/],
  ];
  for (const [sources, message] of cases) {
    rmSync(join(folder, 'pilotlight.config.jsonc'), { force: true });
    assert.match(refusal(sources), message);
  }
});

test('libraries of plugins are paths with commas between them, in the file a list', () => {
  assert.deepEqual(read({ env: { PILOTLIGHT_TENSORRT_PLUGINS: '/a.so, b.so' } }).config.tensorrtPlugins, ['/a.so', join(folder, 'b.so')]);
  assert.deepEqual(read({ file: '{ "tensorrtPlugins": ["/a.so", "./b.so"] }' }).config.tensorrtPlugins, ['/a.so', join(folder, 'b.so')]);
  for (const wrong of ['"/a.so"', '[1]', '[""]']) assert.match(refusal({ file: `{ "tensorrtPlugins": ${wrong} }` }), /"tensorrtPlugins" is .*; expected paths, with commas between them/);
  assert.match(refusal({ flags: { tensorrtPlugins: '/a.so,,/b.so' } }), /--tensorrt-plugins is "\/a\.so,,\/b\.so"; expected paths/);
});

test('folders of CUDA libraries are paths with commas between them', () => {
  assert.deepEqual(read({ env: { PILOTLIGHT_CUDA_LIBRARIES: '/venv/nvidia,cuda/lib64' } }).config.cudaLibraries, ['/venv/nvidia', join(folder, 'cuda/lib64')]);
});

test('a choice of yes or no is spelled out', () => {
  assert.equal(read({}).config.versionCompatiblePlans, false);
  assert.equal(read({ flags: { versionCompatiblePlans: 'true' } }).config.versionCompatiblePlans, true);
  assert.equal(read({ file: '{ "versionCompatiblePlans": true }' }).config.versionCompatiblePlans, true);
  assert.match(refusal({ env: { PILOTLIGHT_VERSION_COMPATIBLE_PLANS: 'yes' } }), /expected true or false/);
  assert.match(refusal({ file: '{ "versionCompatiblePlans": "true" }' }), /expected true or false/);
});

test('fault 12: a broken settings file is refused with line and column, and reaches no prototype', () => {
  assert.match(refusal({ file: '{\n "port": 1,\n "port": 2 }' }), /jsonc:3:2: "port" stands here a second time; it is set at pilotlight\.config\.jsonc:2:2/);
  assert.match(refusal({ file: '{ "port": }' }), /jsonc:1:11: not JSON with comments \(ValueExpected\)/);
  assert.match(refusal({ file: '[]' }), /jsonc:1:1: expected an object of settings/);
  assert.match(refusal({ file: '' }), /not JSON with comments/);
  assert.match(refusal({ file: '{ "__proto__": { "port": 1 } }' }), /"__proto__" is no setting/);
  assert.match(refusal({ file: `{ "a": ${'['.repeat(100_000)} }` }), /jsonc:1:39: nested deeper than 32/);
  assert.match(refusal({ file: ' '.repeat(2 * 1024 * 1024) }), /has 2097152 bytes; at most 1048576 are read/);
  assert.equal(read({ file: '\uFEFF{ "$schema": "x", "port": 5 }' }).config.port, 5);
  assert.equal(({} as { port?: number }).port, undefined);
});

test('a settings file that was named must exist', () => {
  assert.match(refusal({ flags: { config: 'none.jsonc' } }), /none\.jsonc does not exist/);
  assert.match(refusal({ env: { PILOTLIGHT_CONFIG: '.' } }), /cannot read/);
});

test('the variables that Kubernetes sets for a Service called pilotlight are no settings', () => {
  const env = { PILOTLIGHT_PORT: 'tcp://10.0.0.7:8787', PILOTLIGHT_SERVICE_HOST: '10.0.0.7', PILOTLIGHT_PORT_8787_TCP: 'x' };
  assert.equal(read({ env }).config.port, 8787);
  assert.match(refusal({ env: { PILOTLIGHT_SERVICE_HOST: '10.0.0.7' } }), /PILOTLIGHT_SERVICE_HOST is no setting/);
});

test('the token of the command line is no setting and no mistake', () => {
  assert.equal(read({ env: { PILOTLIGHT_TOKEN: 'x' } }).config.port, 8787);
});

test('functions and admin cannot share one address', () => {
  assert.match(refusal({ flags: { adminPort: '8787' } }), /port and adminPort are both 8787/);
  assert.equal(read({ flags: { port: '0', adminPort: '0' } }).config.adminPort, 0);
});

test('flags are read with a space or an equals sign, once each, and never without a value', () => {
  assert.deepEqual({ ...parseSettingFlags(['--port', '80', '--admin-host=::1', '--config', 'x']) }, { port: '80', adminHost: '::1', config: 'x' });
  assert.throws(() => parseSettingFlags(['--port', '1', '--port=2']), /--port is given twice/);
  assert.throws(() => parseSettingFlags(['--port']), /--port needs a value/);
});

test('the default number of ingress threads follows the cores', () => {
  const threads = (cores: number, platform: NodeJS.Platform = 'linux') => read({ machine: { cores, platform } }).config.ingressThreads;
  assert.deepEqual([1, 2, 3, 4, 8, 16, 64].map((cores) => threads(cores)), [1, 1, 2, 2, 2, 4, 4]);
  assert.equal(threads(16, 'darwin'), 1);
});

test('every default is a value that its own setting accepts', () => {
  const { config } = read();
  for (const name of SETTING_NAMES) {
    if (config[name] !== undefined) assert.deepEqual(SETTINGS[name].type.parseJson(config[name], folder), config[name], name);
  }
});

test('every setting can be told in words: names, what it takes, a default that is no program', () => {
  const rows = settingRows();
  assert.deepEqual(rows.find(({ name }) => name === 'port'), {
    name: 'port', flag: '--port', variables: ['PILOTLIGHT_PORT', 'PORT'], expects: 'a whole number from 0 to 65535', default: '8787',
    about: 'Port that functions are served on; 0 takes any free one.',
  });
  for (const row of rows) assert.doesNotMatch(row.default, /=>|undefined|function/, row.name);
});
