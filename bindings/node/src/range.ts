import { emptyKey, endRangeForPrefix, toBuffer, zeroKey } from './bytes';

/** Whatever names a range: a single key, a start and an end, or a prefix. */
export type Rangable =
  | Range
  | string
  | Buffer
  | { start: string | Buffer; end: string | Buffer }
  | { prefix: string | Buffer };

function compareEnds(a: Buffer, b: Buffer): number {
  const isOpen = (end: Buffer) => end.equals(zeroKey);
  if (isOpen(a) || isOpen(b)) {
    return Number(isOpen(a)) - Number(isOpen(b));
  }
  return a.compare(b);
}

/** Keys from `start` up to, and without, `end`. An empty end is the start alone, a zero byte everything from it on. */
export class Range {
  /** The first key. */
  readonly start: Buffer;
  /** The first key behind the range. */
  readonly end: Buffer;

  constructor(start: Buffer | string, end: Buffer | string = emptyKey) {
    const first = toBuffer(start);
    // On the wire no key at all is told by a zero byte.
    this.start = first.length === 0 ? zeroKey : first;
    this.end = toBuffer(end);
  }

  /** The keys that start with `prefix`; all keys for an empty one. */
  static prefix(prefix: string | Buffer): Range {
    const start = toBuffer(prefix);
    return start.length === 0 ? new Range(zeroKey, zeroKey) : new Range(start, endRangeForPrefix(start));
  }

  /** Whatever names a range, as a range. */
  static from(v: Rangable): Range {
    if (v instanceof Range) {
      return v;
    }
    if (typeof v === 'string' || Buffer.isBuffer(v)) {
      return new Range(toBuffer(v));
    }
    if ('prefix' in v) {
      return Range.prefix(v.prefix);
    }
    return new Range(v.start, v.end);
  }

  /** Whether the key is in the range. */
  includes(value: string | Buffer): boolean {
    const key = toBuffer(value);
    if (this.end.length === 0) {
      return this.start.equals(key);
    }
    return this.start.compare(key) <= 0 && (this.end.equals(zeroKey) || this.end.compare(key) > 0);
  }

  /** Orders ranges by start, then by end: negative when this one comes first. */
  compare(other: Range): number {
    return this.start.compare(other.start) || compareEnds(this.end, other.end);
  }
}
