/**
 * Calls in flight: each has a tag, under which its result comes back in some batch.
 */

import { errorOf, KIND_CANCELLED } from './errors';
import { type Batch, type Failure, native } from './native';

interface InFlight {
  resolve(value: unknown): void;
  reject(error: unknown): void;
  /** For the error of a closed client. */
  service: string;
  release?: () => void;
  signal?: AbortSignal;
}

const inFlight = new Map<number, InFlight>();
let lastTag = 0;

function deliver(batch: Batch): void {
  for (let index = 0; index < batch.length; index += 3) {
    const tag = batch[index] as number;
    const call = inFlight.get(tag);
    if (call === undefined) {
      continue;
    }
    inFlight.delete(tag);
    call.release?.();
    const failure = batch[index + 1] as Failure | null;
    if (failure === null) {
      call.resolve(batch[index + 2]);
    } else if (call.signal?.aborted && failure.kind === KIND_CANCELLED) {
      call.reject(call.signal.reason);
    } else {
      call.reject(errorOf(failure, call.service));
    }
  }
}

/** The boundary of this thread. @internal */
export const boundary = new native.Boundary(deliver);

/** Tags from here on are those of calls that may be cancelled; the native library starts them at once. */
const CANCELLABLE = 2 ** 31;

function freeTag(first: number): number {
  do {
    lastTag = (lastTag + 1) % CANCELLABLE;
  } while (inFlight.has(first + lastTag));
  return first + lastTag;
}

let flushing = false;

function flush(): void {
  flushing = false;
  boundary.flush();
}

/** The code of a native error about an argument of the wrong type. */
const INVALID_ARGUMENT = 'InvalidArg';

function checked<T>(begin: () => T): T {
  try {
    return begin();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === INVALID_ARGUMENT) {
      throw new TypeError(error.message);
    }
    throw error;
  }
}

/**
 * Starts a call of the native library.
 *
 * @param service - What the call belongs to, for the error of a closed client.
 * @param begin - Starts the call under a tag; what it throws rejects the promise.
 * @param signal - Cancels the call; the promise is then rejected with the signal's reason.
 * @internal
 */
export function start<T>(service: string, begin: (tag: number) => bigint, signal?: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const tag = freeTag(signal === undefined ? 0 : CANCELLABLE);
    const call: InFlight = { resolve: resolve as (value: unknown) => void, reject, service };
    const id = checked(() => begin(tag));
    inFlight.set(tag, call);
    if (signal !== undefined) {
      const cancel = () => boundary.cancel(id);
      signal.addEventListener('abort', cancel, { once: true });
      call.signal = signal;
      call.release = () => signal.removeEventListener('abort', cancel);
    } else if (!flushing) {
      flushing = true;
      // After the calls that the present results lead to.
      queueMicrotask(flush);
    }
  });
}
