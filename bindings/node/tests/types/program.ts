// A program in the types of microsoft/etcd3, and in ours: it is checked, not run.

import { Etcd3, EtcdLockFailedError, type IKeyValue, Isolation, Server, SortOrder } from 'etcdkit';

export async function program(): Promise<unknown[]> {
  const client = new Etcd3({
    hosts: ['127.0.0.1:2379'],
    dialTimeout: 1000,
    auth: { username: 'u', password: 'p' },
  });
  const text: string | null = await client.get('a').string();
  const awaited: string | null = await client.get('a');
  const all: { [key: string]: string } = await client.getAll().prefix('x').sort('Mod', 'Ascend');
  const result = await client
    .if('a', 'Value', '==', 'b')
    .and('a', 'Version', '>', 0)
    .then(client.put('a').value(1), client.delete().prefix('b'))
    .else(client.get('b'))
    .commit();
  const pair: IKeyValue = result.responses[0].response_range.kvs[0];
  const watcher = await client.watch().prefix('a').withPreviousKV().create();
  watcher.on('put', (kv, previous) => [kv.value.toString(), previous?.key]);
  for await (const event of watcher) {
    const type: 'put' | 'delete' = event.type;
    void type;
  }
  const lease = client.lease(10, { autoKeepAlive: true });
  lease.on('lost', error => error.message);
  const kept: number = await client.stm({ isolation: Isolation.Serializable }).transact(async tx => {
    await tx.put('a').value('b');
    return 5;
  });
  const campaign = client.election('e').campaign('me');
  campaign.on('elected', () => undefined);
  await using lock = await client
    .lock('l')
    .ttl(5)
    .acquire({ wait: 10, signal: AbortSignal.timeout(5) });
  await using server = await Server.start({ inProcess: true });
  using inside = new Etcd3({ server });
  return [
    text,
    awaited,
    all,
    pair,
    kept,
    lock.fencingToken,
    inside.prefix,
    SortOrder.None,
    EtcdLockFailedError,
  ];
}
