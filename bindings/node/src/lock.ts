import { type NSApplicator, toBuffer } from './bytes';
import { start } from './calls';
import type { ConnectionPool } from './connection';
import { ClientClosedError, EtcdLockFailedError } from './errors';
import { type NativeLock, native } from './native';
import type { CallOptions } from './options';

/** Seconds that a lock outlives its holder's process, unless told otherwise. */
const DEFAULT_TTL = 30;

/** How to take a lock. */
export interface IAcquireOptions {
  /** How long to wait for the lock, in milliseconds; Infinity is for ever. By default it does not wait. */
  wait?: number;
  /** Ends the waiting. */
  signal?: AbortSignal;
}

/** What holding a lock means. */
interface Held {
  leaseId: string;
  fencingToken: string;
  key: Buffer;
}

/**
 * A lock across processes. It excludes every other etcd client: this package, microsoft/etcd3, the other languages of
 * etcdkit, Go's client and `etcdctl lock`. Its lease is renewed while it is held.
 */
export class Lock {
  private leaseTTL = DEFAULT_TTL;
  private callOptions?: CallOptions;
  private native?: NativeLock;
  private held?: Held;

  /** Made by `lock()`. @internal */
  constructor(
    private readonly pool: ConnectionPool,
    private readonly namespace: NSApplicator,
    private readonly key: string | Buffer,
  ) {}

  /** Seconds that the lock outlives its holder's process; 30 by default. Throws once the lock has been acquired. */
  ttl(seconds: number): this {
    if (this.native) {
      throw new Error('Cannot set a lock TTL after acquiring the lock');
    }
    if (!(seconds >= 1)) {
      throw new RangeError(`The TTL of a lock must be at least 1 second. Got: ${seconds}`);
    }
    this.leaseTTL = seconds;
    return this;
  }

  /** Sets the options of the calls; their signal ends the waiting. */
  options(options: CallOptions | undefined): this {
    this.callOptions = options;
    return this;
  }

  /** Takes the lock; rejects with {@link EtcdLockFailedError} when somebody else has it, or keeps it for `wait`. */
  async acquire(options: IAcquireOptions = {}): Promise<this> {
    const taken = new native.NativeLock(this.pool.native);
    this.native = taken;
    const config = {
      name: this.namespace.applyKey(toBuffer(this.key)),
      ttl: Math.ceil(this.leaseTTL),
      bridge: this.pool.options.lockLayout !== 'v3',
    };
    const wait = options.wait === Infinity ? undefined : (options.wait ?? 0);
    const signal = options.signal ?? this.callOptions?.signal;
    const held = await start<[string, string, Buffer] | undefined>(
      'Lock',
      tag => taken.acquire(tag, config, wait),
      signal,
    );
    if (held === undefined) {
      throw new EtcdLockFailedError(`Failed to acquire a lock on ${this.key}`);
    }
    const [leaseId, fencingToken, key] = held;
    this.held = { leaseId, fencingToken, key };
    return this;
  }

  /** The lease that holds the lock; null before the lock was acquired. */
  async leaseId(): Promise<string | null> {
    return this.held?.leaseId ?? null;
  }

  /**
   * Grows from holder to holder; null while the lock is not held. A resource that remembers the largest one it has
   * seen can turn away a former holder that does not know yet.
   */
  get fencingToken(): string | null {
    return this.held?.fencingToken ?? null;
  }

  /** The holder's own key, which exists as long as the lock is held; null while it is not. */
  get holderKey(): Buffer | null {
    return this.held?.key ?? null;
  }

  /** Asks the server whether the lock is still held. */
  async isHeld(): Promise<boolean> {
    const lock = this.native;
    return lock !== undefined && start<boolean>('Lock', tag => lock.isHeld(tag));
  }

  /**
   * Resolves when the lock is lost, to the reason: it was not released, but its lease ended or somebody deleted its
   * key. Never while it is held, and never after its release.
   */
  async lost(): Promise<string> {
    const { native: lock, held } = this;
    if (lock !== undefined && held !== undefined) {
      try {
        const reason = await start<string | undefined>('Lock', tag => lock.lost(tag));
        if (reason !== undefined && this.held === held) {
          return reason;
        }
      } catch (error) {
        if (!(error instanceof ClientClosedError)) {
          throw error;
        }
      }
    }
    return new Promise(() => undefined);
  }

  /** Gives the lock back. */
  async release(): Promise<void> {
    const lock = this.native;
    if (lock === undefined) {
      throw new Error('Attempted to release a lock which was not acquired');
    }
    this.held = undefined;
    await start('Lock', tag => lock.release(tag));
  }

  /** Takes the lock, runs the function, and gives the lock back, also when the function fails. */
  async do<T>(fn: () => T | PromiseLike<T>): Promise<T> {
    await this.acquire();
    try {
      return await fn();
    } finally {
      await this.release();
    }
  }

  /** Gives the lock back at the end of an `await using` block. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.held !== undefined) {
      await this.release();
    }
  }
}
