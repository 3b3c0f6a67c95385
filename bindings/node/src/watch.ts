/**
 * Watching keys. One connection carries all watches of a client, and the core resumes them after a lost connection
 * without a gap and without repeating: what arrives here is in order and complete.
 *
 * Changes are fetched, not pushed: the next ones are asked for when the listeners have returned and the iterators have
 * taken what there is, so that a slow reader costs no memory.
 */

import { EventEmitter } from 'node:events';
import { type NSApplicator, toBuffer } from './bytes';
import { start } from './calls';
import type { ConnectionPool } from './connection';
import { ClientClosedError, castGrpcErrorMessage, EtcdWatchCompactedError } from './errors';
import { type NativeWatch, native } from './native';
import { type CallOptions, timeLeft } from './options';
import { type Rangable, Range } from './range';
import { FilterType, type IKeyValue, type IWatchCreateRequest, type IWatchResponse } from './rpc';
import { emitSafely } from './streams';

/** The filter that leaves only one kind of change. */
const ONLY = { put: FilterType.Nodelete, delete: FilterType.Noput };

/** Events whose listeners take changes. */
const READING = ['put', 'delete', 'data'];

/** One change, as `for await` gives it. */
export interface IWatchEvent {
  type: 'put' | 'delete';
  /** The pair after the change; for a deletion the key alone. */
  kv: IKeyValue;
  /** The pair before the change, where `withPreviousKV()` asked for it and there was one. */
  previous: IKeyValue | null;
}

/** Builds a watch. */
export class WatchBuilder {
  private readonly request: IWatchCreateRequest = { progress_notify: true };
  private callOptions?: CallOptions;

  /** Made by `watch()`. @internal */
  constructor(
    private readonly pool: ConnectionPool,
    private readonly namespace: NSApplicator,
  ) {}

  /** Watches one key. */
  key(key: string | Buffer): this {
    this.request.key = toBuffer(key);
    return this;
  }

  /** Watches the keys that start with `value`. */
  prefix(value: string | Buffer): this {
    return this.inRange(Range.prefix(value));
  }

  /** Watches the keys of a range. */
  inRange(r: Rangable): this {
    const { start, end } = Range.from(r);
    this.request.key = start;
    this.request.range_end = end;
    return this;
  }

  /** The same as `only`. @deprecated The name says the opposite of what it does. */
  ignore(...operations: (keyof typeof ONLY)[]): this {
    return this.only(...operations);
  }

  /** Watches only this kind of change. */
  only(...operations: (keyof typeof ONLY)[]): this {
    this.request.filters = operations.map(operation => ONLY[operation]);
    return this;
  }

  /** Tells with each change the pair before it. */
  withPreviousKV(): this {
    this.request.prev_kv = true;
    return this;
  }

  /** Starts with the changes of this revision, which may lie in the past. */
  startRevision(revision: string | number): this {
    this.request.start_revision = revision;
    return this;
  }

  /** Sets the options of the watch: its signal ends it, its deadline limits only its creation. */
  options(options: CallOptions | undefined): this {
    this.callOptions = options;
    return this;
  }

  /** Starts to watch, in the background. */
  watcher(): Watcher {
    const options = this.pool.resolve(this.callOptions, 'Watch', 'watch', this.request, true);
    return new Watcher(this.pool, this.namespace, this.namespace.applyToRequest(this.request), options);
  }

  /** Starts to watch; resolves when the server has registered the watch, so that every later change is seen. */
  create(): Promise<Watcher> {
    const watcher = this.watcher();
    return watcher.connected().then(() => watcher);
  }
}

/** Changes on their way to one `for await` loop. */
class Feed {
  private events: IWatchEvent[] = [];
  private position = 0;
  private wake?: () => void;
  private drained?: () => void;
  private over = false;
  private error?: Error;

  /** Adds a batch and waits until it has been read: at most one batch is held. */
  async push(events: IWatchEvent[]): Promise<void> {
    if (this.over || events.length === 0) {
      return;
    }
    this.events = events;
    this.position = 0;
    this.wake?.();
    await new Promise<void>(resolve => {
      this.drained = resolve;
    });
  }

  finish(error?: Error): void {
    this.over = true;
    this.error = error;
    this.wake?.();
    this.drained?.();
  }

  async next(): Promise<IteratorResult<IWatchEvent>> {
    for (;;) {
      if (this.position < this.events.length) {
        const value = this.events[this.position++];
        return { done: false, value };
      }
      this.drained?.();
      if (this.error !== undefined) {
        const error = this.error;
        this.error = undefined;
        throw error;
      }
      if (this.over) {
        return { done: true, value: undefined };
      }
      await new Promise<void>(resolve => {
        this.wake = resolve;
      });
    }
  }
}

/**
 * A watch: an EventEmitter, and an async iterable of its changes.
 *
 * Events: `connecting` and `connected` at the beginning, `put` and `delete` for each change, `data` for each response,
 * `end` after `cancel()` or when the client is closed, `error` when the server ended the watch. Changes are held while
 * there is neither a listener for them nor an iterator, so none is missed before the first one.
 */
export class Watcher extends EventEmitter implements AsyncIterable<IWatchEvent> {
  /** The id within the stream; null until the watch is registered. */
  id: string | null = null;
  private readonly watch: NativeWatch;
  private readonly feeds = new Set<Feed>();
  private readonly opened: Promise<void>;
  private readonly finished: Promise<void>;
  private ended = false;
  /** Whether somebody waits for `connected()`, and so is told of a failure there. */
  private awaited = false;
  private wake?: () => void;

  /** Made by a builder. @internal */
  constructor(
    private readonly pool: ConnectionPool,
    private readonly namespace: NSApplicator,
    /** What was asked for; its start_revision moves on with the changes. */
    readonly request: IWatchCreateRequest,
    private readonly options?: CallOptions,
  ) {
    super();
    this.watch = new native.NativeWatch(this.pool.native);
    this.on('newListener', event => {
      if (READING.includes(String(event))) {
        this.wake?.();
      }
    });
    const opening = Promise.resolve().then(() => this.open());
    this.opened = opening;
    opening.catch(() => undefined);
    this.finished = opening
      .then(() => this.read())
      .then(
        () => this.finish(),
        error => this.finish(error),
      );
    this.options?.signal?.addEventListener('abort', () => this.close(), { once: true });
  }

  /** A change of a key to a value; with the pair before it where `withPreviousKV()` asked for it. */
  override on(event: 'put' | 'delete', handler: (kv: IKeyValue, previous?: IKeyValue) => unknown): this;
  /** A response, with all its changes; or without any, to tell how far the server has come. */
  override on(event: 'data', handler: (response: IWatchResponse) => unknown): this;
  /** The watch is being created. */
  override on(event: 'connecting', handler: (request: IWatchCreateRequest) => unknown): this;
  /** The watch is registered. */
  override on(event: 'connected', handler: (response: IWatchResponse) => unknown): this;
  /** The watch was cancelled. */
  override on(event: 'end', handler: () => unknown): this;
  /** The watch could not be created, or the server ended it. */
  override on(event: 'error' | 'disconnected', handler: (error: Error) => unknown): this;
  override on(event: string, handler: (...args: never[]) => unknown): this;
  override on(event: string, handler: (...args: never[]) => unknown): this {
    return super.on(event, handler as (...args: unknown[]) => void);
  }

  /** The revision from which a new watch would go on; null until this one is registered or where it was not told. */
  lastRevision(): number | null {
    const revision = this.request.start_revision;
    return revision === undefined ? null : Number(revision);
  }

  /** Ends the watch; resolves when it has ended. */
  async cancel(): Promise<void> {
    this.close();
    await this.finished;
  }

  /** The changes from here on. Leaving the loop ends the watch; an error of the watch is thrown. */
  [Symbol.asyncIterator](): AsyncIterator<IWatchEvent> {
    const feed = new Feed();
    if (this.ended) {
      feed.finish();
    } else {
      this.feeds.add(feed);
      this.wake?.();
    }
    return {
      next: () => feed.next(),
      return: async () => {
        this.feeds.delete(feed);
        feed.finish();
        await this.cancel();
        return { done: true, value: undefined };
      },
    };
  }

  /** Ends the watch at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.cancel();
  }

  /** Resolves when the watch is registered. @internal */
  connected(): Promise<void> {
    this.awaited = true;
    return this.opened;
  }

  private async open(): Promise<void> {
    emitSafely(this, 'connecting', this.request);
    const { watch, options } = this;
    const [created] = await start<IWatchResponse[]>(
      'Watch',
      tag => watch.open(tag, this.request, timeLeft(options)),
      options?.signal,
    );
    this.id = created.watch_id;
    if (Number(this.request.start_revision ?? 0) === 0) {
      this.moveOn(created);
    }
    emitSafely(this, 'connected', created);
  }

  private async read(): Promise<void> {
    for (;;) {
      const batch = await start<IWatchResponse[]>('Watch', tag => this.watch.next(tag));
      if (batch.length === 0) {
        return;
      }
      if (batch.some(response => response.events.length > 0)) {
        await this.reader();
      }
      if (this.ended) {
        return;
      }
      const events: IWatchEvent[] = [];
      for (const response of batch) {
        this.checkCanceled(response);
        this.tell(response, events);
      }
      await Promise.all([...this.feeds].map(feed => feed.push(events)));
    }
  }

  /** Waits until somebody reads, or the watch ends. */
  private async reader(): Promise<void> {
    while (!this.ended && this.feeds.size === 0 && !READING.some(event => this.listenerCount(event) > 0)) {
      await new Promise<void>(resolve => {
        this.wake = resolve;
      });
    }
  }

  private checkCanceled(response: IWatchResponse): void {
    if (!response.canceled) {
      return;
    }
    if (response.compact_revision !== '0') {
      throw new EtcdWatchCompactedError(response.compact_revision);
    }
    throw castGrpcErrorMessage(`Watcher canceled: ${response.cancel_reason}`);
  }

  private tell(response: IWatchResponse, events: IWatchEvent[]): void {
    for (const event of response.events) {
      event.kv.key = this.namespace.unprefix(event.kv.key);
      if (event.prev_kv) {
        event.prev_kv.key = this.namespace.unprefix(event.prev_kv.key);
      }
      const type = event.type === 'Put' ? 'put' : 'delete';
      if (this.feeds.size > 0) {
        events.push({ type, kv: event.kv, previous: event.prev_kv });
      }
      emitSafely(this, type, event.kv, event.prev_kv);
    }
    this.moveOn(response);
    emitSafely(this, 'data', response);
  }

  private moveOn(response: IWatchResponse): void {
    if (response.header) {
      this.request.start_revision = (BigInt(response.header.revision) + 1n).toString();
    }
  }

  private close(): void {
    this.ended = true;
    this.watch.close();
    this.wake?.();
    for (const feed of this.feeds) {
      feed.finish();
    }
  }

  private finish(error?: Error): void {
    const cancelled = this.ended || error === undefined || error instanceof ClientClosedError;
    this.close();
    const told = cancelled ? undefined : error;
    for (const feed of this.feeds) {
      feed.finish(told);
    }
    if (told === undefined) {
      emitSafely(this, 'end');
    } else if (this.feeds.size === 0 || this.listenerCount('error') > 0) {
      this.tellError(told);
    }
  }

  /** A failure to create the watch is told by `create()`; it is uncaught only where nobody else can see it. */
  private tellError(error: Error): void {
    if (this.id !== null || this.listenerCount('error') > 0 || !this.awaited) {
      emitSafely(this, 'error', error);
    }
  }
}
