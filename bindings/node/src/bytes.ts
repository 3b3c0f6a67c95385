/**
 * Keys as bytes, and what a namespace does to them.
 */

import { ClientRuntimeError } from './errors';

/** One zero byte: as the end of a range, everything from its start on. */
export const zeroKey = Buffer.from([0]);
/** No byte. */
export const emptyKey = Buffer.alloc(0);

/** Texts and numbers as UTF-8. Throws a TypeError for what is neither of the three. */
export function toBuffer(input: string | Buffer | number | Uint8Array): Buffer {
  if (Buffer.isBuffer(input)) {
    return input;
  }
  if (input instanceof Uint8Array) {
    return Buffer.from(input.buffer, input.byteOffset, input.byteLength);
  }
  if (typeof input === 'number') {
    return Buffer.from(String(input));
  }
  if (typeof input === 'string') {
    return Buffer.from(input);
  }
  throw new TypeError(
    `a key or value is a string, a Buffer or a number, not ${input === null ? 'null' : typeof input}`,
  );
}

/** The first key behind those that start with `prefix`. */
export function endRangeForPrefix(prefix: Buffer): Buffer {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) {
    length -= 1;
  }
  if (length === 0) {
    return zeroKey;
  }
  const end = Buffer.from(prefix.subarray(0, length));
  end[length - 1] += 1;
  return end;
}

/** Puts a prefix before keys on their way out and takes it off on their way back. */
export class NSApplicator {
  /** No prefix. */
  static readonly default = new NSApplicator(emptyKey);

  constructor(private readonly prefix: Buffer) {}

  /** The key with the prefix. */
  applyKey(key: Buffer): Buffer;
  applyKey(key?: Buffer): Buffer | undefined;
  applyKey(key?: Buffer): Buffer | undefined {
    return this.prefix.length === 0 || key === undefined ? key : Buffer.concat([this.prefix, key]);
  }

  /** The end of a range with the prefix; the end of everything becomes the end of the namespace. */
  applyRangeEnd(end?: Buffer): Buffer | undefined {
    if (this.prefix.length === 0 || end === undefined || end.length === 0) {
      return end;
    }
    return end.equals(zeroKey) ? endRangeForPrefix(this.prefix) : Buffer.concat([this.prefix, end]);
  }

  /** A request with the prefix before its key and its range. */
  applyToRequest<T extends { key?: Buffer; range_end?: Buffer }>(request: T): T {
    if (this.prefix.length === 0) {
      return request;
    }
    const { key, range_end } = request;
    return { ...request, key: this.applyKey(key), range_end: this.applyRangeEnd(range_end) };
  }

  /** The key without the prefix. */
  unprefix(key: Buffer): Buffer {
    if (this.prefix.length === 0) {
      return key;
    }
    if (!key.subarray(0, this.prefix.length).equals(this.prefix)) {
      throw new ClientRuntimeError(`The key ${key} is not in the namespace ${this.prefix}.`);
    }
    return key.subarray(this.prefix.length);
  }
}
