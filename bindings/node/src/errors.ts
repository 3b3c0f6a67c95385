/**
 * Errors as classes, with the names that programs already catch.
 *
 * Which class an error has is decided by the server's message first, by the gRPC code second.
 */

import type { Failure } from './native';

/** Marks errors after which the same call may succeed later. */
export const RecoverableError: unique symbol = Symbol('RecoverableError');

/** Whether the same call may succeed later without anybody changing anything. */
export const isRecoverableError = (error: Error): boolean => RecoverableError in error;

/** What every error of a call tells beside its message. */
export abstract class EtcdkitError extends Error {
  /** The gRPC code that fits best. */
  code?: number;
  /** The message as the server or the client worded it, without the code before it. */
  details?: string;
  /** Whether a write may have been executed all the same: read before repeating it. */
  outcomeUnknown?: boolean;
  /** The name of the etcd error, such as `Compacted`, where the server answered with one. */
  reason?: string;

  override get name(): string {
    return this.constructor.name;
  }
}

/** A fault of this library. */
export class ClientRuntimeError extends Error {
  constructor(message: string) {
    super(`${message} Please report this as a bug of etcdkit.`);
  }
}

/** The client was closed before or during the call. */
export class ClientClosedError extends EtcdkitError {
  constructor(namespace: string) {
    super(
      `Tried to call a ${namespace} method on etcdkit, but the client was already closed; make a new client`,
    );
  }
}

/** Any error with a gRPC code and no class of its own. */
export class GRPCGenericError extends EtcdkitError {}
/** The connection broke the protocol. */
export class GRPCProtocolError extends GRPCGenericError {}
/** Code 13. */
export class GRPCInternalError extends GRPCGenericError {
  readonly [RecoverableError] = true;
}
/** Code 1. */
export class GRPCCancelledError extends GRPCGenericError {
  readonly [RecoverableError] = true;
}
/** Code 2. */
export class GRPCUnknownError extends GRPCGenericError {
  readonly [RecoverableError] = true;
}
/** Code 3. */
export class GRPCInvalidArgumentError extends GRPCGenericError {}
/** Code 4. */
export class GRPCDeadlineExceededError extends GRPCGenericError {
  readonly [RecoverableError] = true;
}
/** Code 5. */
export class GRPCNotFoundError extends GRPCGenericError {}
/** Code 6. */
export class GRPCAlreadyExistsError extends GRPCGenericError {}
/** Code 8. The spelling is the one programs use. */
export class GRPCResourceExhastedError extends GRPCGenericError {
  readonly [RecoverableError] = true;
}
/** Code 9. */
export class GRPCFailedPreconditionError extends GRPCGenericError {}
/** Code 10. */
export class GRPCAbortedError extends GRPCGenericError {
  readonly [RecoverableError] = true;
}
/** Code 12. */
export class GRPCNotImplementedError extends GRPCGenericError {}
/** Code 11. */
export class GRPCOutOfRangeError extends GRPCGenericError {}
/** Code 15. */
export class GRPCDataLossError extends GRPCGenericError {}
/** Code 14. */
export class GRPCUnavailableError extends GRPCGenericError {
  readonly [RecoverableError] = true;
}
/** Code 16. */
export class GRPCUnauthenticatedError extends GRPCGenericError {}

/** An error of etcd without a class of its own. */
export class EtcdError extends EtcdkitError {}

/** The lease has expired, been revoked, or never existed. */
export class EtcdLeaseInvalidError extends EtcdkitError {
  constructor(leaseID: string) {
    super(`Lease ${leaseID} is expired or revoked`);
  }
}
/** A role of that name exists. */
export class EtcdRoleExistsError extends EtcdkitError {}
/** A user of that name exists. */
export class EtcdUserExistsError extends EtcdkitError {}
/** The user does not have the role. */
export class EtcdRoleNotGrantedError extends EtcdkitError {}
/** There is no such role. */
export class EtcdRoleNotFoundError extends EtcdkitError {}
/** There is no such user. */
export class EtcdUserNotFoundError extends EtcdkitError {}
/** Somebody else holds the lock. */
export class EtcdLockFailedError extends EtcdkitError {}
/** Wrong user name or password. */
export class EtcdAuthenticationFailedError extends EtcdkitError {}
/** The server does not know the token; the client renews it by itself. */
export class EtcdInvalidAuthTokenError extends EtcdkitError {}
/** The user may not do this. */
export class EtcdPermissionDeniedError extends EtcdkitError {}
/** The server ended a watch. */
export class EtcdWatchStreamEnded extends EtcdkitError {
  constructor() {
    super('The etcd watch stream was unexpectedly ended');
  }
}
/** A watch asked for changes that have been compacted away. */
export class EtcdWatchCompactedError extends EtcdError {
  /** The oldest revision that can still be watched. */
  readonly compactRevision: string;

  constructor(compactRevision: string) {
    super(
      'Watcher canceled: etcdserver: mvcc: required revision has been compacted; ' +
        `watch again from revision ${compactRevision} or read the present state first`,
    );
    this.compactRevision = compactRevision;
  }
}
/** The campaign has been resigned or lost. */
export class NotCampaigningError extends EtcdkitError {}
/** Software transactional memory met a conflict, also after its retries. */
export class STMConflictError extends EtcdkitError {
  constructor() {
    super('A conflict occurred executing the software transaction');
  }
}

type ErrorClass = new (message: string) => EtcdkitError;

const CLASS_BY_MESSAGE: readonly [string, ErrorClass][] = [
  ['etcdserver: role name already exists', EtcdRoleExistsError],
  ['etcdserver: user name already exists', EtcdUserExistsError],
  ['etcdserver: role is not granted to the user', EtcdRoleNotGrantedError],
  ['etcdserver: role name not found', EtcdRoleNotFoundError],
  ['etcdserver: user name not found', EtcdUserNotFoundError],
  ['etcdserver: authentication failed, invalid user ID or password', EtcdAuthenticationFailedError],
  ['etcdserver: permission denied', EtcdPermissionDeniedError],
  ['etcdserver: invalid auth token', EtcdInvalidAuthTokenError],
  ['etcdserver: requested lease not found', EtcdLeaseInvalidError],
];

/** Name and class of each gRPC code, from 0. */
const CODES: readonly [string, ErrorClass][] = [
  ['OK', GRPCGenericError],
  ['CANCELLED', GRPCCancelledError],
  ['UNKNOWN', GRPCUnknownError],
  ['INVALID_ARGUMENT', GRPCInvalidArgumentError],
  ['DEADLINE_EXCEEDED', GRPCDeadlineExceededError],
  ['NOT_FOUND', GRPCNotFoundError],
  ['ALREADY_EXISTS', GRPCAlreadyExistsError],
  ['PERMISSION_DENIED', EtcdPermissionDeniedError],
  ['RESOURCE_EXHAUSTED', GRPCResourceExhastedError],
  ['FAILED_PRECONDITION', GRPCFailedPreconditionError],
  ['ABORTED', GRPCAbortedError],
  ['OUT_OF_RANGE', GRPCOutOfRangeError],
  ['UNIMPLEMENTED', GRPCNotImplementedError],
  ['INTERNAL', GRPCInternalError],
  ['UNAVAILABLE', GRPCUnavailableError],
  ['DATA_LOSS', GRPCDataLossError],
  ['UNAUTHENTICATED', GRPCUnauthenticatedError],
];

/** Kinds of error that have no gRPC code; the numbers are the same in every language of etcdkit. */
const KIND_LEASE_LOST = 100;
const KIND_LOCKED = 101;
const KIND_SESSION_EXPIRED = 102;
const KIND_CLOSED = 103;
/** Kind of a cancelled call. @internal */
export const KIND_CANCELLED = 1;

const UNKNOWN_OUTCOME = '; the write may or may not have been executed: read before repeating it';

function classOfMessage(message: string): ErrorClass | undefined {
  return CLASS_BY_MESSAGE.find(([text]) => message.includes(text))?.[1];
}

function classOf(failure: Failure): ErrorClass {
  switch (failure.kind) {
    case KIND_LEASE_LOST:
    case KIND_SESSION_EXPIRED:
      return EtcdLeaseInvalidError;
    case KIND_LOCKED:
      return EtcdLockFailedError;
    default:
      return classOfMessage(failure.message) ?? CODES[failure.code]?.[1] ?? GRPCGenericError;
  }
}

/** Makes the error of a failed call. @internal */
export function errorOf(failure: Failure, service: string): Error {
  if (failure.kind === KIND_CLOSED) {
    return new ClientClosedError(service);
  }
  const error = new (classOf(failure))('');
  const name = CODES[failure.code]?.[0] ?? 'UNKNOWN';
  error.message = `${failure.code} ${name}: ${failure.message}${failure.outcomeUnknown ? UNKNOWN_OUTCOME : ''}`;
  error.code = failure.code;
  error.details = failure.message;
  error.outcomeUnknown = failure.outcomeUnknown;
  if (failure.reason !== null) {
    error.reason = failure.reason;
  }
  return error;
}

/** Makes the error that fits a message of etcd. */
export function castGrpcErrorMessage(message: string): Error {
  return new (classOfMessage(message) ?? EtcdError)(message);
}

/** Makes the error that fits a plain error with a gRPC code; other errors are returned as they are. */
export function castGrpcError(error: Error): Error {
  if (error.constructor !== Error) {
    return error;
  }
  const code = 'code' in error && typeof error.code === 'number' ? error.code : undefined;
  const known = classOfMessage(error.message) ?? (code === undefined ? undefined : CODES[code]?.[1]);
  const fallback = error.message.includes('etcdserver:') ? EtcdError : GRPCGenericError;
  const cast = new (known ?? fallback)(error.message);
  cast.code = code;
  cast.stack = error.stack?.replace(/^Error:/, `${cast.constructor.name}:`);
  return cast;
}
