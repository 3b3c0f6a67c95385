import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { EtcdWatchCompactedError, Server } from 'etcdkit';
import { cluster, deferred, take, until } from './support.mjs';

const connect = cluster();

test('listeners hear puts and deletions, in order', async () => {
  const client = connect();
  const watcher = await client.watch().prefix('heard/').create();
  const seen = [];
  const done = deferred();
  watcher.on('put', kv => seen.push(`put ${kv.key}=${kv.value}`));
  watcher.on('delete', kv => {
    seen.push(`delete ${kv.key}`);
    done.resolve();
  });
  await client.put('heard/a').value('1');
  await client.put('heard/b').value('2');
  await client.delete().key('heard/a');
  await done.promise;
  assert.deepEqual(seen, ['put heard/a=1', 'put heard/b=2', 'delete heard/a']);
  assert.ok(watcher.lastRevision() > 1);
  await watcher.cancel();
});

test('a loop over a watcher gets every change since its creation, and ends it', async () => {
  const client = connect();
  const watcher = await client.watch().key('looped').withPreviousKV().create();
  const ended = once(watcher, 'end');
  await client.put('looped').value('1');
  await client.put('looped').value('2');
  await client.delete().key('looped');
  const events = await take(watcher, 3);
  assert.deepEqual(
    events.map(({ type, kv, previous }) => [type, kv.value.toString(), previous?.value.toString()]),
    [
      ['put', '1', undefined],
      ['put', '2', '1'],
      ['delete', '', '2'],
    ],
  );
  await ended;
});

test('a watch from an older revision begins with history', async () => {
  const client = connect();
  const { header } = await client.put('history').value('1');
  await client.put('history').value('2');
  const events = await take(await client.watch().key('history').startRevision(header.revision).create(), 2);
  assert.deepEqual(
    events.map(({ kv }) => kv.value.toString()),
    ['1', '2'],
  );
});

test('only one kind of change', async () => {
  const client = connect();
  const watcher = await client.watch().key('filtered').only('delete').create();
  await client.put('filtered').value('1');
  await client.delete().key('filtered');
  const [event] = await take(watcher, 1);
  assert.equal(event.type, 'delete');
});

test('a namespace takes its prefix off', async () => {
  const client = connect();
  const watcher = await client.namespace('inside/').watch().prefix('').create();
  await client.put('outside').value('');
  await client.put('inside/key').value('');
  const [event] = await take(watcher, 1);
  assert.equal(event.kv.key.toString(), 'key');
});

test('connecting and connected are told to those who do not wait', async () => {
  const client = connect();
  const watcher = client.watch().key('a').watcher();
  assert.equal(watcher.id, null);
  const [request] = await once(watcher, 'connecting');
  assert.deepEqual(request.key, Buffer.from('a'));
  const [created] = await once(watcher, 'connected');
  assert.equal(created.created, true);
  assert.notEqual(watcher.id, null);
  await watcher.cancel();
});

test('changes that are compacted away are an error with the oldest revision there is', async () => {
  const client = connect();
  await client.put('compacted').value('1');
  const { header } = await client.put('compacted').value('2');
  await client.kv.compact({ revision: header.revision });
  const watcher = client.watch().key('compacted').startRevision('1').watcher();
  const [error] = await once(watcher, 'error');
  assert.ok(error instanceof EtcdWatchCompactedError);
  assert.equal(error.compactRevision, header.revision);
  const again = client.watch().key('compacted').startRevision('1').watcher();
  await assert.rejects(take(again, 1), EtcdWatchCompactedError);
});

test('a watcher can be cancelled at any time, and a signal does it too', async () => {
  const client = connect();
  const early = client.watch().key('a').watcher();
  await early.cancel();
  await early.cancel();
  const abort = new AbortController();
  const watcher = await client.watch().key('a').options({ signal: abort.signal }).create();
  const ended = once(watcher, 'end');
  abort.abort();
  await ended;
  const closing = connect();
  const open = await closing.watch().key('a').create();
  const closed = once(open, 'end');
  closing.close();
  await closed;
});

test('a loop ends when its client is closed', async () => {
  const client = connect();
  const watcher = await client.watch().key('a').create();
  setImmediate(() => client.close());
  assert.deepEqual(await take(watcher, 1), []);
});

test('a slow loop gets all of many changes', async () => {
  const client = connect();
  const watcher = await client.watch().prefix('slow/').create();
  const count = 3000;
  const writes = (async () => {
    for (let index = 0; index < count; index += 100) {
      await Promise.all(
        Array.from({ length: 100 }, (_, at) => client.put(`slow/${index + at}`).value(`${index + at}`)),
      );
    }
  })();
  let seen = 0;
  const keys = new Set();
  for await (const { kv } of watcher) {
    keys.add(kv.key.toString());
    seen += 1;
    if (seen % 500 === 0) {
      await new Promise(resolve => setTimeout(resolve, 20));
    }
    if (seen === count) {
      break;
    }
  }
  await writes;
  assert.equal(keys.size, count);
});

test('two loops over one watcher both get everything', async () => {
  const client = connect();
  const watcher = await client.watch().prefix('twice/').create();
  const loops = [take(watcher, 2), take(watcher, 2)];
  await client.put('twice/a').value('');
  await client.put('twice/b').value('');
  const [first, second] = await Promise.all(loops);
  assert.equal(first.length, 2);
  assert.deepEqual(first, second);
});

test('a watch goes on after a restart of the server, without a gap', async () => {
  const { mkdtemp, rm } = await import('node:fs/promises');
  const { tmpdir } = await import('node:os');
  const { join } = await import('node:path');
  const dataDir = await mkdtemp(join(tmpdir(), 'etcdkit-'));
  const server = await Server.start({ dataDir });
  const client = connect({ hosts: server.endpoint });
  const watcher = await client.watch().prefix('restart/').create();
  const seen = [];
  watcher.on('put', kv => seen.push(kv.key.toString()));
  await client.put('restart/a').value('');
  await server.stop();
  await server.start();
  await until(() =>
    client
      .put('restart/b')
      .value('')
      .then(
        () => true,
        () => false,
      ),
  );
  await until(() => seen.includes('restart/b'));
  assert.equal(seen[0], 'restart/a');
  await watcher.cancel();
  await server.stop();
  await rm(dataDir, { recursive: true });
});

test('the stream of the service client carries several watches', async () => {
  const client = connect();
  const stream = await client.watchClient.watch();
  const responses = [];
  const ended = once(stream, 'end');
  stream.on('data', response => responses.push(response));
  stream.write({ create_request: { key: Buffer.from('raw/a') } });
  stream.write({ create_request: { key: Buffer.from('raw/b') } });
  await until(() => responses.filter(({ created }) => created).length === 2);
  await client.put('raw/b').value('v');
  await until(() => responses.some(({ events }) => events.length > 0));
  const { watch_id } = responses.find(({ events }) => events.length > 0);
  stream.write({ cancel_request: { watch_id } });
  await until(() => responses.some(response => response.canceled && response.watch_id === watch_id));
  stream.cancel();
  await ended;
});
