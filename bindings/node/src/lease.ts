import { EventEmitter } from 'node:events';
import { PutBuilder } from './builder';
import type { NSApplicator } from './bytes';
import { start } from './calls';
import type { ConnectionPool } from './connection';
import { EtcdLeaseInvalidError } from './errors';
import { type NativeKeepAlive, native } from './native';
import { type CallOptions, timeLeft } from './options';
import { type ILeaseKeepAliveResponse, KVClient, LeaseClient } from './rpc';
import { emitSafely } from './streams';

/** Whether a lease has been granted, lives, or is over. */
export enum LeaseState {
  Pending = 0,
  Alive = 1,
  Revoked = 2,
}

/** Options of a lease, and of the calls it makes. */
export interface ILeaseOptions extends CallOptions {
  /** Whether the core renews the lease until it is revoked, released or lost; true by default. */
  autoKeepAlive?: boolean;
}

/** What happened to a renewal. @internal */
type Renewal = ['fired'] | ['succeeded', ILeaseKeepAliveResponse] | ['failed', string] | ['lost', string];

/**
 * Something that lives for a number of seconds unless it is renewed; keys attached to it end with it.
 *
 * It is granted when it is made, and renewed by the core three times within its TTL. While it is renewed it keeps the
 * process alive.
 */
export class Lease extends EventEmitter {
  private innerState = LeaseState.Pending;
  private readonly leaseID: Promise<string | Error>;
  private readonly client: LeaseClient;
  private readonly defaultOptions: CallOptions;
  private keepAlive?: NativeKeepAlive;

  /** Whether the lease has been granted, lives, or is over. */
  get state(): LeaseState {
    return this.innerState;
  }

  /** Made by `lease()`. @internal */
  constructor(
    private readonly pool: ConnectionPool,
    private readonly namespace: NSApplicator,
    private readonly ttl: number,
    options: ILeaseOptions = {},
  ) {
    super();
    if (!ttl || ttl < 1) {
      throw new RangeError(`The TTL in an etcd lease must be at least 1 second. Got: ${ttl}`);
    }
    const { autoKeepAlive, deadline: _, ...rest } = options;
    this.defaultOptions = rest;
    this.client = new LeaseClient(pool);
    this.leaseID = this.begin(autoKeepAlive !== false, options);
  }

  /** Resolves to the id once the lease is granted. */
  async grant(): Promise<string> {
    const id = await this.leaseID;
    if (id instanceof Error) {
      throw id;
    }
    return id;
  }

  /** Ends the lease now, and with it its keys. No error when it is over already. */
  async revoke(options: CallOptions | undefined = this.defaultOptions): Promise<void> {
    this.close();
    const id = await this.leaseID;
    if (id instanceof Error) {
      return;
    }
    try {
      await this.client.leaseRevoke({ ID: id }, options);
    } catch (error) {
      if (!(error instanceof EtcdLeaseInvalidError)) {
        throw error;
      }
    }
  }

  /** Stops renewing: the lease ends when its time is over. */
  release(): void {
    this.close();
  }

  /** Writes a key that ends with the lease. */
  put(key: string | Buffer): PutBuilder {
    return new LeasedPutBuilder(new KVClient(this.pool), this.namespace, key, error =>
      this.lose(error),
    ).lease(this.grant());
  }

  /** Renews the lease once. */
  async keepaliveOnce(
    options: CallOptions | undefined = this.defaultOptions,
  ): Promise<ILeaseKeepAliveResponse> {
    const id = await this.grant();
    const response = await start<ILeaseKeepAliveResponse>(
      'Lease',
      tag => this.pool.native.keepAliveOnce(tag, BigInt(id), timeLeft(options)),
      options?.signal,
    );
    if (response.TTL === '0') {
      const error = new EtcdLeaseInvalidError(id);
      this.lose(error);
      throw error;
    }
    return response;
  }

  /** Whether the lease is over, or left to itself. */
  revoked(): boolean {
    return this.innerState === LeaseState.Revoked;
  }

  /** The lease is lost: it expired, or was revoked by somebody else. Emitted once. */
  override on(event: 'lost', handler: (error: Error) => void): this;
  /** A renewal succeeded. */
  override on(event: 'keepaliveSucceeded', handler: (response: ILeaseKeepAliveResponse) => void): this;
  /** A renewal failed; the next one may succeed. */
  override on(event: 'keepaliveFailed', handler: (error: Error) => void): this;
  /** A renewal was sent; or the renewing began. */
  override on(event: 'keepaliveFired' | 'keepaliveEstablished', handler: () => void): this;
  // biome-ignore lint/suspicious/noExplicitAny: what EventEmitter itself takes.
  override on(event: string, handler: (...args: any[]) => void): this {
    return super.on(event, handler);
  }

  /** Revokes the lease at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.revoke();
  }

  private async begin(renew: boolean, options: ILeaseOptions): Promise<string | Error> {
    try {
      const { ID, TTL } = await this.client.leaseGrant({ TTL: this.ttl }, options);
      if (this.innerState === LeaseState.Pending) {
        this.innerState = LeaseState.Alive;
        if (renew) {
          this.renew(ID, Number(TTL));
        }
      }
      return ID;
    } catch (error) {
      // Returned and not thrown: nobody may be waiting for grant().
      this.lose(error as Error);
      return error as Error;
    }
  }

  private renew(id: string, ttl: number): void {
    const keepAlive = new native.NativeKeepAlive(this.pool.native);
    this.keepAlive = keepAlive;
    start('Lease', tag => keepAlive.start(tag, BigInt(id), ttl))
      .then(() => {
        if (this.innerState === LeaseState.Alive) {
          emitSafely(this, 'keepaliveEstablished');
        }
        return this.follow(keepAlive, id);
      })
      // Closing the client ends the renewing, and with it nothing is lost yet.
      .catch(() => this.close());
  }

  private async follow(keepAlive: NativeKeepAlive, id: string): Promise<void> {
    while (this.innerState === LeaseState.Alive) {
      const renewal = await start<Renewal | undefined>('Lease', tag => keepAlive.next(tag));
      if (renewal === undefined || this.innerState !== LeaseState.Alive) {
        return;
      }
      switch (renewal[0]) {
        case 'fired':
          emitSafely(this, 'keepaliveFired');
          break;
        case 'succeeded':
          emitSafely(this, 'keepaliveSucceeded', renewal[1]);
          break;
        case 'failed':
          emitSafely(this, 'keepaliveFailed', new Error(renewal[1]));
          break;
        case 'lost': {
          const error = new EtcdLeaseInvalidError(id);
          error.message += `: ${renewal[1]}`;
          emitSafely(this, 'keepaliveFailed', error);
          this.lose(error);
        }
      }
    }
  }

  private close(): void {
    this.innerState = LeaseState.Revoked;
    this.keepAlive?.stop();
  }

  private lose(error: Error): void {
    this.close();
    emitSafely(this, 'lost', error);
  }
}

/** A write that tells when it finds that its lease is over. */
class LeasedPutBuilder extends PutBuilder {
  constructor(
    kv: KVClient,
    namespace: NSApplicator,
    key: string | Buffer,
    private readonly lost: (error: Error) => void,
  ) {
    super(kv, namespace, key);
  }

  override async exec() {
    try {
      return await super.exec();
    } catch (error) {
      if (error instanceof EtcdLeaseInvalidError) {
        this.lost(error);
      }
      throw error;
    }
  }
}
