import { boundary, start } from './calls';
import { type NativeServer, native } from './native';

/** Options of an embedded server. */
export interface IServerOptions {
  /** Where it keeps its data; made when absent. Without one the data is in memory and ends with the server. */
  dataDir?: string;
  /** `host:port`; port 0, the default, takes a free one. */
  listen?: string;
  /** Name of the member; `default` by default. */
  name?: string;
  /** `redb` by default, or `sled`. */
  storageEngine?: 'redb' | 'sled';
}

const DEFAULT_LISTEN = '127.0.0.1:0';

/** Running servers: each keeps the process alive. */
const running = new Map<Server, NodeJS.Timeout>();
/** Longest pause that a timer of Node can have. */
const LONGEST_PAUSE_MS = 2 ** 31 - 1;

/**
 * An etcd server inside the process: for tests, for tools, and for one node without anything to install. Every etcd
 * client can use it. Like a server of node:http it keeps the process alive until it is stopped or `unref()` is called.
 */
export class Server {
  private native?: NativeServer;
  private address = '';

  private constructor(private readonly options: IServerOptions) {}

  /** Starts a server; resolves when it serves. */
  static async start(options: IServerOptions = {}): Promise<Server> {
    const server = new Server(options);
    await server.start();
    return server;
  }

  /** The address of the server, such as `http://127.0.0.1:34567`; for `hosts` of a client. */
  get endpoint(): string {
    return this.address;
  }

  /** Starts the server again after `stop()`, on the same address. Does nothing while it runs. */
  async start(): Promise<void> {
    if (this.native !== undefined) {
      return;
    }
    const made = new native.NativeServer(boundary);
    const { dataDir, name = 'default', storageEngine } = this.options;
    const listen = this.address === '' ? (this.options.listen ?? DEFAULT_LISTEN) : this.address;
    this.native = made;
    try {
      this.address = await start<string>('Server', tag => made.start(tag, { dataDir, listen, name, storageEngine }));
    } catch (error) {
      this.native = undefined;
      throw error;
    }
    running.set(
      this,
      setInterval(() => undefined, LONGEST_PAUSE_MS),
    );
  }

  /** Stops the server; resolves when what it accepted is safe and its port is free. Stopping again does nothing. */
  async stop(): Promise<void> {
    const stopping = this.native;
    this.native = undefined;
    clearInterval(running.get(this));
    running.delete(this);
    if (stopping !== undefined) {
      await start('Server', tag => stopping.stop(tag));
    }
  }

  /** Lets the process end while the server runs. */
  unref(): this {
    running.get(this)?.unref();
    return this;
  }

  /** Keeps the process alive while the server runs. */
  ref(): this {
    running.get(this)?.ref();
    return this;
  }

  /** Stops the server at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
