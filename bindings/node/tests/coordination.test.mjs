import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Etcd3 as Etcd3Of2023 } from 'etcd3';
import {
  EtcdLeaseInvalidError,
  EtcdLockFailedError,
  Isolation,
  LeaseState,
  NotCampaigningError,
  STMConflictError,
} from 'etcdkit';
import { cluster, until } from './support.mjs';

const connect = cluster();

// ---- Leases --------------------------------------------------------------------------------------

test('keys of a lease end with it', async () => {
  const client = connect();
  const lease = client.lease(60);
  assert.equal(lease.state, LeaseState.Pending);
  await lease.put('leased').value('v');
  assert.equal(lease.state, LeaseState.Alive);
  const [kv] = (await client.get('leased').exec()).kvs;
  assert.equal(kv.lease, await lease.grant());
  await lease.revoke();
  assert.equal(lease.revoked(), true);
  assert.equal(await client.get('leased'), null);
  await lease.revoke();
});

test('renewals are told, and a revoked lease is lost once', async () => {
  const client = connect();
  const lease = client.lease(60);
  const fired = once(lease, 'keepaliveFired');
  const [renewed] = await once(lease, 'keepaliveSucceeded');
  await fired;
  assert.equal(renewed.TTL, '60');
  assert.equal((await lease.keepaliveOnce()).ID, await lease.grant());
  let lost = 0;
  lease.on('lost', () => {
    lost += 1;
  });
  await client.leaseClient.leaseRevoke({ ID: await lease.grant() });
  await assert.rejects(lease.keepaliveOnce(), EtcdLeaseInvalidError);
  await assert.rejects(lease.put('a').value('b'), EtcdLeaseInvalidError);
  assert.ok(lost >= 1);
  assert.equal(lease.revoked(), true);
});

test('the core notices a lease that ended behind its back', async () => {
  const client = connect();
  const lease = client.lease(1);
  const lost = once(lease, 'lost');
  await client.leaseClient.leaseRevoke({ ID: await lease.grant() });
  const [error] = await lost;
  assert.ok(error instanceof EtcdLeaseInvalidError);
});

test('a lease that cannot be granted is lost, and no unhandled rejection', async () => {
  const client = connect();
  assert.throws(() => client.lease(0), RangeError);
  client.close();
  const lease = client.lease(5);
  await once(lease, 'lost');
  await assert.rejects(lease.grant(), /closed/);
});

// ---- Locks ---------------------------------------------------------------------------------------

test('a held lock is refused to others, or waited for', async () => {
  const [a, b] = [connect(), connect()];
  const held = await a.lock('lock/x').acquire();
  assert.ok(await held.isHeld());
  await assert.rejects(b.lock('lock/x').acquire(), EtcdLockFailedError);
  await assert.rejects(b.lock('lock/x').acquire({ wait: 50 }), EtcdLockFailedError);
  const [plain] = (await a.get('lock/x').exec()).kvs;
  assert.deepEqual([plain.value.length, plain.lease], [0, await held.leaseId()]);
  const waiting = b.lock('lock/x').acquire({ wait: Infinity });
  await until(async () => (await a.getAll().prefix('lock/x/').count()) === 2);
  await held.release();
  const next = await waiting;
  assert.ok(BigInt(next.fencingToken) > 0n);
  await next.release();
  assert.equal(await a.getAll().prefix('lock/x').count(), 0);
});

test('do runs with the lock and gives it back, also after a failure', async () => {
  const client = connect();
  assert.equal(await client.lock('lock/do').do(() => 5), 5);
  await assert.rejects(
    client.lock('lock/do').do(() => {
      throw new Error('inside');
    }),
    /inside/,
  );
  const lock = client.lock('lock/do').ttl(5);
  await lock.acquire();
  assert.throws(() => lock.ttl(6), /after acquiring/);
  await lock.release();
  await assert.rejects(client.lock('lock/never').release(), /not acquired/);
});

test('a lost lock is told', async () => {
  const client = connect();
  const lock = await client.lock('lock/lost').acquire();
  const lost = lock.lost();
  await client.leaseClient.leaseRevoke({ ID: await lock.leaseId() });
  assert.match(await lost, /lease|deleted/);
});

test('the layout of Go alone has no plain key', async () => {
  const client = connect({ lockLayout: 'v3' });
  const lock = await client.lock('lock/v3').acquire();
  assert.equal(await client.get('lock/v3'), null);
  assert.equal(await client.getAll().prefix('lock/v3/').count(), 1);
  await lock.release();
});

test('processes on microsoft/etcd3 and ours exclude each other', async () => {
  const ours = connect();
  const theirs = new Etcd3Of2023({ hosts: connect.server().endpoint.replace('http://', '') });
  const held = await ours.lock('lock/shared').acquire();
  await assert
    .rejects(theirs.lock('lock/shared').acquire(), { constructor: { name: 'EtcdLockFailedError' } })
    .catch(error => assert.match(String(error.actual ?? error), /Failed to acquire/));
  await held.release();
  const lock = theirs.lock('lock/shared');
  await lock.acquire();
  await assert.rejects(ours.lock('lock/shared').acquire(), EtcdLockFailedError);
  await lock.release();
  const again = await ours.lock('lock/shared').acquire();
  await again.release();
  theirs.close();
});

// ---- Elections -----------------------------------------------------------------------------------

test('one candidate leads, the next follows', async () => {
  const [a, b] = [connect(), connect()];
  const first = await a.election('next').campaign('a').wait();
  assert.ok(first.isLeader);
  const second = b.election('next').campaign('b');
  await until(async () => (await a.getAll().prefix('election/next/').count()) === 2);
  assert.equal(await a.election('next').leader(), 'a');
  const elected = once(second, 'elected');
  await first.resign();
  await elected;
  assert.deepEqual(await a.election('next').leader('buffer'), Buffer.from('b'));
  assert.match(await second.getCampaignKey(), /^election\/next\//);
  await second.resign();
  assert.equal(await a.election('next').leader(), undefined);
});

test('a candidate proclaims, waiting or leading, until it has resigned', async () => {
  const client = connect();
  const first = client.election('proclaim').campaign('one');
  await first.proclaim('uno');
  await first.wait();
  assert.equal(await client.election('proclaim').leader(), 'uno');
  const second = client.election('proclaim').campaign('two');
  await second.proclaim('due');
  await first.resign();
  await second.wait();
  assert.equal(await client.election('proclaim').leader(), 'due');
  await second.resign();
  await assert.rejects(second.proclaim('x'), NotCampaigningError);
});

test('observers see leaders come, change and go', async () => {
  const client = connect();
  const observer = await client.election('observed').observe();
  assert.equal(observer.hasLeader, false);
  const changes = [];
  observer.on('change', value => changes.push(value));
  const campaign = await client.election('observed').campaign('one').wait();
  await until(() => changes.length === 1);
  await campaign.proclaim('two');
  await until(() => changes.length === 2);
  assert.equal(observer.leader(), 'two');
  await campaign.resign();
  await until(() => changes.length === 3);
  assert.deepEqual(changes, ['one', 'two', undefined]);
  await observer.cancel();
});

test('candidates of microsoft/etcd3 stand in the same line', async () => {
  const ours = connect();
  const theirs = new Etcd3Of2023({ hosts: connect.server().endpoint.replace('http://', '') });
  const first = await ours.election('shared').campaign('ours').wait();
  const second = theirs.election('shared').campaign('theirs');
  const elected = new Promise(resolve => second.once('elected', resolve));
  await until(async () => (await ours.getAll().prefix('election/shared/').count()) === 2);
  await first.resign();
  await elected;
  assert.equal(await ours.election('shared').leader(), 'theirs');
  await second.resign();
  theirs.close();
});

// ---- Software transactions -----------------------------------------------------------------------

test('concurrent transactions happen one after the other, at every isolation that promises it', async () => {
  const client = connect();
  for (const isolation of [
    Isolation.SerializableSnapshot,
    Isolation.Serializable,
    Isolation.RepeatableReads,
  ]) {
    await client.put('stm/a').value(0);
    await client.put('stm/other').value(0);
    await client.put('stm/b').value(0);
    const move = () =>
      client.stm({ isolation, retries: 100 }).transact(async tx => {
        const [a, b] = [await tx.get('stm/a').number(), await tx.get('stm/b').number()];
        await tx.put('stm/a').value(a + 1);
        await tx.put('stm/b').value(b - 1);
        return (await tx.get('stm/a').number()) - a;
      });
    const moved = await Promise.all(Array.from({ length: 10 }, move));
    assert.deepEqual(new Set(moved), new Set([1]));
    assert.equal(await client.get('stm/a').number(), 10);
    assert.equal(await client.get('stm/b').number(), -10);
  }
});

test('a conflict that goes on is an error', async () => {
  const client = connect();
  await client.put('stm/c').value(0);
  const meddle = client.stm({ retries: 1 }).transact(async tx => {
    await tx.get('stm/c');
    await client.put('stm/c').value('meddled');
    await tx.put('stm/d').value(1);
  });
  await assert.rejects(meddle, STMConflictError);
  assert.equal(await client.get('stm/d'), null);
});

test('a transaction reads its own writes and deletions', async () => {
  const client = connect();
  await client.put('stm/own').value('old');
  await client.stm().transact(async tx => {
    await tx.put('stm/own').value('new');
    assert.equal(await tx.get('stm/own'), 'new');
    await tx.delete().key('stm/own');
    assert.equal(await tx.get('stm/own'), null);
    await assert.rejects(tx.get('stm/x').revision(1), /not supported/);
  });
  assert.equal(await client.get('stm/own'), null);
});
