import { Etcd3 } from 'etcd3';

const client = new Etcd3({ hosts: `http://${process.argv[2]}` });

await client.put('greeting').value('hello');
console.log(`get greeting = ${await client.get('greeting').string()}`);

for (const name of 'abc') await client.put(`app/${name}`).value(name.toUpperCase());
const found = await client.getAll().prefix('app/').sort('Key', 'Ascend').strings();
console.log('prefix', ...Object.entries(found).map(([key, value]) => `${key}=${value}`));

const { succeeded } = await client
  .if('greeting', 'Value', '==', 'hello')
  .then(client.put('greeting').value('bye'))
  .else(client.delete().key('greeting'))
  .commit();
console.log('transaction', succeeded ? 'succeeded' : 'failed');
const { deleted } = await client.delete().prefix('app/').exec();
console.log('deleted', Number(deleted));

const lease = client.lease(60);
await lease.put('session').value('here');
console.log('session', await client.get('session').string());
await lease.revoke();
console.log('session', (await client.get('session')) ?? 'gone');

const watcher = await client.watch().key('watched').create();
const seen = new Promise((resolve) => {
  watcher.on('put', (kv) => console.log(`event put ${kv.key.toString()}=${kv.value.toString()}`));
  watcher.on('delete', (kv) => resolve(console.log(`event delete ${kv.key.toString()}`)));
});
await client.put('watched').value('1');
await client.delete().key('watched');
await seen;
await watcher.cancel();

await client.lock('job').ttl(10).do(async () => console.log('locked'));
client.close();
