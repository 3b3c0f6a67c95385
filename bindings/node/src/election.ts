import { EventEmitter } from 'node:events';
import { toBuffer } from './bytes';
import { start } from './calls';
import type { ConnectionPool } from './connection';
import { ClientClosedError, EtcdkitError, EtcdLeaseInvalidError, NotCampaigningError } from './errors';
import type { Namespace } from './namespace';
import { type NativeCampaign, type NativeObserver, native } from './native';
import type { IKeyValue, ILeaderResponse } from './rpc';
import { emitSafely } from './streams';

/** Seconds that a leadership outlives its process, unless told otherwise. */
const DEFAULT_TTL = 60;
/** What the core says to a candidate that does not stand in line any more. */
const NOT_LEADER = 'not leader';

/** An election: of all candidates that enter, one leads at a time; when it goes, the next in line follows. */
export class Election {
  /** Elections are the keys under `election/`, so that candidates of other clients stand in the same line. */
  static readonly prefix = 'election';
  private readonly prefix: Buffer;

  constructor(
    private readonly parent: Namespace,
    /** The name of the election. */
    readonly name: string,
    private readonly ttl: number = DEFAULT_TTL,
  ) {
    this.prefix = Buffer.concat([parent.prefix, toBuffer(`${Election.prefix}/${name}`)]);
  }

  /** Enters the election with a value for all to see. */
  campaign(value: string | Buffer): Campaign {
    return new Campaign(this.parent.connection, this.prefix, toBuffer(value), this.ttl);
  }

  /** The leader's value; undefined when nobody leads. */
  async leader(encoding?: BufferEncoding): Promise<string | undefined>;
  async leader(encoding: 'buffer'): Promise<Buffer | undefined>;
  async leader(encoding: BufferEncoding | 'buffer' = 'utf-8'): Promise<string | Buffer | undefined> {
    const observer = new native.NativeObserver(this.parent.connection.native, this.prefix);
    const response = await start<ILeaderResponse | undefined>('Election', tag => observer.leader(tag));
    return leaderValue(response?.kv, encoding);
  }

  /** Follows the leadership; resolves when the present leader is known. */
  async observe(): Promise<ElectionObserver> {
    const observer = new ElectionObserver(this.parent.connection, this.prefix);
    await observer.known();
    return observer;
  }
}

function leaderValue(
  kv: IKeyValue | null | undefined,
  encoding: BufferEncoding | 'buffer',
): string | Buffer | undefined {
  if (kv === null || kv === undefined) {
    return undefined;
  }
  return encoding === 'buffer' ? kv.value : kv.value.toString(encoding);
}

/**
 * One candidate. It enters when it is made, and stays until it resigns or is lost; its lease is renewed by the core.
 */
export class Campaign extends EventEmitter {
  private readonly native: NativeCampaign;
  private readonly entered: Promise<string>;
  private readonly won: Promise<void>;
  private value: Buffer;
  private resigned = false;
  private leading = false;
  private token?: string;

  /** Made by `campaign()`. @internal */
  constructor(pool: ConnectionPool, name: Buffer, value: Buffer, ttl: number) {
    super();
    this.value = value;
    this.native = new native.NativeCampaign(pool.native);
    this.entered = this.enter(name, value, ttl);
    this.won = this.entered.then(() => this.lead());
    this.won.catch(error => this.fail(error));
  }

  /** The candidate leads. */
  override on(event: 'elected', handler: () => void): this;
  /** The candidate could not enter, or its lease was lost. */
  override on(event: 'error', handler: (error: Error) => void): this;
  override on(event: string, handler: (...args: never[]) => void): this {
    return super.on(event, handler as (...args: unknown[]) => void);
  }

  /** Resolves when the candidate leads. */
  async wait(): Promise<this> {
    await this.won;
    return this;
  }

  /** Changes the candidate's value. Rejects with {@link NotCampaigningError} when the campaign is over. */
  async proclaim(value: string | Buffer): Promise<void> {
    if (this.resigned) {
      throw new NotCampaigningError('the campaign was resigned');
    }
    const data = toBuffer(value);
    if (data.equals(this.value)) {
      return;
    }
    await this.entered;
    try {
      await start('Election', tag => this.native.proclaim(tag, data));
      this.value = data;
    } catch (error) {
      if (error instanceof EtcdkitError && error.details?.includes(NOT_LEADER)) {
        throw new NotCampaigningError('the campaign is over: its key is gone');
      }
      throw error;
    }
  }

  /** The key of the candidate. */
  getCampaignKey(): Promise<string> {
    return this.entered;
  }

  /** Grows from leader to leader; null until the candidate has entered. */
  get fencingToken(): string | null {
    return this.token ?? null;
  }

  /** Leaves the election, leading or waiting. */
  async resign(): Promise<void> {
    if (!this.resigned) {
      this.resigned = true;
      await start('Election', tag => this.native.resign(tag));
    }
  }

  /** Leaves the election at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.resign();
  }

  private async enter(name: Buffer, value: Buffer, ttl: number): Promise<string> {
    await start('Election', tag => this.native.open(tag, Math.ceil(ttl)));
    const [key, token] = await start<[Buffer, string]>('Election', tag =>
      this.native.enter(tag, name, value),
    );
    this.token = token;
    return key.toString();
  }

  private async lead(): Promise<void> {
    await start('Election', tag => this.native.lead(tag));
    this.leading = true;
    emitSafely(this, 'elected');
    this.watchLease();
  }

  private watchLease(): void {
    start<string | undefined>('Election', tag => this.native.lost(tag)).then(
      reason => {
        if (reason !== undefined && !this.resigned) {
          this.leading = false;
          const error = new EtcdLeaseInvalidError('of the campaign');
          error.message += `: ${reason}`;
          emitSafely(this, 'error', error);
        }
      },
      () => undefined,
    );
  }

  private fail(error: Error): void {
    if (this.resigned || error instanceof ClientClosedError) {
      return;
    }
    this.resign().catch(() => undefined);
    emitSafely(this, 'error', error);
  }

  /** Whether the candidate leads, as far as it knows. */
  get isLeader(): boolean {
    return this.leading && !this.resigned;
  }
}

/** Follows the leadership of an election. */
export class ElectionObserver extends EventEmitter {
  private readonly native: NativeObserver;
  private readonly first: Promise<void>;
  private readonly finished: Promise<void>;
  private running = true;
  private current?: IKeyValue;

  /** Made by `observe()`. @internal */
  constructor(pool: ConnectionPool, name: Buffer) {
    super();
    this.native = new native.NativeObserver(pool.native, name);
    this.first = this.step();
    this.finished = this.first.then(() => this.follow()).catch(error => this.fail(error));
    this.first.catch(() => undefined);
  }

  /** Somebody else leads, or the leader changed its value; undefined when nobody leads. */
  override on(event: 'change', handler: (value: string | undefined) => void): this;
  /** The observation has ended. */
  override on(event: 'disconnected' | 'error', handler: (error: Error) => void): this;
  override on(event: string, handler: (...args: never[]) => void): this {
    return super.on(event, handler as (...args: unknown[]) => void);
  }

  /** Whether somebody leads. */
  get hasLeader(): boolean {
    return this.current !== undefined;
  }

  /** The leader's value; undefined when nobody leads. */
  leader(encoding?: BufferEncoding): string | undefined;
  leader(encoding: 'buffer'): Buffer | undefined;
  leader(encoding: BufferEncoding | 'buffer' = 'utf-8'): string | Buffer | undefined {
    return leaderValue(this.current, encoding);
  }

  /** The leader's key with its value; undefined when nobody leads. */
  get leaderPair(): IKeyValue | undefined {
    return this.current;
  }

  /** Ends the observation. */
  async cancel(): Promise<void> {
    this.running = false;
    this.native.close();
    await this.finished;
  }

  /** Ends the observation at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.cancel();
  }

  /** Resolves when the present leader, or that there is none, is known. @internal */
  known(): Promise<void> {
    return this.first;
  }

  private async follow(): Promise<void> {
    while (this.running) {
      await this.step();
    }
  }

  private async step(): Promise<void> {
    const response = await start<ILeaderResponse | undefined>('Election', tag => this.native.next(tag));
    if (response === undefined) {
      this.running = false;
      return;
    }
    const previous = this.current;
    this.current = response.kv ?? undefined;
    const same =
      previous === undefined || this.current === undefined
        ? previous === this.current
        : previous.value.equals(this.current.value);
    if (!same) {
      emitSafely(this, 'change', this.current?.value.toString());
    }
  }

  private fail(error: Error): void {
    if (this.running) {
      this.running = false;
      emitSafely(this, 'disconnected', error);
      emitSafely(this, 'error', error);
    }
  }
}
