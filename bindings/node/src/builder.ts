/**
 * Requests built step by step. A builder is a promise that starts when it is awaited.
 */

import { type NSApplicator, toBuffer, zeroKey } from './bytes';
import type { CallOptions } from './options';
import { type Rangable, Range } from './range';
import {
  CompareResult,
  CompareTarget,
  type ICompare,
  type IDeleteRangeRequest,
  type IDeleteRangeResponse,
  type IKeyValue,
  type IPutRequest,
  type IPutResponse,
  type IRangeRequest,
  type IRangeResponse,
  type IRequestOp,
  type IResponseHeader,
  type ITxnResponse,
  type KVClient,
  SortOrder,
  SortTarget,
} from './rpc';

/** How values are compared, by the operator that users write. */
export const comparator = {
  '==': CompareResult.Equal,
  '===': CompareResult.Equal,
  '>': CompareResult.Greater,
  '<': CompareResult.Less,
  '!=': CompareResult.NotEqual,
  '!==': CompareResult.NotEqual,
};

/** What of a key can be compared, and the field of the request that carries the operand. */
export interface ICompareTarget {
  Value: string | Buffer | number;
  Version: string | number;
  Create: string | number;
  Mod: string | number;
  Lease: string | number;
}

/** The field of the request that carries each operand. */
export const compareTarget: { [key in keyof ICompareTarget]: keyof ICompare } = {
  Value: 'value',
  Version: 'version',
  Create: 'create_revision',
  Mod: 'mod_revision',
  Lease: 'lease',
};

/** Something that can be part of a transaction. */
export interface IOperation {
  /** The operation as the wire has it. */
  op(): Promise<IRequestOp>;
}

function assertWithin(known: object, name: string, what: string): void {
  if (!Object.hasOwn(known, name)) {
    const choices = Object.keys(known)
      .map(choice => `"${choice}"`)
      .join(', ');
    throw new Error(`Unexpected "${name}" in ${what}. Possible values are: ${choices}`);
  }
}

/** A promise that starts when it is first awaited; every await starts it anew. */
export abstract class PromiseWrap<T> implements PromiseLike<T> {
  then<R = T, V = never>(
    onFulfilled?: ((value: T) => R | PromiseLike<R>) | null,
    onRejected?: ((error: unknown) => V | PromiseLike<V>) | null,
  ): Promise<R | V> {
    return this.createPromise().then(onFulfilled, onRejected);
  }

  catch<R = never>(onRejected?: ((error: unknown) => R | PromiseLike<R>) | null): Promise<T | R> {
    return this.createPromise().catch(onRejected);
  }

  protected abstract createPromise(): Promise<T>;
}

/** What reading one key and reading many have in common. */
export abstract class RangeBuilder<T> extends PromiseWrap<T> {
  protected request: IRangeRequest = {};
  protected callOptions?: CallOptions;

  constructor(
    protected readonly kv: KVClient,
    protected readonly namespace: NSApplicator,
  ) {
    super();
  }

  /** Reads as of this revision. */
  revision(rev: number | string): this {
    this.request.revision = rev;
    return this;
  }

  /** Lets the member answer from its own state, which may be stale. */
  serializable(serializable: boolean): this {
    this.request.serializable = serializable;
    return this;
  }

  /** Leaves out keys modified before this revision. */
  minModRevision(rev: number | string): this {
    this.request.min_mod_revision = rev;
    return this;
  }

  /** Leaves out keys modified after this revision. */
  maxModRevision(rev: number | string): this {
    this.request.max_mod_revision = rev;
    return this;
  }

  /** Leaves out keys created before this revision. */
  minCreateRevision(rev: number | string): this {
    this.request.min_create_revision = rev;
    return this;
  }

  /** Leaves out keys created after this revision. */
  maxCreateRevision(rev: number | string): this {
    this.request.max_create_revision = rev;
    return this;
  }

  /** Sets the options of the call. */
  options(options: CallOptions | undefined): this {
    this.callOptions = options;
    return this;
  }

  /** Runs the request; resolves to the whole response. */
  exec(): Promise<IRangeResponse> {
    return this.run(this.request);
  }

  /** The read as a part of a transaction. */
  async op(): Promise<IRequestOp> {
    return { request_range: this.namespace.applyToRequest(this.request) };
  }

  protected async run(request: IRangeRequest): Promise<IRangeResponse> {
    const response = await this.kv.range(this.namespace.applyToRequest(request), this.callOptions);
    for (const kv of response.kvs) {
      kv.key = this.namespace.unprefix(kv.key);
    }
    return response;
  }
}

/** Reads one key. Awaits to its value, or null where there is none. */
export class SingleRangeBuilder extends RangeBuilder<string | null> {
  constructor(kv: KVClient, namespace: NSApplicator, key: string | Buffer) {
    super(kv, namespace);
    this.request.key = toBuffer(key);
  }

  /** The value, parsed as JSON. */
  async json(): Promise<unknown> {
    const value = await this.buffer();
    return value === null ? null : JSON.parse(value.toString());
  }

  /** The value as text. */
  async string(encoding: BufferEncoding = 'utf8'): Promise<string | null> {
    return (await this.buffer())?.toString(encoding) ?? null;
  }

  /** The value as a number; NaN where it is none. */
  async number(): Promise<number | null> {
    const value = await this.string();
    return value === null ? null : Number(value);
  }

  /** The value. */
  async buffer(): Promise<Buffer | null> {
    return (await this.exec()).kvs[0]?.value ?? null;
  }

  /** Whether the key exists. */
  async exists(): Promise<boolean> {
    return (await this.run({ ...this.request, count_only: true })).count !== '0';
  }

  protected createPromise(): Promise<string | null> {
    return this.string();
  }
}

/** Reads many keys. Awaits to an object of their values. */
export class MultiRangeBuilder extends RangeBuilder<{ [key: string]: string }> {
  /** Reads the keys that start with `value`. */
  prefix(value: string | Buffer): this {
    return this.inRange(Range.prefix(value));
  }

  /** Reads the keys of a range. */
  inRange(r: Rangable): this {
    const { start, end } = Range.from(r);
    this.request.key = start;
    this.request.range_end = end;
    return this;
  }

  /** Reads all keys. */
  all(): this {
    return this.prefix('');
  }

  /** Reads at most this many keys; 0 is no limit. */
  limit(count: number): this {
    this.request.limit = Number.isFinite(count) ? count : 0;
    return this;
  }

  /** Sorts the keys. */
  sort(target: keyof typeof SortTarget, order: keyof typeof SortOrder): this {
    assertWithin(SortTarget, target, 'sort order in client.get().sort(...)');
    assertWithin(SortOrder, order, 'sort order in client.get().sort(...)');
    this.request.sort_target = SortTarget[target];
    this.request.sort_order = SortOrder[order];
    return this;
  }

  /** How many keys there are. */
  async count(): Promise<number> {
    return Number((await this.run({ ...this.whole(), count_only: true })).count);
  }

  /** The keys alone. */
  async keys(encoding: BufferEncoding = 'utf8'): Promise<string[]> {
    return (await this.keyBuffers()).map(key => key.toString(encoding));
  }

  /** The keys alone, as bytes. */
  async keyBuffers(): Promise<Buffer[]> {
    return (await this.run({ ...this.whole(), keys_only: true })).kvs.map(kv => kv.key);
  }

  /** Keys with their values, parsed as JSON. */
  json(): Promise<{ [key: string]: unknown }> {
    return this.mapValues(value => JSON.parse(value.toString()));
  }

  /** Keys with their values as text. */
  strings(encoding: BufferEncoding = 'utf8'): Promise<{ [key: string]: string }> {
    return this.mapValues(value => value.toString(encoding));
  }

  /** Keys with their values as numbers; NaN where they are none. */
  numbers(): Promise<{ [key: string]: number }> {
    return this.mapValues(value => Number(value.toString()));
  }

  /** Keys with their values. */
  buffers(): Promise<{ [key: string]: Buffer }> {
    return this.mapValues(value => value);
  }

  override exec(): Promise<IRangeResponse> {
    return this.run(this.whole());
  }

  override async op(): Promise<IRequestOp> {
    return { request_range: this.namespace.applyToRequest(this.whole()) };
  }

  protected createPromise(): Promise<{ [key: string]: string }> {
    return this.strings();
  }

  /** The request; without a range it reads all keys. */
  private whole(): IRangeRequest {
    return this.request.key === undefined
      ? { ...this.request, key: zeroKey, range_end: zeroKey }
      : this.request;
  }

  private async mapValues<T>(map: (value: Buffer) => T): Promise<{ [key: string]: T }> {
    const pairs: { [key: string]: T } = {};
    for (const kv of (await this.exec()).kvs) {
      pairs[kv.key.toString()] = map(kv.value);
    }
    return pairs;
  }
}

/** Deletes keys. Awaits to the response. */
export class DeleteBuilder extends PromiseWrap<IDeleteRangeResponse> {
  private request: IDeleteRangeRequest = {};
  private callOptions?: CallOptions;

  constructor(
    private readonly kv: KVClient,
    private readonly namespace: NSApplicator,
  ) {
    super();
  }

  /** Deletes one key. */
  key(value: string | Buffer): this {
    this.request.key = toBuffer(value);
    this.request.range_end = undefined;
    return this;
  }

  /** Deletes the keys that start with `value`. */
  prefix(value: string | Buffer): this {
    return this.range(Range.prefix(value));
  }

  /** Deletes the keys of a range. */
  range(range: Range): this {
    this.request.key = range.start;
    this.request.range_end = range.end;
    return this;
  }

  /** Deletes all keys, of the namespace if there is one. */
  all(): this {
    return this.prefix('');
  }

  /** Deletes the keys of a range. */
  inRange(r: Rangable): this {
    return this.range(Range.from(r));
  }

  /** Runs the request; resolves to the pairs that were deleted. */
  async getPrevious(): Promise<IKeyValue[]> {
    this.request.prev_kv = true;
    return (await this.exec()).prev_kvs;
  }

  /** Sets the options of the call. */
  options(options: CallOptions | undefined): this {
    this.callOptions = options;
    return this;
  }

  /** Runs the request. */
  async exec(): Promise<IDeleteRangeResponse> {
    const response = await this.kv.deleteRange(this.namespace.applyToRequest(this.request), this.callOptions);
    for (const kv of response.prev_kvs) {
      kv.key = this.namespace.unprefix(kv.key);
    }
    return response;
  }

  /** The deletion as a part of a transaction. */
  async op(): Promise<IRequestOp> {
    return { request_delete_range: this.namespace.applyToRequest(this.request) };
  }

  protected createPromise(): Promise<IDeleteRangeResponse> {
    return this.exec();
  }
}

/** Writes one key. Awaits to the response. */
export class PutBuilder extends PromiseWrap<IPutResponse> {
  private request: IPutRequest = {};
  private leaseFilter?: Promise<string | number>;
  private callOptions?: CallOptions;

  constructor(
    private readonly kv: KVClient,
    private readonly namespace: NSApplicator,
    key: string | Buffer,
  ) {
    super();
    this.request.key = toBuffer(key);
  }

  /** The value. */
  value(value: string | Buffer | number): this {
    this.request.value = toBuffer(value);
    return this;
  }

  /** Attaches the key to a lease; 0 detaches it. */
  lease(lease: number | string | Promise<string | number>): this {
    if (typeof lease === 'number' || typeof lease === 'string') {
      this.leaseFilter = undefined;
      this.request.lease = lease;
    } else {
      this.leaseFilter = lease;
      // Whoever awaits the builder sees the failure; it is not an unhandled one before that.
      lease.catch(() => undefined);
    }
    return this;
  }

  /** Keeps the lease that the key has. */
  ignoreLease(): this {
    this.request.ignore_lease = true;
    return this;
  }

  /** Sets the options of the call. */
  options(options: CallOptions | undefined): this {
    this.callOptions = options;
    return this;
  }

  /** Runs the request; resolves to the pair as it was before. */
  async getPrevious(): Promise<IKeyValue & { header: IResponseHeader }> {
    this.request.prev_kv = true;
    const { prev_kv, header } = await this.exec();
    const previous = prev_kv && { ...prev_kv, key: this.namespace.unprefix(prev_kv.key) };
    return { ...previous, header } as IKeyValue & { header: IResponseHeader };
  }

  /** Writes the key again with the value that it has. */
  touch(): Promise<IPutResponse> {
    this.request.value = undefined;
    this.request.ignore_value = true;
    return this.exec();
  }

  /** Runs the request. */
  async exec(): Promise<IPutResponse> {
    await this.applyLease();
    return this.kv.put(this.namespace.applyToRequest(this.request), this.callOptions);
  }

  /** The write as a part of a transaction. */
  async op(): Promise<IRequestOp> {
    await this.applyLease();
    return { request_put: this.namespace.applyToRequest(this.request) };
  }

  protected createPromise(): Promise<IPutResponse> {
    return this.exec();
  }

  private async applyLease(): Promise<void> {
    if (this.leaseFilter !== undefined) {
      this.request.lease = await this.leaseFilter;
    }
  }
}

/**
 * A transaction: if all comparisons hold, then these operations, else those. It begins with `commit()`; it looks like
 * a promise because of its `then`, but must not be awaited.
 */
export class ComparatorBuilder {
  private readonly compare: ICompare[] = [];
  private success: Promise<IRequestOp>[] = [];
  private failure: Promise<IRequestOp>[] = [];
  private callOptions?: CallOptions;

  constructor(
    private readonly kv: KVClient,
    private readonly namespace: NSApplicator,
  ) {}

  /** Sets the options of the call. */
  options(options: CallOptions | undefined): this {
    this.callOptions = options;
    return this;
  }

  /** Adds a comparison. */
  and(
    key: string | Buffer,
    column: keyof typeof CompareTarget,
    cmp: keyof typeof comparator,
    value: string | Buffer | number,
  ): this {
    assertWithin(compareTarget, column, 'comparison target in client.and(...)');
    assertWithin(comparator, cmp, 'comparator in client.and(...)');
    this.compare.push({
      key: this.namespace.applyKey(toBuffer(key)),
      result: comparator[cmp],
      target: CompareTarget[column],
      [compareTarget[column]]: column === 'Value' ? toBuffer(value) : value,
    });
    return this;
  }

  /** The operations when all comparisons hold. */
  then(...clauses: (IRequestOp | IOperation)[]): this {
    this.success = this.mapOperations(clauses);
    return this;
  }

  /** The operations when one of them does not. */
  else(...clauses: (IRequestOp | IOperation)[]): this {
    this.failure = this.mapOperations(clauses);
    return this;
  }

  /** Runs the transaction. Keys in its responses carry the prefix of the namespace. */
  async commit(): Promise<ITxnResponse> {
    const [success, failure] = await Promise.all([Promise.all(this.success), Promise.all(this.failure)]);
    return this.kv.txn({ compare: this.compare, success, failure }, this.callOptions);
  }

  /** Operations and builders as operations. */
  mapOperations(ops: (IRequestOp | IOperation)[]): Promise<IRequestOp>[] {
    return ops.map(op =>
      'op' in op && typeof op.op === 'function' ? op.op() : Promise.resolve(op as IRequestOp),
    );
  }
}
