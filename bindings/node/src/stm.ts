/**
 * Software transactional memory: a function whose reads and writes happen as one, and which runs again when somebody
 * else was in between.
 *
 * Reads remember the revision they saw, writes wait until the end; then one transaction checks the former and does
 * the latter.
 */

import { ComparatorBuilder, DeleteBuilder, PutBuilder, SingleRangeBuilder } from './builder';
import { NSApplicator, toBuffer } from './bytes';
import { ClientRuntimeError, STMConflictError } from './errors';
import type { CallOptions } from './options';
import { Range } from './range';
import type {
  IDeleteRangeRequest,
  IDeleteRangeResponse,
  IPutRequest,
  IPutResponse,
  IRangeRequest,
  IRangeResponse,
  IRequestOp,
  KVClient,
} from './rpc';

/** What a transaction is protected from. */
export enum Isolation {
  /** All reads see one revision, and neither they nor the keys written have changed at the end. */
  SerializableSnapshot = 0,
  /** All reads see one revision, and have not changed at the end. */
  Serializable = 1,
  /** What was read has not changed at the end. */
  RepeatableReads = 2,
  /** Nothing: the writes happen together, that is all. */
  ReadCommitted = 3,
}

/** Options of a software transaction. */
export interface ISTMOptions {
  /** How often the function runs again after a conflict; 3 by default. */
  retries: number;
  /** Keys that are read before the function asks for them. */
  prefetch: string[];
  /** What the transaction is protected from; SerializableSnapshot by default. */
  isolation: Isolation;
  /** Options of its calls. */
  callOptions?: CallOptions;
}

type Write =
  | { kind: 'put'; key: Buffer; request: IPutRequest }
  | { kind: 'delete'; key: Buffer; request: IDeleteRangeRequest }
  | { kind: 'deleteRange'; range: Range; request: IDeleteRangeRequest };

const NOTHING: IRangeResponse = { header: null as never, kvs: [], more: false, count: '0' };

function found(key: Buffer, value: Buffer | undefined): IRangeResponse {
  const pair = {
    key: Buffer.from(key),
    value: value ?? Buffer.alloc(0),
    create_revision: '0',
    mod_revision: '0',
  };
  return { ...NOTHING, kvs: [{ ...pair, version: '0', lease: '0' }], count: '1' };
}

function refuse(operation: string, request: object, names: string[]): void {
  for (const name of names) {
    if ((request as Record<string, unknown>)[name] !== undefined) {
      throw new Error(`"${name}" is not supported in ${operation} requests within STM transactions`);
    }
  }
}

/** The reads and writes of one run of the function. */
class Attempt {
  private readonly reads = new Map<string, Promise<IRangeResponse>>();
  private readonly seen: { key: Buffer; modRevision: string }[] = [];
  private readonly writes: Write[] = [];
  private first?: Promise<IRangeResponse>;

  constructor(
    private readonly kv: KVClient,
    private readonly options: ISTMOptions,
  ) {
    if (this.seesOneRevision()) {
      for (const key of options.prefetch) {
        // Whoever reads the key sees the failure.
        this.range({ key: toBuffer(key) }).catch(() => undefined);
      }
    }
  }

  async range(request: IRangeRequest): Promise<IRangeResponse> {
    const key = request.key ?? Buffer.alloc(0);
    refuse('read', request, [
      'revision',
      'range_end',
      'min_mod_revision',
      'max_mod_revision',
      'min_create_revision',
      'max_create_revision',
    ]);
    return this.written(key) ?? this.read(key);
  }

  async put(request: IPutRequest): Promise<IPutResponse> {
    refuse('put', request, ['lease', 'prev_kv']);
    const key = request.key ?? Buffer.alloc(0);
    this.forget(key);
    this.writes.push({ kind: 'put', key, request });
    return {} as IPutResponse;
  }

  async deleteRange(request: IDeleteRangeRequest): Promise<IDeleteRangeResponse> {
    refuse('delete', request, ['prev_kv']);
    const key = request.key ?? Buffer.alloc(0);
    if (request.range_end !== undefined && request.range_end.length > 0) {
      this.writes.push({ kind: 'deleteRange', range: new Range(key, request.range_end), request });
    } else {
      this.forget(key);
      this.writes.push({ kind: 'delete', key, request });
    }
    return { header: undefined as never, deleted: '1', prev_kvs: [] };
  }

  async commit(): Promise<void> {
    const commit = new ComparatorBuilder(this.kv, NSApplicator.default);
    if (this.options.isolation !== Isolation.ReadCommitted) {
      for (const { key, modRevision } of this.seen) {
        commit.and(key, 'Mod', '==', modRevision);
      }
    }
    if (this.options.isolation === Isolation.SerializableSnapshot && this.first !== undefined) {
      this.checkWrites(commit, BigInt((await this.first).header.revision) + 1n);
    }
    const { succeeded } = await commit
      .then(...this.writes.map(operationOf))
      .options(this.options.callOptions)
      .commit();
    if (!succeeded) {
      throw new STMConflictError();
    }
  }

  private seesOneRevision(): boolean {
    const { isolation } = this.options;
    return isolation === Isolation.Serializable || isolation === Isolation.SerializableSnapshot;
  }

  private read(key: Buffer): Promise<IRangeResponse> {
    const name = key.toString('latin1');
    const known = this.reads.get(name);
    if (known !== undefined) {
      return known;
    }
    const reading = this.ask(key).then(response => {
      this.seen.push({ key, modRevision: response.kvs[0]?.mod_revision ?? '0' });
      return response;
    });
    this.reads.set(name, reading);
    this.first ??= reading;
    return reading;
  }

  /** The first read fixes the revision of the others; without one, any state will do that is checked at the end. */
  private async ask(key: Buffer): Promise<IRangeResponse> {
    if (!this.seesOneRevision()) {
      return this.kv.range({ key, serializable: true }, this.options.callOptions);
    }
    if (this.first === undefined) {
      return this.kv.range({ key }, this.options.callOptions);
    }
    const { revision } = (await this.first).header;
    return this.kv.range({ key, serializable: true, revision }, this.options.callOptions);
  }

  private written(key: Buffer): IRangeResponse | undefined {
    for (const write of [...this.writes].reverse()) {
      if (write.kind === 'deleteRange') {
        if (write.range.includes(key)) {
          return NOTHING;
        }
      } else if (write.key.equals(key)) {
        return write.kind === 'put' ? found(key, write.request.value) : NOTHING;
      }
    }
    return undefined;
  }

  /** Of two writes of one key the later one counts; etcd refuses a transaction with both. */
  private forget(key: Buffer): void {
    const at = this.writes.findIndex(write => write.kind !== 'deleteRange' && write.key.equals(key));
    if (at >= 0) {
      this.writes.splice(at, 1);
    }
  }

  private checkWrites(commit: ComparatorBuilder, revision: bigint): void {
    for (const write of this.writes) {
      if (write.kind === 'deleteRange') {
        throw new Error('You cannot delete ranges in the SerializableSnapshot isolation level');
      }
      commit.and(write.key, 'Mod', '<', revision.toString());
    }
  }
}

function operationOf(write: Write): IRequestOp {
  return write.kind === 'put' ? { request_put: write.request } : { request_delete_range: write.request };
}

/** Runs functions whose reads and writes happen as one. */
export class SoftwareTransaction {
  private readonly kv: KVClient;
  private attempt?: Attempt;

  constructor(
    private readonly options: ISTMOptions,
    private readonly namespace: NSApplicator,
    private readonly rawKV: KVClient,
  ) {
    const attempt = () => {
      if (this.attempt === undefined) {
        throw new ClientRuntimeError('A software transaction was used outside of its function.');
      }
      return this.attempt;
    };
    this.kv = {
      range: (request: IRangeRequest) => attempt().range(request),
      put: (request: IPutRequest) => attempt().put(request),
      deleteRange: (request: IDeleteRangeRequest) => attempt().deleteRange(request),
    } as unknown as KVClient;
  }

  /**
   * Runs the function, and again after a conflict; resolves to what it returned. It may run several times, so it
   * should do nothing but read and write.
   */
  async transact<T>(fn: (tx: this) => T | PromiseLike<T>): Promise<T> {
    for (let left = this.options.retries; ; left -= 1) {
      this.attempt = new Attempt(this.rawKV, this.options);
      const value = await fn(this);
      try {
        await this.attempt.commit();
        return value;
      } catch (error) {
        if (left <= 0 || !(error instanceof STMConflictError)) {
          throw error;
        }
      }
    }
  }

  /** Reads a key. */
  get(key: string | Buffer): SingleRangeBuilder {
    return new SingleRangeBuilder(this.kv, this.namespace, key);
  }

  /** Writes a key at the end of the function. */
  put(key: string | Buffer): PutBuilder {
    return new PutBuilder(this.kv, this.namespace, key);
  }

  /** Deletes keys at the end of the function. */
  delete(): DeleteBuilder {
    return new DeleteBuilder(this.kv, this.namespace);
  }
}
