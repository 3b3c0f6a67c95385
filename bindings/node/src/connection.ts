/**
 * The client underneath everything: calls by name, on the native client.
 */

import { boundary, start } from './calls';
import { castGrpcError } from './errors';
import { type NativeClient, type NativeClientConfig, native } from './native';
import {
  type CallOptions,
  type CallOptionsFactory,
  type IOptions,
  type IPolicy,
  resolveCallOptions,
  timeLeft,
} from './options';
import type { CallContext, ICallable, Services } from './rpc';
import { openStream } from './streams';

const DEFAULT_HOST = '127.0.0.1:2379';

/** Position of each unary method in the native library's list, by `Service.method`. */
const METHODS = new Map(
  native.methods().map((path, position): [string, number] => {
    const [service, method] = path.slice(path.lastIndexOf('.') + 1).split('/');
    return [`${service}.${method[0].toLowerCase()}${method.slice(1)}`, position];
  }),
);

function hostsOf(options: IOptions): string[] {
  const hosts = options.hosts ?? DEFAULT_HOST;
  const list = typeof hosts === 'string' ? [hosts] : hosts;
  if (!Array.isArray(list) || list.some(host => typeof host !== 'string')) {
    throw new TypeError('hosts is a string or an array of strings');
  }
  if (list.length === 0) {
    throw new Error('Cannot construct an etcd client with no hosts specified');
  }
  const secure = list.filter(host => host.startsWith('https:')).length;
  if (secure > 0 && secure < list.length) {
    throw new Error('etcdkit cannot be configured with a mix of secure and insecure hosts');
  }
  return list;
}

function configOf(options: IOptions): NativeClientConfig {
  const grpc = options.grpcOptions ?? {};
  const milliseconds = (name: string) => (typeof grpc[name] === 'number' ? grpc[name] : undefined);
  return {
    hosts: hostsOf(options),
    user: options.auth?.username,
    password: options.auth?.password,
    connectTimeout: options.dialTimeout,
    keepAliveInterval: milliseconds('grpc.keepalive_time_ms'),
    keepAliveTimeout: milliseconds('grpc.keepalive_timeout_ms'),
    keepAliveWhileIdle: Boolean(grpc['grpc.keepalive_permit_without_calls']),
    ca: options.credentials?.rootCertificate,
    cert: options.credentials?.certChain,
    key: options.credentials?.privateKey,
  };
}

/** The user's policies, from the outside in. */
function policiesOf(options: IOptions): IPolicy[] {
  const { global, host } = options.faultHandling ?? {};
  const hosts = hostsOf(options);
  const inner = host !== undefined && hosts.length === 1 ? host(hosts[0]) : undefined;
  return [global, inner].filter(policy => policy !== undefined);
}

/** Carries the calls of a client. @internal */
export class ConnectionPool implements ICallable<unknown> {
  readonly callOptionsFactory: CallOptionsFactory | undefined;
  readonly native: NativeClient;
  private readonly policies: IPolicy[];
  private stand?: Partial<ICallable<unknown>>;

  constructor(readonly options: IOptions) {
    this.callOptionsFactory = options.defaultCallOptions;
    this.policies = policiesOf(options);
    const config = configOf(options);
    this.native = options.server ? options.server.connect(config) : new native.NativeClient(boundary, config);
  }

  /** Lets a stand-in take all calls. */
  mock(callable: Partial<ICallable<unknown>>): void {
    this.stand = callable;
  }

  /** Takes the calls back. */
  unmock(): void {
    this.stand = undefined;
  }

  /** Ends all calls and streams. */
  close(): void {
    this.native.close();
  }

  exec<R>(
    service: keyof typeof Services,
    method: string,
    params: unknown,
    options?: CallOptions,
  ): Promise<R> {
    if (this.stand?.exec) {
      return this.stand.exec(service, method, params, options);
    }
    const call = () => this.call<R>(service, method, params, options);
    if (this.policies.length === 0) {
      return call();
    }
    return this.policies.reduceRight<() => Promise<R>>(
      (inner, policy) => () => policy.execute(inner),
      call,
    )();
  }

  private call<R>(
    service: keyof typeof Services,
    method: string,
    params: unknown,
    options?: CallOptions,
  ): Promise<R> {
    const resolved =
      this.callOptionsFactory === undefined ? options : this.resolve(options, service, method, params, false);
    return start(
      service,
      tag => {
        const position = METHODS.get(`${service}.${method}`);
        if (position === undefined) {
          throw new TypeError(`etcd has no method ${service}.${method}`);
        }
        return this.native.call(tag, position, params, timeLeft(resolved));
      },
      resolved?.signal,
    );
  }

  async open(
    service: keyof typeof Services,
    method: string,
    params: unknown,
    options?: CallOptions,
  ): Promise<unknown> {
    if (this.stand?.open) {
      return this.stand.open(service, method, params, options);
    }
    return openStream(this.native, method, params, this.resolve(options, service, method, params, true));
  }

  async withConnection<R>(
    service: keyof typeof Services,
    fn: (args: { resource: unknown; client: unknown; metadata: unknown }) => Promise<R> | R,
  ): Promise<R> {
    if (this.stand?.withConnection) {
      return this.stand.withConnection(service, fn);
    }
    throw new Error('the native core owns the connections; use the clients of the services instead');
  }

  markFailed(resource: unknown, error: Error): void {
    this.stand?.markFailed?.(resource, castGrpcError(error));
  }

  /** The options of a call with those of the client behind them. */
  resolve(
    options: CallOptions | undefined,
    service: keyof typeof Services,
    method: string,
    params: unknown,
    isStream: boolean,
  ): CallOptions | undefined {
    const context = { service, method, params, isStream } as CallContext;
    return resolveCallOptions(options, this.callOptionsFactory, context);
  }
}
