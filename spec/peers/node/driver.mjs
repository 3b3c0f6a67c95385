// The published microsoft/etcd3 behind spec/PROTOCOL.md: locks, and the get and put that a counter takes. It shows
// that processes which still use microsoft/etcd3 and processes which use ours exclude each other.

import { createInterface } from 'node:readline';

import { Etcd3, EtcdLockFailedError } from 'etcd3';

const objects = new Map();

const hex = (data) => Buffer.from(data).toString('hex');
const unhex = (text) => Buffer.from(text, 'hex');

const verbs = {
  hello: async () => 'ok lang=microsoft-etcd3',

  open: async (id, { endpoint }) => {
    objects.set(id, new Etcd3({ hosts: endpoint }));
    return `ok client=${id}`;
  },

  close: async (id, { client }) => {
    objects.get(client).close();
    objects.delete(client);
    return 'ok';
  },

  get: async (id, { client, key }) => {
    const { count, kvs } = await objects.get(client).get(unhex(key)).exec();
    const pairs = kvs.map((kv) => {
      const facts = [kv.create_revision, kv.mod_revision, kv.version, kv.lease].join(':');
      return ` kv=${hex(kv.key)}:${hex(kv.value)}:${facts}`;
    });
    return `ok count=${count}${pairs.join('')}`;
  },

  put: async (id, { client, key, value }) => {
    await objects.get(client).put(unhex(key)).value(unhex(value)).exec();
    return 'ok';
  },

  lock: async (id, { client, name, ttl }) => {
    const lock = objects.get(client).lock(unhex(name).toString()).ttl(Number(ttl ?? 60));
    try {
      objects.set(id, await lock.acquire());
    } catch (error) {
      // Its locks never wait.
      if (error instanceof EtcdLockFailedError) return 'ok acquired=0';
      throw error;
    }
    return 'ok acquired=1';
  },

  unlock: async (id, { lock }) => {
    await objects.get(lock).release();
    objects.delete(lock);
    return 'ok';
  },
};

async function perform(text) {
  const [id, verb, ...words] = text.trim().split(/\s+/);
  const fields = Object.fromEntries(words.map((word) => word.split('=')));
  try {
    return `${id} ${await verbs[verb](id, fields)}`;
  } catch (error) {
    return `${id} err code=Driver msg=${hex(String(error))}`;
  }
}

const lines = createInterface({ input: process.stdin });
lines.on('line', (text) => void perform(text).then((answer) => process.stdout.write(`${answer}\n`)));
lines.on('close', () => process.exit(0));
