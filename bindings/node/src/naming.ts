import { start } from './calls';
import type { ConnectionPool } from './connection';
import { type NativeNaming, native } from './native';

/** Seconds that a registration outlives its process, unless told otherwise. */
const DEFAULT_TTL = 60;

/** An instance of a service. */
export interface IEndpoint {
  /** The key it is registered under. */
  key: string;
  /** Address, as clients dial it. */
  address: string;
  /** Whatever the service wants its clients to know. */
  metadata: unknown;
}

/**
 * The instances of one service, in the layout of grpc-go's etcd resolver, so that programs in every language find each
 * other. The service's name is not prefixed by a namespace.
 */
export class Naming {
  /** Made by `naming()`. @internal */
  constructor(
    private readonly pool: ConnectionPool,
    /** The name of the service; its instances are the keys under it. */
    readonly service: string,
  ) {}

  /**
   * Registers an instance. Its lease is renewed, and it registers again by itself when it was cut off for too long,
   * until it is taken off the list or the process ends.
   */
  async register(address: string, options: { ttl?: number; metadata?: unknown } = {}): Promise<Registration> {
    const naming = new native.NativeNaming(this.pool.native, this.service);
    const metadata = JSON.stringify(options.metadata ?? null);
    const ttl = Math.ceil(options.ttl ?? DEFAULT_TTL);
    const key = await start<string>('Naming', tag => naming.register(tag, address, metadata, ttl));
    return new Registration(naming, key);
  }

  /** The instances. */
  async list(): Promise<IEndpoint[]> {
    const naming = new native.NativeNaming(this.pool.native, this.service);
    const rows = await start<[string, string, string][]>('Naming', tag => naming.list(tag));
    return rows.map(([key, address, metadata]) => ({ key, address, metadata: JSON.parse(metadata) }));
  }
}

/** A registered instance. */
export class Registration {
  /** Made by `register()`. @internal */
  constructor(
    private readonly naming: NativeNaming,
    /** The key it is registered under. */
    readonly key: string,
  ) {}

  /** Takes the instance off the list now. */
  async unregister(): Promise<void> {
    await start('Naming', tag => this.naming.unregister(tag));
  }

  /** Takes the instance off the list at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.unregister();
  }
}
