// The guided tour in Node and Bun: the same steps, printing the same lines, in every language.
//
//     node tour.mjs [ENDPOINT]
//
// Without an endpoint it starts an embedded server. Each line is `step: what was seen`.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Etcd3, EtcdLockFailedError, Server } from 'etcdkit';

// Every key the tour writes starts with one of these.
const PREFIXES = [
  '/mykey/',
  '/ukey/',
  '/lskey/',
  '/service/',
  '/config/',
  '/leader',
  '/old/',
  '/locks/tour',
  'stock',
  'user1',
  'tour',
  'election/tour',
];
// Longest wait for anything the tour expects to happen.
const PATIENCE_MS = 20_000;

async function main() {
  const [endpoint] = process.argv.slice(2);
  if (endpoint) {
    await tour(endpoint);
    return;
  }
  const server = await Server.start();
  await tour(server.endpoint);
  await server.stop();
}

async function tour(endpoint) {
  const client = new Etcd3({ hosts: endpoint });
  const clear = () => Promise.all(PREFIXES.map(prefix => client.delete().prefix(prefix)));
  await clear();
  for (const [name, step] of Object.entries(STEPS)) {
    console.log(`${name}: ${await step(client, endpoint)}`);
  }
  await clear();
  client.close();
}

async function status(client) {
  const { leader } = await client.maintenance.status();
  const { members } = await client.cluster.memberList({});
  return `${members.length} member, it leads: ${yes(leader === members[0].ID)}`;
}

async function put(client) {
  const pairs = { '/mykey/key1': '123', '/mykey/key2': '456', '/ukey/key1': 'abc' };
  for (const [key, value] of Object.entries(pairs)) {
    await client.put(key).value(value);
  }
  return shown(pairs);
}

async function get(client) {
  return `/mykey/key1=${await client.get('/mykey/key1')}`;
}

async function getPrefix(client) {
  return shown(await client.getAll().prefix('/mykey'));
}

async function count(client) {
  return client.getAll().prefix('/mykey').count();
}

async function exists(client) {
  const there = async key => `${key} ${yes(await client.get(key).exists())}`;
  return `${await there('/mykey/key1')}, ${await there('/mykey/none')}`;
}

async function history(client) {
  const [{ mod_revision }] = (await client.get('/mykey/key1').exec()).kvs;
  const previous = await client.put('/mykey/key1').value('124').getPrevious();
  const now = await client.get('/mykey/key1');
  const then = await client.get('/mykey/key1').revision(mod_revision);
  return `now ${now}, at the older revision ${then}, the put returned ${previous.value}`;
}

async function transaction(client) {
  const run = async () => {
    const { succeeded } = await client
      .if('user1', 'Value', '==', 'bad')
      .then(client.delete().key('user1'))
      .else(client.put('user1').value('good'))
      .commit();
    return succeeded ? 'SUCCESS' : 'FAILURE';
  };
  await client.put('user1').value('bad');
  const first = await run();
  const left = await client.getAll().inRange('user1').count();
  const second = await run();
  return `${first}, user1 left: ${left}; ${second}, user1=${await client.get('user1')}`;
}

async function lease(client) {
  const granted = client.lease(120, { autoKeepAlive: false });
  await granted.put('/lskey/key1').value('will be delete');
  const info = await client.leaseClient.leaseTimeToLive({ ID: await granted.grant(), keys: true });
  const kept = (await granted.keepaliveOnce()).TTL;
  await granted.revoke();
  const left = await client.getAll().inRange('/lskey/key1').count();
  return `granted ${info.grantedTTL}s, keys ${info.keys.join(' ')}, kept alive for ${kept}s, keys left after revoke: ${left}`;
}

async function leaseExpiry(client) {
  const key = '/service/worker';
  const watcher = await client.watch().key(key).create();
  const seen = [];
  await client.lease(2, { autoKeepAlive: false }).put(key).value('first life');
  const leases = [];
  for await (const event of watcher) {
    seen.push(describe(event));
    if (event.type === 'delete') {
      // The lease expired: grant another and register again.
      leases.push(client.lease(60));
      await leases[0].put(key).value('second life');
    }
    if (seen.length === 3) {
      break;
    }
  }
  await leases[0].revoke();
  return seen.join(', ');
}

async function watchPrefix(client) {
  const watcher = await client.watch().prefix('stock').create();
  await client.put('stock1').value('10');
  await client.put('stock2').value('20');
  await client.delete().key('stock1');
  return take(watcher, 3);
}

async function watchHistory(client) {
  const { header } = await client.put('tour-history').value('1');
  await client.put('tour-history').value('2');
  return take(await client.watch().key('tour-history').startRevision(header.revision).create(), 2);
}

async function lock(client, endpoint) {
  const held = await client.lock('/locks/tour').ttl(60).acquire();
  const other = new Etcd3({ hosts: endpoint });
  const refused = await other
    .lock('/locks/tour')
    .acquire()
    .then(
      () => false,
      error => error instanceof EtcdLockFailedError,
    );
  const waiting = other.lock('/locks/tour').ttl(60).acquire({ wait: PATIENCE_MS });
  await until(async () => (await queueLength(client)) === 2);
  await held.release();
  const got = await waiting;
  await got.release();
  other.close();
  return `refused while held: ${yes(refused)}, second gets it on release: ${yes(got !== undefined)}`;
}

async function lockWithEtcdctl(client, endpoint) {
  const held = await client.lock('/locks/tour').ttl(60).acquire();
  const program = process.env.ETCDKIT ?? 'etcdkit';
  const options = { stdio: ['ignore', 'pipe', 'inherit'] };
  const etcdctl = spawn(program, ['--endpoints', endpoint, 'lock', '/locks/tour', 'echo', 'mine'], options);
  let output = '';
  etcdctl.stdout.on('data', data => {
    output += data;
  });
  await until(async () => (await queueLength(client)) === 2);
  const waited = etcdctl.exitCode === null;
  await held.release();
  await once(etcdctl, 'close');
  return `etcdctl waited: ${yes(waited)}, then said: ${output.trim()}`;
}

async function leaderByLease(client) {
  const claim = async (name, lease) => {
    await client.if('/leader', 'Create', '==', 0).then(lease.put('/leader').value(name)).commit();
    return client.get('/leader');
  };
  const [a, b] = [client.lease(120), client.lease(120)];
  const first = await claim('A', a);
  const second = await claim('B', b);
  await a.revoke();
  const third = await claim('B', b);
  await b.revoke();
  return `A asks: ${first}, B asks: ${second}, B asks after A's lease ended: ${third}`;
}

async function leaderByElection(client, endpoint) {
  const other = new Etcd3({ hosts: endpoint });
  const election = client.election('tour-election');
  const a = await election.campaign('A').wait();
  const b = other.election('tour-election').campaign('B');
  await until(async () => (await client.getAll().prefix('election/tour-election/').count()) === 2);
  const first = await election.leader();
  await a.resign();
  await b.wait();
  const second = await election.leader();
  await b.resign();
  other.close();
  return `${first} leads, then ${second}`;
}

async function serviceDiscovery(client) {
  const service = client.naming('/service/web');
  const found = async () =>
    (await service.list())
      .map(({ address }) => address)
      .sort()
      .join(' ');
  const first = await service.register('10.0.0.1:80');
  const second = await service.register('10.0.0.2:80');
  const both = await found();
  await first.unregister();
  const one = await found();
  await second.unregister();
  return `${both}; after one left: ${one}`;
}

async function configuration(client) {
  await client.put('/config/timeout').value(30);
  await client.put('/config/retries').value(3);
  const { kvs, header } = await client.getAll().prefix('/config/').exec();
  const loaded = kvs.map(({ key, value }) => `${key.toString().replace('/config/', '')}=${value}`).sort();
  const next = BigInt(header.revision) + 1n;
  const watcher = await client.watch().prefix('/config/').startRevision(next.toString()).create();
  await client.put('/config/timeout').value(60);
  return `loaded ${loaded.join(' ')}; ${await take(watcher, 1)}`;
}

async function compaction(client) {
  const old = (await client.put('/old/key').value('1')).header.revision;
  const recent = (await client.put('/old/key').value('2')).header.revision;
  await client.kv.compact({ revision: recent });
  return client
    .get('/old/key')
    .revision(old)
    .then(
      () => 'no error',
      error => error.details,
    );
}

async function deleteKey(client) {
  const deleted = async () => yes((await client.delete().key('/mykey/key1')).deleted === '1');
  return `deleted: ${await deleted()}, again: ${await deleted()}`;
}

async function deletePrefix(client) {
  await client.put('/mykey/key1').value('123');
  return (await client.delete().prefix('/mykey')).deleted;
}

const STEPS = {
  status,
  put,
  get,
  'get a prefix': getPrefix,
  count,
  exists,
  history,
  transaction,
  lease,
  'lease expiry': leaseExpiry,
  'watch a prefix': watchPrefix,
  'watch from a revision': watchHistory,
  lock,
  'lock and etcdctl': lockWithEtcdctl,
  'leader by lease': leaderByLease,
  'leader by election': leaderByElection,
  'service discovery': serviceDiscovery,
  configuration,
  compaction,
  'delete a key': deleteKey,
  'delete a prefix': deletePrefix,
};

function yes(condition) {
  return condition ? 'yes' : 'no';
}

function shown(pairs) {
  return Object.entries(pairs)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
}

function describe({ type, kv }) {
  return type === 'put' ? `PUT ${kv.key}=${kv.value}` : `DELETE ${kv.key}`;
}

async function take(watcher, count) {
  const seen = [];
  for await (const event of watcher) {
    if (seen.push(describe(event)) === count) {
      break;
    }
  }
  return seen.join(', ');
}

async function queueLength(client) {
  return client.getAll().prefix('/locks/tour/').count();
}

async function until(condition) {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) {
      throw new Error('what the tour waits for did not happen');
    }
    await sleep(10);
  }
}

await main();
