import type { CallContext } from './rpc';
import type { Server } from './server';

/** Options of one call. */
export interface CallOptions {
  /** When the call must have ended: a date, or milliseconds since the epoch. Five seconds from now by default. */
  deadline?: Date | number;
  /** Cancels the call, at the server too; its promise is rejected with the signal's reason. */
  signal?: AbortSignal;
}

/** Options for all calls, or a function that makes them for each. */
export type CallOptionsFactory = CallOptions | ((context: CallContext) => CallOptions);

/** Something that runs a call, such as a policy of cockatiel. */
export interface IPolicy {
  execute<T>(fn: (context: never) => PromiseLike<T> | T, signal?: AbortSignal): Promise<T>;
}

/** Options of a client. */
export interface IOptions {
  /** `host:port` or URLs of the members; one is enough, several let calls fail over. */
  hosts?: string[] | string;
  /** A server of this process, reached without a port; instead of `hosts`. */
  server?: Server;
  /** Certificates for https hosts, in PEM. */
  credentials?: { rootCertificate: Buffer; privateKey?: Buffer; certChain?: Buffer };
  /** Options of gRPC channels; the `grpc.keepalive_*` ones have an effect. */
  grpcOptions?: Record<string, unknown>;
  /** Who logs in. The token is renewed whenever the server asks for it. */
  auth?: { username: string; password: string; callOptions?: CallOptionsFactory };
  /** Options of calls that have none of their own. */
  defaultCallOptions?: CallOptionsFactory;
  /** Time limit for making a connection, in milliseconds; 2000 by default. */
  dialTimeout?: number;
  /**
   * Policies around the client's own retries and failover. The client repeats what is safe to repeat by itself, so
   * there is none by default. `host` is used where there is one host; `watchBackoff` has no effect.
   */
  faultHandling?: Partial<{ host: (hostname: string) => IPolicy; global: IPolicy; watchBackoff: unknown }>;
  /**
   * Which keys make a lock. `bridge` (the default) excludes every etcd client, also old programs on microsoft/etcd3;
   * `v3` is the layout of `etcdctl lock` and Go's client alone, one key less.
   */
  lockLayout?: 'bridge' | 'v3';
}

/** The options of a call, or those of the client. @internal */
export function resolveCallOptions(
  own: CallOptions | undefined,
  defaults: CallOptionsFactory | undefined,
  context: CallContext,
): CallOptions | undefined {
  if (defaults === undefined) {
    return own;
  }
  const general = typeof defaults === 'function' ? defaults(context) : defaults;
  return own === undefined ? general : { ...general, ...own };
}

/** Milliseconds until a deadline; undefined where the core's own limit holds. @internal */
export function timeLeft(options: CallOptions | undefined): number | undefined {
  const deadline = options?.deadline;
  if (deadline === undefined || deadline === null) {
    return undefined;
  }
  const at = deadline instanceof Date ? deadline.getTime() : deadline;
  if (typeof at !== 'number' || Number.isNaN(at)) {
    throw new TypeError('a deadline is a Date or a number of milliseconds since the epoch');
  }
  return Math.max(0, at - Date.now());
}
