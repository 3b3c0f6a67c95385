/**
 * The streams of the service clients: what programs use that speak the wire's own messages.
 */

import { EventEmitter } from 'node:events';
import { toBuffer } from './bytes';
import { start } from './calls';
import { GRPCNotImplementedError } from './errors';
import {
  type NativeClient,
  type NativeObserver,
  type NativeSnapshot,
  type NativeWatch,
  native,
} from './native';
import { type CallOptions, timeLeft } from './options';
import type {
  ILeaderResponse,
  ILeaseKeepAliveRequest,
  ILeaseKeepAliveResponse,
  ISnapshotResponse,
  IWatchRequest,
  IWatchResponse,
} from './rpc';

/** Hands over what a listener threw, as an uncaught exception, without losing what comes next. @internal */
export function emitSafely(emitter: EventEmitter, event: string, ...values: unknown[]): void {
  try {
    emitter.emit(event, ...values);
  } catch (error) {
    setImmediate(() => {
      throw error;
    });
  }
}

abstract class Stream extends EventEmitter {
  protected ended = false;

  /** Ends the stream; 'end' follows. */
  cancel(): void {
    if (!this.ended) {
      this.ended = true;
      this.release();
      setImmediate(() => emitSafely(this, 'end'));
    }
  }

  end(): void {
    this.cancel();
  }

  protected fail(error: unknown): void {
    if (!this.ended) {
      this.ended = true;
      this.release();
      emitSafely(this, 'error', error);
    }
  }

  protected abstract release(): void;
}

class WatchStream extends Stream {
  private readonly watches = new Map<string, NativeWatch>();
  private lastId = 0;

  constructor(
    private readonly client: NativeClient,
    private readonly options?: CallOptions,
  ) {
    super();
  }

  write(request: IWatchRequest): void {
    if (request.create_request) {
      this.create(request.create_request).catch(error => this.fail(error));
    } else if (request.cancel_request) {
      this.cancelWatch(String(request.cancel_request.watch_id ?? 0));
    }
  }

  private async create(request: NonNullable<IWatchRequest['create_request']>): Promise<void> {
    const wanted = String(request.watch_id ?? 0);
    const id = wanted === '0' ? String(this.lastId++) : wanted;
    const watch = new native.NativeWatch(this.client);
    this.watches.set(id, watch);
    const opened = await start<IWatchResponse[]>('Watch', tag =>
      watch.open(tag, request, timeLeft(this.options)),
    );
    for (let batch = opened; batch.length > 0; batch = await start('Watch', tag => watch.next(tag))) {
      for (const response of batch) {
        emitSafely(this, 'data', { ...response, watch_id: id });
      }
    }
  }

  private cancelWatch(id: string): void {
    const watch = this.watches.get(id);
    if (watch === undefined) {
      return;
    }
    this.watches.delete(id);
    watch.close();
    const response = { header: null, watch_id: id, created: false, canceled: true, compact_revision: '0' };
    setImmediate(() =>
      emitSafely(this, 'data', { ...response, cancel_reason: '', fragment: false, events: [] }),
    );
  }

  protected release(): void {
    for (const watch of this.watches.values()) {
      watch.close();
    }
    this.watches.clear();
  }
}

class KeepAliveStream extends Stream {
  constructor(
    private readonly client: NativeClient,
    private readonly options?: CallOptions,
  ) {
    super();
  }

  write(request: ILeaseKeepAliveRequest): void {
    const lease = BigInt(request.ID ?? 0);
    start<ILeaseKeepAliveResponse>('Lease', tag =>
      this.client.keepAliveOnce(tag, lease, timeLeft(this.options)),
    ).then(
      response => {
        if (!this.ended) {
          emitSafely(this, 'data', response);
        }
      },
      error => this.fail(error),
    );
  }

  protected release(): void {}
}

class LeaderStream extends Stream {
  private readonly observer: NativeObserver;

  constructor(client: NativeClient, name: Buffer) {
    super();
    this.observer = new native.NativeObserver(client, name);
    setImmediate(() => this.read().catch(error => this.fail(error)));
  }

  private async read(): Promise<void> {
    while (!this.ended) {
      const response = await start<ILeaderResponse | undefined>('Election', tag => this.observer.next(tag));
      if (response === undefined) {
        this.cancel();
      } else if (response.kv) {
        emitSafely(this, 'data', response);
      }
    }
  }

  protected release(): void {
    this.observer.close();
  }
}

class SnapshotStream extends Stream {
  private readonly snapshot: NativeSnapshot;

  constructor(client: NativeClient) {
    super();
    this.snapshot = new native.NativeSnapshot(client);
    setImmediate(() => this.read().catch(error => this.fail(error)));
  }

  private async read(): Promise<void> {
    while (!this.ended) {
      const part = await start<ISnapshotResponse | undefined>('Maintenance', tag => this.snapshot.next(tag));
      if (part === undefined) {
        this.cancel();
      } else {
        emitSafely(this, 'data', part);
      }
    }
  }

  protected release(): void {
    this.snapshot.close();
  }
}

/** Opens a stream by the name of its method. @internal */
export function openStream(
  client: NativeClient,
  method: string,
  request: unknown,
  options?: CallOptions,
): EventEmitter {
  switch (method) {
    case 'watch':
      return new WatchStream(client, options);
    case 'leaseKeepAlive':
      return new KeepAliveStream(client, options);
    case 'observe':
      return new LeaderStream(client, toBuffer((request as { name?: Buffer }).name ?? ''));
    case 'snapshot':
      return new SnapshotStream(client);
    default:
      throw new GRPCNotImplementedError(`12 UNIMPLEMENTED: this client has no stream ${method}`);
  }
}
