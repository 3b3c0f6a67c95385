// The driver of the behaviour spec for Node and Bun: lines in, calls of the SDK, lines out.

import { createInterface } from 'node:readline';
import { Etcd3, EtcdLockFailedError, Range } from 'etcdkit';
import * as protocol from './protocol.mjs';
import { Line, Unsupported } from './protocol.mjs';

// What the SDK puts before the names of its elections.
const ELECTION_PREFIX = 'election/';

const capitalized = word => word[0].toUpperCase() + word.slice(1);

const objects = new Map();
const aborts = new Map();

function tell(text) {
  process.stdout.write(`${text}\n`);
}

async function serve(line) {
  try {
    const parts = await perform(line);
    if (parts !== undefined) {
      tell([line.id, 'ok', ...parts].join(' '));
    }
  } catch (error) {
    tell(protocol.failure(line, error));
  } finally {
    aborts.delete(line.id);
  }
}

async function perform(line) {
  if (line.verb === 'hello') {
    return [`lang=${process.versions.bun ? 'bun' : 'node'}`];
  }
  if (line.verb === 'open') {
    const limit = line.number('timeout');
    const defaultCallOptions = limit === undefined ? undefined : () => ({ deadline: Date.now() + limit });
    const auth = line.has('user')
      ? { username: line.text('user'), password: line.text('password') }
      : undefined;
    objects.set(line.id, new Etcd3({ hosts: line.text('endpoint').split(','), defaultCallOptions, auth }));
    return [`client=${line.id}`];
  }
  const client = objects.get(line.text('client'));
  const verb = VERBS[line.verb];
  if (verb === undefined) {
    throw new Unsupported();
  }
  const abort = new AbortController();
  aborts.set(line.id, abort);
  return verb(line, client, { signal: abort.signal });
}

const VERBS = {
  async close(line, client) {
    client.close();
    objects.delete(line.text('client'));
    return [];
  },

  async cancel(line) {
    aborts.get(line.text('call'))?.abort();
    return [];
  },

  // ---- KV --------------------------------------------------------------------------------------

  async put(line, client, options) {
    if (line.has('ignore_value') && line.text('value')) {
      // touch() would leave the value out.
      const request = { key: line.data('key'), value: line.data('value'), ignore_value: true };
      return protocol.putParts(await client.kv.put(request, options));
    }
    const put = client.put(line.data('key')).options(options);
    if (!line.has('ignore_value')) {
      put.value(line.data('value'));
    }
    if (line.has('lease')) {
      put.lease(line.text('lease'));
    }
    if (line.has('ignore_lease')) {
      put.ignoreLease();
    }
    if (line.has('prev')) {
      const { header, ...previous } = await put.getPrevious();
      return protocol.putParts({ header, prev_kv: previous.key ? previous : null });
    }
    return protocol.putParts(line.has('ignore_value') ? await put.touch() : await put);
  },

  async get(line, client, options) {
    if (line.has('keys_only') || line.has('count_only')) {
      return protocol.rangeParts(await client.kv.range(protocol.rangeRequest(line), options));
    }
    const many = ['end', 'limit', 'order', 'target'].some(name => line.has(name));
    const range = { start: line.data('key'), end: line.data('end') };
    const get = many ? client.getAll().inRange(range) : client.get(line.data('key'));
    return protocol.rangeParts(await protocol.rangeOptions(line, get.options(options)).exec());
  },

  async del(line, client, options) {
    const range = { start: line.data('key'), end: line.data('end') };
    const remove = line.has('end') ? client.delete().inRange(range) : client.delete().key(line.data('key'));
    if (line.has('prev')) {
      const request = { key: line.data('key'), range_end: line.data('end'), prev_kv: true };
      return protocol.deleteParts(await client.kv.deleteRange(request, options));
    }
    return protocol.deleteParts(await remove.options(options));
  },

  async compact(line, client, options) {
    const request = { revision: line.text('rev'), physical: line.has('physical') };
    return protocol.revision(await client.kv.compact(request, options));
  },

  async txn(line, client, options) {
    return protocol.transactionParts(await client.kv.txn(protocol.transaction(line), options));
  },

  // ---- Leases ----------------------------------------------------------------------------------

  async grant(line, client, options) {
    const request = { TTL: line.text('ttl'), ID: line.text('lease') };
    const { ID, TTL } = await client.leaseClient.leaseGrant(request, options);
    return [`lease=${ID}`, `ttl=${TTL}`];
  },

  async revoke(line, client, options) {
    return protocol.revision(await client.leaseClient.leaseRevoke({ ID: line.text('lease') }, options));
  },

  async keepalive(line, client, options) {
    const stream = await client.leaseClient.leaseKeepAlive(options);
    const answer = new Promise((resolve, reject) => {
      stream.on('data', resolve);
      stream.on('error', reject);
    });
    stream.write({ ID: line.text('lease') });
    const { TTL, ID } = await answer;
    stream.end();
    return [`lease=${ID}`, `ttl=${TTL}`];
  },

  async ttl(line, client, options) {
    const request = { ID: line.text('lease'), keys: line.has('keys') };
    const { TTL, grantedTTL, keys } = await client.leaseClient.leaseTimeToLive(request, options);
    return [`ttl=${TTL}`, `granted=${grantedTTL}`, ...keys.map(key => `key=${key.toString('hex')}`)];
  },

  async leases(_line, client, options) {
    const { leases } = await client.leaseClient.leaseLeases(options);
    return [`count=${leases.length}`, ...leases.map(({ ID }) => `lease=${ID}`)];
  },

  // ---- Users and roles -------------------------------------------------------------------------

  async auth(line, client, options) {
    const user = client.user(line.text('user'));
    const role = client.role(line.text('role'));
    const range = new Range(line.data('key'), line.data('end'));
    const administer = {
      user_add: () => user.create(line.text('password'), options),
      user_delete: () => user.delete(options),
      user_password: () => user.setPassword(line.text('password'), options),
      user_grant: () => user.addRole(role, options),
      user_revoke: () => user.removeRole(role, options),
      user_get: async () => protocol.names('.role', await user.roles(options)),
      users: async () => protocol.names('.user', await client.getUsers()),
      role_add: () => role.create(options),
      role_delete: () => role.delete(options),
      role_grant: () => role.grant({ permission: capitalized(line.text('right')), range }, options),
      role_revoke: () => role.revoke({ permission: 'Read', range }, options),
      role_get: async () => protocol.rights(await role.permissions(options)),
      roles: async () => protocol.names('.role', await client.getRoles()),
      enable: () => client.auth.authEnable(options),
      disable: () => client.auth.authDisable(options),
    };
    const told = await administer[line.text('do')]();
    return Array.isArray(told) ? told : [];
  },

  // ---- Watch -----------------------------------------------------------------------------------

  async watch(line, client) {
    const { id } = line;
    const builder = client.watch();
    if (line.has('end')) {
      builder.inRange({ start: line.data('key'), end: line.data('end') });
    } else {
      builder.key(line.data('key'));
    }
    if (line.has('from')) {
      builder.startRevision(line.text('from'));
    }
    if (line.has('prev')) {
      builder.withPreviousKV();
    }
    const only = [line.has('noput') && 'delete', line.has('nodelete') && 'put'].filter(Boolean);
    if (only.length > 0) {
      builder.only(...only);
    }
    const watcher = builder.watcher();
    objects.set(id, watcher);
    await new Promise((resolve, reject) => {
      watcher.once('connected', response => {
        tell([id, 'ok', ...protocol.revision(response)].join(' '));
        resolve();
      });
      watcher.once('error', reject);
    });
    let batch = 0;
    watcher.on('data', response => {
      for (const text of protocol.eventLines(id, batch, response)) {
        tell(text);
      }
      batch += 1;
    });
    watcher.on('end', () => tell(`${id} end`));
    watcher.on('error', error => {
      const compacted = error.compactRevision;
      const reason = Buffer.from(error.message).toString('hex');
      tell(compacted === undefined ? `${id} end reason=${reason}` : `${id} canceled compact=${compacted}`);
    });
  },

  async unwatch(line) {
    await objects.get(line.text('watch')).cancel();
    return [];
  },

  // ---- Locks -----------------------------------------------------------------------------------

  async lock(line, client, { signal }) {
    const lock = client.lock(line.data('name')).ttl(line.number('ttl') ?? 60);
    try {
      await lock.acquire({ wait: line.number('timeout') ?? Infinity, signal });
    } catch (error) {
      if (error instanceof EtcdLockFailedError) {
        return ['acquired=0'];
      }
      throw error;
    }
    objects.set(line.id, lock);
    return ['acquired=1', `rev=${lock.fencingToken}`, `key=${lock.holderKey.toString('hex')}`];
  },

  async unlock(line) {
    await objects.get(line.text('lock')).release();
    return [];
  },

  async rpc_lock(line, client, options) {
    const request = { name: line.data('name'), lease: line.text('lease') };
    const response = await client.lockClient.lock(request, options);
    return [...protocol.revision(response), `key=${response.key.toString('hex')}`];
  },

  async rpc_unlock(line, client, options) {
    return protocol.revision(await client.lockClient.unlock({ key: line.data('key') }, options));
  },

  // ---- Elections -------------------------------------------------------------------------------

  async campaign(line, client, options) {
    if (line.has('lease')) {
      const request = { name: line.data('name'), value: line.data('value'), lease: line.text('lease') };
      const response = await client.electionClient.campaign(request, options);
      objects.set(line.id, response.leader);
      const { key, rev, lease } = response.leader;
      return [
        ...protocol.revision(response),
        `key=${key.toString('hex')}`,
        `create=${rev}`,
        `lease=${lease}`,
      ];
    }
    const election = client.election(ownName(line), line.number('ttl') ?? 60);
    const campaign = await election.campaign(line.data('value')).wait();
    objects.set(line.id, campaign);
    const key = Buffer.from(await campaign.getCampaignKey()).toString('hex');
    return [`key=${key}`, `create=${campaign.fencingToken}`, 'untold=lease', 'untold=rev'];
  },

  async proclaim(line, client, options) {
    const leader = objects.get(line.text('leader'));
    if ('proclaim' in leader) {
      await leader.proclaim(line.data('value'));
      return ['untold=rev'];
    }
    return protocol.revision(
      await client.electionClient.proclaim({ leader, value: line.data('value') }, options),
    );
  },

  async resign(line, client, options) {
    const leader = objects.get(line.text('leader'));
    if ('resign' in leader) {
      await leader.resign();
      return ['untold=rev'];
    }
    return protocol.revision(await client.electionClient.resign({ leader }, options));
  },

  async leader(line, client, options) {
    const response = await client.electionClient.leader({ name: line.data('name') }, options);
    return [...protocol.revision(response), `kv=${protocol.pair(response.kv)}`];
  },

  async observe(line, client) {
    const told = kv => kv && tell(`${line.id} event type=LEADER kv=${protocol.pair(kv)}`);
    if (line.data('name').toString().startsWith(ELECTION_PREFIX)) {
      const observer = await client.election(ownName(line)).observe();
      tell(`${line.id} ok`);
      observer.on('change', () => told(observer.leaderPair));
      observer.on('error', () => undefined);
      told(observer.leaderPair);
      return undefined;
    }
    const stream = await client.electionClient.observe({ name: line.data('name') });
    stream.on('error', () => undefined);
    stream.on('data', ({ kv }) => told(kv));
    return [];
  },

  // ---- Mistakes --------------------------------------------------------------------------------

  async misuse(line, client) {
    if (line.text('kind') === 'closed') {
      client.close();
      await client.put('key').value('value');
    } else {
      await client.put({}).value('value');
    }
    return [];
  },
};

/** The name of an election without what the SDK puts before it. */
function ownName(line) {
  const name = line.data('name').toString();
  if (!name.startsWith(ELECTION_PREFIX)) {
    throw new Unsupported();
  }
  return name.slice(ELECTION_PREFIX.length);
}

const input = createInterface({ input: process.stdin });
input.on('line', text => serve(new Line(text)));
input.on('close', () => process.exit(0));
