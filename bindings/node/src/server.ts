import { boundary, start } from './calls';
import { type NativeClient, type NativeClientConfig, type NativeServer, native } from './native';

/** Options of an embedded server. */
export interface IServerOptions {
  /** Where it keeps its data; made when absent. Without one the data is in memory and ends with the server. */
  dataDir?: string;
  /** `host:port`; port 0, the default, takes a free one. */
  listen?: string;
  /** Opens no port at all: clients are made with `new Etcd3({ server })`. */
  inProcess?: boolean;
  /** Name of the member; `default` by default. */
  name?: string;
  /** `redb` by default, or `sled`. */
  storageEngine?: 'redb' | 'sled';
  /**
   * Flags of the command line for other settings, such as `--quota-backend-bytes=1000000`. One that means nothing to a
   * server inside a program is a TypeError that names those which do.
   */
  flags?: string[];
}

const DEFAULT_LISTEN = '127.0.0.1:0';

/** Running servers: each keeps the process alive. */
const alive = new Map<Server, NodeJS.Timeout>();
/** Longest pause that a timer of Node can have. */
const LONGEST_PAUSE_MS = 2 ** 31 - 1;

/**
 * An etcd server inside the process: for tests, for tools, and for one node without anything to install. Every etcd
 * client can use it. Like a server of node:http it keeps the process alive until it is stopped or `unref()` is called.
 */
export class Server {
  private readonly native: NativeServer = new native.NativeServer(boundary);
  private running = false;
  private address = '';

  private constructor(private readonly options: IServerOptions) {}

  /** Starts a server; resolves when it serves. */
  static async start(options: IServerOptions = {}): Promise<Server> {
    const server = new Server(options);
    await server.start();
    return server;
  }

  /** The address of the server, such as `http://127.0.0.1:34567`, for `hosts` of a client; empty without a port. */
  get endpoint(): string {
    return this.address;
  }

  /** Starts the server again after `stop()`, on the same address. Does nothing while it runs. */
  async start(): Promise<void> {
    if (this.running) {
      return;
    }
    const { dataDir, inProcess, name = 'default', storageEngine, flags = [] } = this.options;
    const first = inProcess ? undefined : (this.options.listen ?? DEFAULT_LISTEN);
    const listen = this.address === '' ? first : this.address;
    this.running = true;
    try {
      const config = { dataDir, listen, name, storageEngine, flags };
      this.address = await start<string>('Server', tag => this.native.start(tag, config));
    } catch (error) {
      this.running = false;
      throw error;
    }
    alive.set(
      this,
      setInterval(() => undefined, LONGEST_PAUSE_MS),
    );
  }

  /** Stops the server; resolves when what it accepted is safe and its port is free. Stopping again does nothing. */
  async stop(): Promise<void> {
    clearInterval(alive.get(this));
    alive.delete(this);
    this.running = false;
    await start('Server', tag => this.native.stop(tag));
  }

  /** Lets the process end while the server runs. */
  unref(): this {
    alive.get(this)?.unref();
    return this;
  }

  /** Keeps the process alive while the server runs. */
  ref(): this {
    alive.get(this)?.ref();
    return this;
  }

  /** A client that needs no port. @internal */
  connect(config: NativeClientConfig): NativeClient {
    return this.native.client(boundary, config);
  }

  /** Stops the server at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
