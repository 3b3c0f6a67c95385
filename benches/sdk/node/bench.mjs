// Calls a second of a client in Node or Bun: `bench.mjs CLIENT HOST:PORT SECONDS`. The client is etcdkit or etcd3. What
// each figure means stands in benches/sdk/programs.toml.

import { createRequire } from 'node:module';

const [name, address, seconds] = process.argv.slice(2);
const DURATION_MS = Number(seconds) * 1000;
const VALUE = 'x'.repeat(256);
const CALLERS = 64;
const WRITERS = 8;
const ECHOES_AT_ONCE = 64;

// Both are found where the SDK's own tools are.
const require = createRequire(new URL('../../../bindings/node/package.json', import.meta.url));
const begun = performance.now();
// A package finds itself by its own name.
const etcd = require(name);
console.log('import_ms', performance.now() - begun);

/** Calls a second by so many callers at a time. */
async function rate(callers, call) {
  let done = 0;
  const begun = performance.now();
  const end = begun + DURATION_MS;
  const caller = async number => {
    for (let at = 0; performance.now() < end; at += 1) {
      await call(number, at);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, number) => caller(number)));
  return (done / (performance.now() - begun)) * 1000;
}

/** Events that a watcher of a prefix sees while others write below it. */
async function watchRate(client) {
  const watcher = await client.watch().prefix('watched/').create();
  let seen = 0;
  watcher.on('put', () => {
    seen += 1;
  });
  const begun = performance.now();
  await rate(WRITERS, (number, at) =>
    client
      .put(`watched/${number}/${at % 100}`)
      .value(VALUE)
      .exec(),
  );
  const result = (seen / (performance.now() - begun)) * 1000;
  await watcher.cancel();
  return result;
}

const client = new etcd.Etcd3({ hosts: address });
await client.put('key').value(VALUE);
const put = area => (number, at) =>
  client
    .put(`${area}/${number}/${at % 1000}`)
    .value(VALUE)
    .exec();
const get = () => client.get('key').buffer();
console.log('put', await rate(1, put('put')));
console.log('get', await rate(1, get));
console.log('put64', await rate(CALLERS, put('put64')));
console.log('get64', await rate(CALLERS, get));
console.log('watch', await watchRate(client));
console.log('rss_mib', process.resourceUsage().maxRSS / 1024);
if (etcd.echo) {
  const payload = Buffer.from(VALUE);
  const echoes = await rate(ECHOES_AT_ONCE, () => etcd.echo(payload));
  console.log('echo_ns', 1e9 / echoes);
}
client.close();
