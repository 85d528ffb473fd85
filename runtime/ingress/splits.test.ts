// Several versions of one function behind one address, met by real requests.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { HandlerHost } from '../../test/support/handler-host.ts';
import type { FunctionVersion } from '../function.ts';

let host: HandlerHost;
const says = (text: string): string => `export default { fetch: () => new Response('${text}') };`;

before(async () => { host = await HandlerHost.open(); });
after(() => host.close());

async function started(name: string, text: string, routes: readonly string[] = [`GET /${name}`]): Promise<FunctionVersion> {
  const version = await host.write(says(text), { name, routes });
  await host.plane.start(version, async () => ({}), 'deploy');
  return version;
}

async function ask(path: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const answer = await fetch(`${host.url}${path}`, { headers });
  const body = await answer.text();
  if (answer.status === 200) return `${body} by ${answer.headers.get('pilotlight-version')}`;
  const { code, detail } = JSON.parse(body) as { code: string; detail: string };
  return `${answer.status} ${code}: ${detail}`;
}

const labelOf = ({ name, version }: FunctionVersion): string => `${name}@${version.slice(0, 8)}`;
const keys = Array.from({ length: 60 }, (_, index) => `user-${index}`);

test('a key stays with its version while that version\'s share grows, and every answer names its version', async () => {
  const [one, two] = [await started('keyed', 'one'), await started('keyed', 'two')];
  let before = new Set<string>();
  for (const percent of [0, 10, 50, 90, 100]) {
    await host.split([[one, 100 - percent], [two, percent]]);
    const onTwo = new Set<string>();
    for (const key of keys) {
      const answer = await ask('/keyed', { 'Pilotlight-Key': key });
      assert.ok([`one by ${labelOf(one)}`, `two by ${labelOf(two)}`].includes(answer), answer);
      if (answer.startsWith('two')) onTwo.add(key);
    }
    assert.ok([...before].every((key) => onTwo.has(key)), `${percent} %`);
    before = onTwo;
  }
  assert.equal(before.size, keys.length);
});

test('without a key, a version with 0 % is met by nobody who does not ask for it', async () => {
  const [one, two] = [await started('unkeyed', 'one'), await started('unkeyed', 'two')];
  await host.split([[one, 100], [two, 0]]);
  for (let count = 0; count < 40; count++) assert.equal(await ask('/unkeyed'), `one by ${labelOf(one)}`);
  for (const wanted of [labelOf(two), two.version.slice(0, 8), `unkeyed@${two.version}`]) {
    assert.equal(await ask('/unkeyed', { 'Pilotlight-Version': wanted, 'Pilotlight-Key': 'a' }), `two by ${labelOf(two)}`);
  }
});

test('a version that is no part of the deployment is NO_VERSION, with those that are', async () => {
  const [one, two, three] = [await started('asked', 'one'), await started('asked', 'two'), await started('asked', 'three')];
  await host.split([[one, 50], [two, 50]]);
  for (const wanted of [labelOf(three), 'asked@00000000', 'other@'.concat(one.version.slice(0, 8)), one.version.slice(0, 7), '', '@']) {
    const answer = await ask('/asked', { 'Pilotlight-Version': wanted });
    assert.match(answer, /^404 NO_VERSION: /, wanted);
    assert.ok(answer.includes(labelOf(one)) && answer.includes(labelOf(two)), answer);
  }
});

test('each version answers by its own routes: what another one has added or taken away is its own', async () => {
  const [one, two] = [await started('routed', 'one', ['GET /routed', 'GET /routed/old']), await started('routed', 'two', ['GET /routed', 'POST /routed/old', 'GET /routed/:id'])];
  await host.split([[one, 100], [two, 0]]);
  const onTwo = { 'Pilotlight-Version': labelOf(two) };
  assert.equal(await ask('/routed/old'), `one by ${labelOf(one)}`);
  assert.equal(await ask('/routed/7', onTwo), `two by ${labelOf(two)}`);
  assert.match(await ask('/routed/7'), new RegExp(`^404 NO_ROUTE: ${labelOf(one)} has no route .*Pilotlight-Version`));
  const refused = await fetch(`${host.url}/routed/old`, { method: 'POST' });
  assert.deepEqual([refused.status, refused.headers.get('allow')], [405, 'GET, HEAD']);
  assert.match(await ask('/routed-nowhere'), /^404 NO_ROUTE: no function/);
});

test('fault 48: requests on one connection across a change of shares each come from one version', async () => {
  const [one, two] = [await started('switched', 'one'), await started('switched', 'two')];
  await host.split([[one, 50], [two, 50]]);
  const answers = Promise.all(Array.from({ length: 40 }, () => ask('/switched')));
  await host.split([[one, 0], [two, 100]]);
  for (const answer of await answers) assert.ok([`one by ${labelOf(one)}`, `two by ${labelOf(two)}`].includes(answer), answer);
  assert.equal(await ask('/switched'), `two by ${labelOf(two)}`);
});
