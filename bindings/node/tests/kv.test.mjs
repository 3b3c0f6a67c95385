import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EtcdError, GRPCInvalidArgumentError, GRPCOutOfRangeError, Range } from 'etcdkit';
import { cluster } from './support.mjs';

const connect = cluster();

test('a value is read as text, number, JSON and bytes', async () => {
  const client = connect();
  await client.put('number').value(42);
  await client.put('json').value(JSON.stringify({ a: [1] }));
  assert.equal(await client.get('number'), '42');
  assert.equal(await client.get('number').number(), 42);
  assert.deepEqual(await client.get('number').buffer(), Buffer.from('42'));
  assert.deepEqual(await client.get('json').json(), { a: [1] });
  assert.equal(await client.get('number').string('hex'), '3432');
  assert.equal(await client.get('number').exists(), true);
});

test('a key that does not exist is null', async () => {
  const client = connect();
  assert.equal(await client.get('none'), null);
  assert.equal(await client.get('none').number(), null);
  assert.equal(await client.get('none').json(), null);
  assert.equal(await client.get('none').buffer(), null);
  assert.equal(await client.get('none').exists(), false);
});

test('many keys are read by prefix, by range and sorted', async () => {
  const client = connect().namespace('many/');
  for (const [key, value] of Object.entries({ a1: '3', a2: '2', b1: '1' })) {
    await client.put(key).value(value);
  }
  assert.deepEqual(await client.getAll(), { a1: '3', a2: '2', b1: '1' });
  assert.deepEqual(await client.getAll().prefix('a').numbers(), { a1: 3, a2: 2 });
  assert.deepEqual(await client.getAll().inRange({ start: 'a2', end: 'b2' }).keys(), ['a2', 'b1']);
  assert.deepEqual(await client.getAll().sort('Value', 'Ascend').limit(2).keys(), ['b1', 'a2']);
  assert.equal(await client.getAll().prefix('a').count(), 2);
  assert.deepEqual(await client.getAll().prefix('b').buffers(), { b1: Buffer.from('1') });
  assert.deepEqual(
    await client.getAll().prefix('').keyBuffers(),
    ['a1', 'a2', 'b1'].map(key => Buffer.from(key)),
  );
});

test('longs are decimal strings, enumerations names, absent messages null', async () => {
  const client = connect();
  const put = await client.put('shape').value('v');
  assert.match(put.header.revision, /^\d+$/);
  assert.equal(put.prev_kv, null);
  const range = await client.get('shape').exec();
  assert.deepEqual(Object.keys(range), ['header', 'kvs', 'more', 'count']);
  assert.equal(range.count, '1');
  assert.equal(range.kvs[0].lease, '0');
  const none = await client.get('nothing').exec();
  assert.deepEqual([none.kvs, none.count, none.more], [[], '0', false]);
});

test('an older revision and previous values are told', async () => {
  const client = connect();
  const first = await client.put('old').value('1');
  const previous = await client.put('old').value('2').getPrevious();
  assert.equal(previous.value.toString(), '1');
  assert.ok(previous.header.revision > first.header.revision);
  assert.equal(await client.get('old').revision(first.header.revision), '1');
  const deleted = await client.delete().key('old').getPrevious();
  assert.deepEqual(
    deleted.map(kv => [kv.key.toString(), kv.value.toString()]),
    [['old', '2']],
  );
});

test('touch keeps the value and moves the revision', async () => {
  const client = connect();
  const { header } = await client.put('touched').value('v');
  const touched = await client.put('touched').touch();
  assert.ok(Number(touched.header.revision) > Number(header.revision));
  assert.equal(await client.get('touched'), 'v');
});

test('keys are deleted one by one, by prefix and altogether', async () => {
  const client = connect().namespace('deleted/');
  for (const key of ['a1', 'a2', 'b1', 'b2']) {
    await client.put(key).value('');
  }
  assert.equal((await client.delete().key('a1')).deleted, '1');
  assert.equal((await client.delete().prefix('a')).deleted, '1');
  assert.equal((await client.delete().inRange(new Range('b1', 'b2'))).deleted, '1');
  assert.equal((await client.delete().all()).deleted, '1');
});

test('a namespace sees its own keys alone', async () => {
  const client = connect();
  const outer = client.namespace('ns/');
  const inner = outer.namespace('deep/');
  await inner.put('key').value('v');
  assert.equal(await client.get('ns/deep/key'), 'v');
  assert.deepEqual(await outer.getAll(), { 'deep/key': 'v' });
  assert.deepEqual(await inner.getAll().keys(), ['key']);
  await inner.delete().all();
  assert.equal(await client.getAll().prefix('ns/').count(), 0);
});

test('a transaction runs one branch or the other', async () => {
  const client = connect();
  await client.put('txn').value('a');
  const run = () =>
    client
      .if('txn', 'Value', '==', 'a')
      .and('txn', 'Version', '>', 0)
      .then(client.put('txn').value('b'), client.get('txn'))
      .else(client.get('txn'))
      .commit();
  const first = await run();
  assert.equal(first.succeeded, true);
  assert.deepEqual(
    first.responses.map(({ response }) => response),
    ['response_put', 'response_range'],
  );
  assert.equal(first.responses[1].response_range.kvs[0].value.toString(), 'b');
  const second = await run();
  assert.equal(second.succeeded, false);
  assert.equal(second.responses[0].response_range.kvs[0].value.toString(), 'b');
});

test('wrong comparisons are refused by name', () => {
  const client = connect();
  assert.throws(() => client.if('a', 'Nope', '==', 1), /Unexpected "Nope".*"Value", "Version"/);
  assert.throws(() => client.if('a', 'Value', '~', 1), /Unexpected "~"/);
  assert.throws(() => client.getAll().sort('Size', 'Ascend'), /Unexpected "Size"/);
});

test('errors of the server have classes, codes and their exact text', async () => {
  const client = connect();
  await assert.rejects(client.get('a').revision(1_000_000), error => {
    assert.ok(error instanceof GRPCOutOfRangeError);
    assert.equal(error.name, 'GRPCOutOfRangeError');
    assert.equal(error.message, '11 OUT_OF_RANGE: etcdserver: mvcc: required revision is a future revision');
    assert.deepEqual([error.code, error.reason, error.outcomeUnknown], [11, 'FutureRevision', false]);
    return true;
  });
  await assert.rejects(client.put('').value('v'), GRPCInvalidArgumentError);
  await assert.rejects(
    client.kv.txn({ success: [{ request_put: {} }] }),
    error => !(error instanceof EtcdError),
  );
});

test('arguments of a wrong type are TypeErrors that name the field', async () => {
  const client = connect();
  assert.throws(() => client.put(null), TypeError);
  assert.throws(() => client.get({}), TypeError);
  await assert.rejects(client.kv.range({ key: 'a', limit: 1.5 }), /limit must be an integer/);
  await assert.rejects(client.kv.range({ key: 'a', limit: {} }), TypeError);
  await assert.rejects(
    client.kv.range({ key: 'a', serializable: 'yes' }),
    /serializable must be true or false/,
  );
  await assert.rejects(client.kv.range({ key: 'a', sort_order: 'Up' }), /one of None, Ascend, Descend/);
  await assert.rejects(client.kv.range('a'), TypeError);
  const cyclic = { success: [] };
  cyclic.success.push({ request_txn: cyclic });
  await assert.rejects(client.kv.txn(cyclic), /nested more than/);
});

test('64-bit numbers may be numbers, decimal strings and BigInts', async () => {
  const client = connect();
  for (const limit of [1, '1', 1n]) {
    assert.equal((await client.kv.range({ key: 'a', range_end: 'z', limit })).kvs.length <= 1, true);
  }
  await assert.rejects(client.kv.range({ key: 'a', limit: 2 ** 60 }), /decimal string or a BigInt/);
  await assert.rejects(client.kv.range({ key: 'a', limit: 1n << 70n }), /64 bits/);
});

test('values of megabytes pass, and more than the server takes is its error', async () => {
  const client = connect();
  const large = Buffer.alloc(1 << 20, 'x');
  await client.put('large').value(large);
  assert.ok((await client.get('large').buffer()).equals(large));
  await assert.rejects(client.put('large').value(Buffer.alloc(1_700_000)), /request is too large/);
});

test('ranges know what they include and how they are ordered', () => {
  assert.ok(Range.prefix('a').includes('ab'));
  assert.ok(!Range.prefix('a').includes('b'));
  assert.ok(Range.prefix('').includes('anything'));
  assert.ok(Range.prefix(Buffer.from([0xff])).includes(Buffer.from([0xff, 1])));
  assert.ok(Range.from('k').includes('k'));
  assert.ok(!Range.from('k').includes('kk'));
  assert.ok(new Range('a', 'b').compare(new Range('a', 'c')) < 0);
  assert.ok(new Range('a', '\0').compare(new Range('a', 'c')) > 0);
});
