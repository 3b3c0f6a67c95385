import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import {
  ClientClosedError,
  Etcd3,
  echo,
  GRPCDeadlineExceededError,
  GRPCUnavailableError,
  isRecoverableError,
} from 'etcdkit';
import { cluster, deferred } from './support.mjs';

const connect = cluster();

test('an echo crosses the boundary and comes back', async () => {
  const payloads = Array.from({ length: 3000 }, (_, index) => Buffer.from(`payload ${index}`));
  const echoed = await Promise.all(payloads.map(payload => echo(payload)));
  assert.deepEqual(echoed, payloads);
  await assert.rejects(echo(5), TypeError);
});

test('calls of a closed client say so, also those in flight', async () => {
  const client = connect();
  const waiting = client.lockClient.lock({ name: 'closed' });
  const held = client.lockClient.lock({ name: 'closed' });
  await Promise.race([waiting, held]);
  client.close();
  client.close();
  await assert.rejects(Promise.all([waiting, held]), ClientClosedError);
  await assert.rejects(client.get('a'), ClientClosedError);
  await assert.rejects(client.put('a').value('b'), /already closed/);
});

test('a signal cancels a call, with its reason', async () => {
  const client = connect();
  const abort = new AbortController();
  await client.lock('cancelled').acquire();
  const waiting = client.lock('cancelled').acquire({ wait: Infinity, signal: abort.signal });
  const reason = new Error('changed my mind');
  abort.abort(reason);
  await assert.rejects(waiting, reason);
  await assert.rejects(client.get('a').options({ signal: AbortSignal.abort() }), { name: 'AbortError' });
  assert.equal(await client.get('a').options({ signal: new AbortController().signal }), null);
});

test('a host where nobody listens is an error within the time limit', async () => {
  const free = createServer().listen(0, '127.0.0.1');
  await new Promise(resolve => free.once('listening', resolve));
  const { port } = free.address();
  await new Promise(resolve => free.close(resolve));
  const client = new Etcd3({ hosts: `127.0.0.1:${port}`, dialTimeout: 200 });
  const begun = Date.now();
  await assert.rejects(
    client.get('a'),
    error => error instanceof GRPCUnavailableError && isRecoverableError(error),
  );
  assert.ok(Date.now() - begun < 3000);
  client.close();
});

test('a host that never answers is an error at the deadline', async () => {
  const silent = createServer(socket => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
  await new Promise(resolve => silent.once('listening', resolve));
  const client = new Etcd3({
    hosts: `127.0.0.1:${silent.address().port}`,
    defaultCallOptions: () => ({ deadline: Date.now() + 300 }),
  });
  await assert.rejects(client.get('a'), error => {
    assert.ok(error instanceof GRPCDeadlineExceededError || error instanceof GRPCUnavailableError);
    return true;
  });
  client.close();
  silent.close();
});

test('default options see what each call is', async () => {
  const seen = [];
  const client = connect({
    defaultCallOptions: context => {
      seen.push(`${context.service}.${context.method} ${context.isStream}`);
      return {};
    },
  });
  await client.get('a');
  const watcher = await client.watch().key('a').create();
  await watcher.cancel();
  assert.deepEqual(seen, ['KV.range false', 'Watch.watch true']);
});

test('policies of the program run the calls', async () => {
  const runs = [];
  const policy = name => ({
    execute(call) {
      runs.push(name);
      return call();
    },
  });
  const client = connect({
    faultHandling: { global: policy('global'), host: host => policy(`host ${host}`) },
  });
  await client.get('a');
  assert.equal(runs[0], 'global');
  assert.match(runs[1], /^host http/);
});

test('a stand-in takes the calls', async () => {
  const client = connect();
  const mock = client.mock({
    exec: async () => ({ kvs: [{ key: Buffer.from('a'), value: Buffer.from('mocked') }] }),
  });
  assert.equal(await client.get('a'), 'mocked');
  assert.equal(typeof mock.exec, 'function');
  client.unmock();
  assert.equal(await client.get('a'), null);
});

test('hosts that make no sense are refused at once', () => {
  assert.throws(() => new Etcd3({ hosts: [] }), /no hosts/);
  assert.throws(() => new Etcd3({ hosts: ['https://a:1', 'http://b:2'] }), /mix of secure and insecure/);
  assert.throws(() => new Etcd3({ hosts: 5 }), TypeError);
});

test('a callback may call anything, and a slow one holds nobody else up (T-FFI-12)', async () => {
  const client = connect();
  const done = deferred();
  const watcher = await client.watch().prefix('reentrant/').create();
  let seen = 0;
  watcher.on('put', kv => {
    seen += 1;
    // The event loop stands still, while the runtime goes on.
    const until = performance.now() + 2;
    while (performance.now() < until);
    if (seen < 50) {
      client
        .put(`reentrant/${seen}`)
        .value(kv.value)
        .then(() => undefined, done.reject);
    } else {
      done.resolve();
    }
  });
  const others = Array.from({ length: 100 }, (_, index) => client.put(`other/${index}`).value('v'));
  await client.put('reentrant/0').value('x');
  await Promise.all([done.promise, ...others]);
  await watcher.cancel();
});
