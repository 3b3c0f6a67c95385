// One embedded server for each test file, and clients that end with their test.

import { after, before } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Etcd3, Server } from 'etcdkit';

/** Longest wait for anything a test expects to happen. */
export const PATIENCE_MS = 20_000;

/** Starts a server before the tests of a file; the function makes clients of it. */
export function cluster() {
  let server;
  const clients = [];
  before(async () => {
    server = await Server.start();
  });
  after(async () => {
    for (const client of clients) {
      client.close();
    }
    await server.stop();
  });
  const connect = options => {
    const client = new Etcd3({ hosts: server.endpoint, ...options });
    clients.push(client);
    return client;
  };
  connect.server = () => server;
  return connect;
}

/** Waits until something holds. */
export async function until(condition, what = 'what the test waits for') {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) {
      throw new Error(`${what} did not happen`);
    }
    await sleep(5);
  }
}

/** The first `count` changes of a watcher. */
export async function take(watcher, count) {
  const events = [];
  for await (const event of watcher) {
    if (events.push(event) === count) {
      break;
    }
  }
  return events;
}

/** A promise with its functions. */
export function deferred() {
  let settle;
  const promise = new Promise((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { promise, ...settle };
}
