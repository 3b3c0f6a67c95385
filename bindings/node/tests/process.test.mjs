// How threads and processes end, with calls and watches in flight (T-FFI-5), and what opening and closing leaves behind
// (T-FFI-3). ETCDKIT_TEST_FULL=1 runs the full numbers.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { Etcd3 } from 'etcdkit';
import { cluster, PATIENCE_MS } from './support.mjs';

const FULL = process.env.ETCDKIT_TEST_FULL === '1';
const WORKERS = FULL ? 200 : 24;
const PROCESSES = FULL ? 100 : 8;
const CLIENTS = FULL ? 100_000 : 4000;
const WATCHES = FULL ? 10_000 : 1000;
/** What memory may grow by after the warm-up. */
const GROWTH_BYTES = (FULL ? 5 : 24) << 20;

const connect = cluster();
const library = new URL('../lib/index.js', import.meta.url).pathname;
const isBun = process.versions.bun !== undefined;

/** Runs a program in a process of its own; answers its exit code, signal and output. */
async function run(program) {
  const environment = { ...process.env, ENDPOINT: connect.server().endpoint, LIBRARY: library };
  const options = { env: environment, timeout: PATIENCE_MS };
  try {
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', program], options);
    return { code: 0, signal: null, stdout };
  } catch (error) {
    return { code: error.code, signal: error.signal, stdout: error.stdout, stderr: error.stderr };
  }
}

const PRELUDE = `
  const { Etcd3, Server } = require(process.env.LIBRARY);
  const client = new Etcd3({ hosts: process.env.ENDPOINT });
`;

test('a process with an idle client ends by itself', async () => {
  const { code, signal, stdout } = await run(`${PRELUDE} client.get('a').then(() => console.log('read'));`);
  assert.deepEqual({ code, signal, stdout }, { code: 0, signal: null, stdout: 'read\n' });
});

test('a process waits for calls in flight and for open watches', async () => {
  const program = `${PRELUDE}
    client.watch().key('process').create().then(watcher => {
      watcher.on('put', () => { console.log('seen'); watcher.cancel(); });
      client.put('process').value('v').then(() => undefined);
    });`;
  assert.equal((await run(program)).stdout, 'seen\n');
});

test('process.exit in a callback ends with its code, with everything in flight', {
  timeout: FULL ? 600_000 : 120_000,
}, async () => {
  const program = `${PRELUDE}
    (async () => {
      for (let index = 0; index < 20; index += 1) client.watch().prefix('').watcher().on('put', () => undefined);
      for (let index = 0; index < 50; index += 1) client.put('exit/' + index).value('v').catch(() => undefined);
      client.lease(5);
      await Server.start();
      const watcher = await client.watch().prefix('exit/').create();
      watcher.on('put', () => process.exit(7));
      await client.put('exit/last').value('v');
    })();`;
  for (let round = 0; round < PROCESSES; round += 1) {
    const { code, signal, stderr } = await run(program);
    assert.deepEqual({ code, signal }, { code: 7, signal: null }, stderr);
  }
});

test('what a listener throws is an uncaught exception, and later changes still arrive', async () => {
  const program = `${PRELUDE}
    process.on('uncaughtException', error => console.log(error.message));
    (async () => {
      const watcher = await client.watch().prefix('thrown/').create();
      watcher.on('put', kv => {
        if (kv.value.toString() === 'bad') throw new Error('thrown');
        console.log('good');
        watcher.cancel();
      });
      await client.put('thrown/a').value('bad');
      await client.put('thrown/b').value('good');
    })();`;
  const { stdout } = await run(program);
  assert.deepEqual(stdout.trim().split('\n').sort(), ['good', 'thrown']);
});

test('workers end, or are ended, with calls and watches in flight', {
  timeout: FULL ? 600_000 : 120_000,
}, async () => {
  const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    const { Etcd3, Server } = require(workerData.library);
    const client = new Etcd3({ hosts: workerData.endpoint });
    (async () => {
      const watcher = await client.watch().prefix('worker/').create();
      watcher.on('put', () => undefined);
      client.lease(5);
      for (let index = 0; index < 100; index += 1) client.put('worker/' + index).value('v').catch(() => undefined);
      await client.put('worker/ready').value('v');
      parentPort.postMessage('ready');
      if (workerData.leaves) process.exit(3);
    })();`;
  for (let started = 0; started < WORKERS; started += 8) {
    await Promise.all(
      Array.from({ length: 8 }, async (_, index) => {
        const workerData = { library, endpoint: connect.server().endpoint, leaves: index % 2 === 0 };
        const worker = new Worker(code, { eval: true, workerData });
        const exited = new Promise(resolve => worker.once('exit', resolve));
        await new Promise((resolve, reject) => {
          worker.once('message', resolve);
          worker.once('error', reject);
        });
        if (!workerData.leaves) {
          await worker.terminate();
        }
        await exited;
      }),
    );
  }
  assert.equal(await connect().get('worker/ready'), 'v');
});

/** Threads, open files and resident memory of this process; Linux alone tells them. */
function resources() {
  const memory = /VmRSS:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'));
  return {
    threads: readdirSync('/proc/self/task').length,
    files: readdirSync('/proc/self/fd').length,
    bytes: Number(memory[1]) * 1024,
  };
}

async function settled() {
  for (let round = 0; round < 5; round += 1) {
    globalThis.gc?.();
    globalThis.Bun?.gc(true);
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}

test('opening and closing clients and watches leaves nothing behind', {
  skip: process.platform !== 'linux',
  timeout: FULL ? 3_600_000 : 600_000,
}, async () => {
  const clients = async count => {
    for (let index = 0; index < count; index += 1) {
      const client = new Etcd3({ hosts: connect.server().endpoint });
      if (index % 10 === 0) {
        await client.get('a');
      }
      client.close();
    }
  };
  const client = connect();
  const watches = async count => {
    for (let index = 0; index < count; index += 1) {
      const watcher = await client.watch().key('a').create();
      watcher.on('put', () => undefined);
      await watcher.cancel();
    }
  };
  await clients(CLIENTS / 4);
  await watches(WATCHES / 4);
  await settled();
  const before = resources();
  await clients(CLIENTS);
  await watches(WATCHES);
  await settled();
  const after = resources();
  assert.ok(after.threads <= before.threads + 2, `threads ${before.threads} -> ${after.threads}`);
  assert.ok(after.files <= before.files + 4, `files ${before.files} -> ${after.files}`);
  const grown = after.bytes - before.bytes;
  // Bun's collector gives pages back late.
  assert.ok(grown <= GROWTH_BYTES * (isBun ? 4 : 1), `memory grew by ${grown >> 10} KiB`);
});

test('require and import give the same classes', async () => {
  const required = createRequire(import.meta.url)('etcdkit');
  assert.equal(required.Etcd3, Etcd3);
  assert.deepEqual(
    Object.keys(required).sort(),
    Object.keys(await import('etcdkit'))
      .filter(name => name !== 'default')
      .sort(),
  );
});
