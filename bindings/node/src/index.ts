/**
 * etcd for Node and Bun.
 *
 * ```ts
 * import { Etcd3, Server } from 'etcdkit';
 *
 * const server = await Server.start();
 * const client = new Etcd3({ hosts: server.endpoint });
 * await client.put('greeting').value('hello');
 * console.log(await client.get('greeting').string());
 * client.close();
 * await server.stop();
 * ```
 *
 * @packageDocumentation
 */

import { Role, User } from './auth';
import { emptyKey } from './bytes';
import { boundary, start } from './calls';
import { ConnectionPool } from './connection';
import { Namespace } from './namespace';
import { Naming } from './naming';
import type { IOptions } from './options';
import {
  AuthClient,
  ClusterClient,
  ElectionClient,
  type ICallable,
  LockClient,
  MaintenanceClient,
} from './rpc';

export * from './auth';
export {
  ComparatorBuilder,
  comparator,
  compareTarget,
  DeleteBuilder,
  type ICompareTarget,
  type IOperation,
  MultiRangeBuilder,
  PromiseWrap,
  PutBuilder,
  RangeBuilder,
  SingleRangeBuilder,
} from './builder';
export { NSApplicator } from './bytes';
export { Campaign, Election, ElectionObserver } from './election';
export {
  ClientClosedError,
  ClientRuntimeError,
  castGrpcError,
  castGrpcErrorMessage,
  EtcdAuthenticationFailedError,
  EtcdError,
  EtcdInvalidAuthTokenError,
  EtcdkitError,
  EtcdLeaseInvalidError,
  EtcdLockFailedError,
  EtcdPermissionDeniedError,
  EtcdRoleExistsError,
  EtcdRoleNotFoundError,
  EtcdRoleNotGrantedError,
  EtcdUserExistsError,
  EtcdUserNotFoundError,
  EtcdWatchCompactedError,
  EtcdWatchStreamEnded,
  GRPCAbortedError,
  GRPCAlreadyExistsError,
  GRPCCancelledError,
  GRPCDataLossError,
  GRPCDeadlineExceededError,
  GRPCFailedPreconditionError,
  GRPCGenericError,
  GRPCInternalError,
  GRPCInvalidArgumentError,
  GRPCNotFoundError,
  GRPCNotImplementedError,
  GRPCOutOfRangeError,
  GRPCProtocolError,
  GRPCResourceExhastedError,
  GRPCUnauthenticatedError,
  GRPCUnavailableError,
  GRPCUnknownError,
  isRecoverableError,
  NotCampaigningError,
  RecoverableError,
  STMConflictError,
} from './errors';
export { type ILeaseOptions, Lease, LeaseState } from './lease';
export { type IAcquireOptions, Lock } from './lock';
export { Namespace } from './namespace';
export { type IEndpoint, Naming, Registration } from './naming';
export type { CallOptions, CallOptionsFactory, IOptions, IPolicy } from './options';
export { type Rangable, Range } from './range';
export * from './rpc';
export { type IServerOptions, Server } from './server';
export { type ISTMOptions, Isolation, SoftwareTransaction } from './stm';
export { type IWatchEvent, WatchBuilder, Watcher } from './watch';

/**
 * A client of an etcd cluster.
 *
 * It connects with its first call. Calls have a time limit of five seconds unless they bring their own; what is safe to
 * repeat is repeated, at other hosts too. An idle client does not keep the process alive.
 */
export class Etcd3 extends Namespace {
  /** The auth service, as it is on the wire. */
  readonly auth: AuthClient;
  /** The maintenance service, as it is on the wire. */
  readonly maintenance: MaintenanceClient;
  /** The cluster service, as it is on the wire. */
  readonly cluster: ClusterClient;
  /** The lock service of the server, as it is on the wire; `lock()` survives what it does not. */
  readonly lockClient: LockClient;
  /** The election service of the server, as it is on the wire; `election()` survives what it does not. */
  readonly electionClient: ElectionClient;

  constructor(options: IOptions = { hosts: '127.0.0.1:2379' }) {
    super(emptyKey, new ConnectionPool(options));
    this.auth = new AuthClient(this.connection);
    this.maintenance = new MaintenanceClient(this.connection);
    this.cluster = new ClusterClient(this.connection);
    this.lockClient = new LockClient(this.connection);
    this.electionClient = new ElectionClient(this.connection);
  }

  /** The roles. */
  async getRoles(): Promise<Role[]> {
    const { roles } = await this.auth.roleList();
    return roles.map(name => new Role(this.auth, name));
  }

  /** A role by name; it need not exist yet. */
  role(name: string): Role {
    return new Role(this.auth, name);
  }

  /** The users. */
  async getUsers(): Promise<User[]> {
    const { users } = await this.auth.userList();
    return users.map(name => new User(this.auth, name));
  }

  /** A user by name; it need not exist yet. */
  user(name: string): User {
    return new User(this.auth, name);
  }

  /** The instances of a service. */
  naming(service: string): Naming {
    return new Naming(this.connection, service);
  }

  /** Lets a stand-in take all calls of the service clients and builders, for tests. */
  mock<T extends Partial<ICallable<unknown>>>(callable: T): T {
    this.connection.mock(callable);
    return callable;
  }

  /** Takes the calls back. */
  unmock(): void {
    this.connection.unmock();
  }

  /** Connects and logs in now, so that a wrong host or password shows here and not with the first call. */
  async connect(): Promise<void> {
    await start('client', tag => this.connection.native.connect(tag));
  }

  /** Ends all calls and streams. What a lease holds stays until its time is over. */
  close(): void {
    this.connection.close();
  }

  /** Closes the client at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** Sends bytes to the native library and back, without a server: to measure and to test. */
export function echo(payload: Uint8Array | string): Promise<Buffer> {
  return start('echo', tag => boundary.echo(tag, payload));
}
