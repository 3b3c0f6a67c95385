import {
  ComparatorBuilder,
  type comparator,
  DeleteBuilder,
  MultiRangeBuilder,
  PutBuilder,
  SingleRangeBuilder,
} from './builder';
import { NSApplicator, toBuffer } from './bytes';
import type { ConnectionPool } from './connection';
import { Election } from './election';
import { type ILeaseOptions, Lease } from './lease';
import { Lock } from './lock';
import { type Rangable, Range } from './range';
import { type CompareTarget, KVClient, LeaseClient, WatchClient } from './rpc';
import { type ISTMOptions, Isolation, SoftwareTransaction } from './stm';
import { WatchBuilder } from './watch';

/** Part of the keys: all that start with a prefix, which is put before keys and taken off again. */
export class Namespace {
  /** The key-value service, as it is on the wire: without the prefix. */
  readonly kv: KVClient;
  /** The lease service, as it is on the wire. */
  readonly leaseClient: LeaseClient;
  /** The watch service, as it is on the wire: without the prefix. */
  readonly watchClient: WatchClient;
  private readonly applicator: NSApplicator;

  /** @internal */
  protected constructor(
    /** The prefix of the namespace. */
    readonly prefix: Buffer,
    /** @internal */
    readonly connection: ConnectionPool,
  ) {
    this.kv = new KVClient(connection);
    this.leaseClient = new LeaseClient(connection);
    this.watchClient = new WatchClient(connection);
    this.applicator = new NSApplicator(prefix);
  }

  /** Reads one key. */
  get(key: string | Buffer): SingleRangeBuilder {
    return new SingleRangeBuilder(this.kv, this.applicator, key);
  }

  /** Reads many keys. */
  getAll(): MultiRangeBuilder {
    return new MultiRangeBuilder(this.kv, this.applicator);
  }

  /** Writes a key. */
  put(key: string | Buffer): PutBuilder {
    return new PutBuilder(this.kv, this.applicator, key);
  }

  /** Deletes keys. */
  delete(): DeleteBuilder {
    return new DeleteBuilder(this.kv, this.applicator);
  }

  /** Grants a lease of `ttl` seconds, and renews it. */
  lease(ttl: number, options?: ILeaseOptions): Lease {
    return new Lease(this.connection, this.applicator, ttl, options);
  }

  /** A lock with this name. */
  lock(key: string | Buffer): Lock {
    return new Lock(this.connection, this.applicator, key);
  }

  /** Functions whose reads and writes happen as one. */
  stm(options?: Partial<ISTMOptions>): SoftwareTransaction {
    const defaults = { isolation: Isolation.SerializableSnapshot, prefetch: [], retries: 3 };
    return new SoftwareTransaction({ ...defaults, ...options }, this.applicator, this.kv);
  }

  /** Begins a transaction with a comparison. */
  if(
    key: string | Buffer,
    column: keyof typeof CompareTarget,
    cmp: keyof typeof comparator,
    value: string | Buffer | number,
  ): ComparatorBuilder {
    return new ComparatorBuilder(this.kv, this.applicator).and(key, column, cmp, value);
  }

  /** Watches keys. */
  watch(): WatchBuilder {
    return new WatchBuilder(this.connection, this.applicator);
  }

  /** Whatever names a range, as a range. */
  range(r: Rangable): Range {
    return Range.from(r);
  }

  /** A namespace inside this one. */
  namespace(prefix: string | Buffer): Namespace {
    return new Namespace(Buffer.concat([this.prefix, toBuffer(prefix)]), this.connection);
  }

  /** An election with this name; candidates are given `ttl` seconds, 60 by default. */
  election(name: string, ttl?: number): Election {
    return new Election(this, name, ttl);
  }
}
