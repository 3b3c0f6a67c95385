import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Etcd3, Server } from 'etcdkit';
import { cluster } from './support.mjs';

const connect = cluster();

test('several servers at once know nothing of each other', async () => {
  const [a, b] = await Promise.all([Server.start(), Server.start()]);
  const [first, second] = [new Etcd3({ hosts: a.endpoint }), new Etcd3({ hosts: b.endpoint })];
  await first.put('key').value('a');
  assert.equal(await second.get('key'), null);
  first.close();
  second.close();
  await Promise.all([a.stop(), b.stop(), a.stop()]);
});

test('data outlives the server that has a directory, on the same port', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'etcdkit-'));
  const server = await Server.start({ dataDir, name: 'kept' });
  const { endpoint } = server;
  const client = new Etcd3({ hosts: endpoint });
  await client.put('kept').value('v');
  await server.stop();
  await server.start();
  assert.equal(server.endpoint, endpoint);
  assert.equal(await client.get('kept'), 'v');
  await assert.rejects(Server.start({ dataDir }), /another|lock|use/i);
  client.close();
  await server.stop();
  await rm(dataDir, { recursive: true });
});

test('a server without a port is reached from its own process alone', async () => {
  const server = await Server.start({ inProcess: true });
  assert.equal(server.endpoint, '');
  const client = new Etcd3({ server });
  await client.put('inside').value('v');
  assert.equal(await client.get('inside'), 'v');
  client.close();
  await server.stop();
});

test('flags set what has no option', async () => {
  const server = await Server.start({ flags: ['--max-txn-ops=1'] });
  const client = new Etcd3({ hosts: server.endpoint });
  const put = key => ({ request_put: { key, value: 'v' } });
  await assert.rejects(client.kv.txn({ success: [put('a'), put('b')] }), /too many operations/);
  client.close();
  await server.stop();
  await assert.rejects(Server.start({ flags: ['--cert-file=x'] }), /--quota-backend-bytes/);
});

test('settings that make no sense are refused', async () => {
  await assert.rejects(Server.start({ storageEngine: 'paper' }), /paper/);
  await assert.rejects(Server.start({ listen: 'nowhere' }));
  await assert.rejects(Server.start({ dataDir: '/dev/null/below' }));
});

test('status, members, hash and snapshot of a server', async () => {
  const client = connect();
  const { members } = await client.cluster.memberList({});
  assert.equal((await client.maintenance.status()).leader, members[0].ID);
  const { hash } = await client.maintenance.hashKV({ revision: 0 });
  assert.equal(typeof hash, 'number');
});

test('instances of a service register, are found and leave', async () => {
  const service = connect().naming('services/web');
  const first = await service.register('10.0.0.1:80', { metadata: { zone: 'a' } });
  const second = await service.register('10.0.0.2:80', { ttl: 5 });
  const found = await service.list();
  assert.deepEqual(
    found.map(({ key, address, metadata }) => [key, address, metadata]),
    [
      ['services/web/10.0.0.1:80', '10.0.0.1:80', { zone: 'a' }],
      ['services/web/10.0.0.2:80', '10.0.0.2:80', null],
    ],
  );
  await first.unregister();
  await second.unregister();
  assert.deepEqual(await service.list(), []);
});
