"""The exceptions of the package.

The classes and the choice among them are those that etcd programs in Python know: UNAVAILABLE,
DEADLINE_EXCEEDED, INTERNAL and FAILED_PRECONDITION have classes of their own, every other gRPC code
arrives as :class:`RpcError`, which is also a ``grpc.RpcError`` in programs that import ``grpc``.
"""

from __future__ import annotations

import enum
import sys
from typing import Any

__all__ = [
    "ConnectionFailedError",
    "ConnectionTimeoutError",
    "Etcd3Exception",
    "ForkedError",
    "InternalServerError",
    "LockLostError",
    "NoServerAvailableError",
    "PreconditionFailedError",
    "RevisionCompactedError",
    "RpcError",
    "StatusCode",
    "WatchTimedOut",
]


class StatusCode(enum.Enum):
    """The gRPC codes, equal to the members of ``grpc.StatusCode`` with the same names."""

    OK = (0, "ok")
    CANCELLED = (1, "cancelled")
    UNKNOWN = (2, "unknown")
    INVALID_ARGUMENT = (3, "invalid argument")
    DEADLINE_EXCEEDED = (4, "deadline exceeded")
    NOT_FOUND = (5, "not found")
    ALREADY_EXISTS = (6, "already exists")
    PERMISSION_DENIED = (7, "permission denied")
    RESOURCE_EXHAUSTED = (8, "resource exhausted")
    FAILED_PRECONDITION = (9, "failed precondition")
    ABORTED = (10, "aborted")
    OUT_OF_RANGE = (11, "out of range")
    UNIMPLEMENTED = (12, "unimplemented")
    INTERNAL = (13, "internal")
    UNAVAILABLE = (14, "unavailable")
    DATA_LOSS = (15, "data loss")
    UNAUTHENTICATED = (16, "unauthenticated")

    def __eq__(self, other: object) -> bool:
        if isinstance(other, enum.Enum) and type(other).__name__ == "StatusCode":
            return self.name == other.name
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.name)


_CODES = {code.value[0]: code for code in StatusCode}


class _Status:
    """What an error knows about the call that failed."""

    _code = StatusCode.UNKNOWN
    _details = ""
    #: True when the request may have been executed although it failed: it was sent, and no answer
    #: came. Never True for reads.
    outcome_unknown = False

    def code(self) -> Any:
        """The gRPC code: a ``grpc.StatusCode`` where grpc is imported, else :class:`StatusCode`."""
        grpc = sys.modules.get("grpc")
        if grpc is not None and hasattr(grpc, "StatusCode"):
            return grpc.StatusCode[self._code.name]
        return self._code

    def details(self) -> str:
        """The message of the server or the core."""
        return self._details


class Etcd3Exception(_Status, Exception):
    """Base of the errors below. ``code()`` and ``details()`` tell the gRPC side of the story."""


class WatchTimedOut(Etcd3Exception):
    """A watch saw no event in the time given, or could not be opened in time."""


class InternalServerError(Etcd3Exception):
    """The server failed with INTERNAL."""


class ConnectionFailedError(Etcd3Exception):
    """No server could be reached (UNAVAILABLE), or the connection broke during the call."""


class ConnectionTimeoutError(Etcd3Exception):
    """No answer came in time (DEADLINE_EXCEEDED)."""


class PreconditionFailedError(Etcd3Exception):
    """The server refused in its present state (FAILED_PRECONDITION)."""


class RevisionCompactedError(Etcd3Exception):
    """A watch asked for revisions that are compacted away."""

    def __init__(self, compacted_revision: int) -> None:
        super().__init__(f"revisions up to {compacted_revision} are compacted")
        #: The oldest revision that is still there.
        self.compacted_revision = compacted_revision


class NoServerAvailableError(Etcd3Exception):
    """A client was made without any endpoint."""


class ForkedError(Etcd3Exception):
    """The object belongs to the process this one was forked from."""


class LockLostError(Etcd3Exception):
    """The lock is not held any more: its lease ran out or was revoked."""


class RpcError(_Status, Exception):
    """Any other gRPC error; ``except grpc.RpcError`` catches it too."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self._details = message

    def __str__(self) -> str:
        return f"{self._code.name}: {self._details}"


_MAPPED: dict[StatusCode, type[Etcd3Exception]] = {
    StatusCode.INTERNAL: InternalServerError,
    StatusCode.UNAVAILABLE: ConnectionFailedError,
    StatusCode.DEADLINE_EXCEEDED: ConnectionTimeoutError,
    StatusCode.FAILED_PRECONDITION: PreconditionFailedError,
}

# What only the core can tell: numbers beyond those of gRPC.
_LEASE_LOST, _SESSION_EXPIRED, _CLOSED, _FORKED = 100, 102, 103, 104

_KINDS: dict[int, type[Exception]] = {
    _LEASE_LOST: LockLostError,
    _SESSION_EXPIRED: LockLostError,
    _FORKED: ForkedError,
}

_rpc_error_classes: dict[Any, type[RpcError]] = {}


def _rpc_error_class() -> type[RpcError]:
    """RpcError, and a grpc.RpcError as well in a program that has imported grpc."""
    grpc = sys.modules.get("grpc")
    foreign = getattr(grpc, "RpcError", None)
    if foreign is None:
        return RpcError
    made = _rpc_error_classes.get(foreign)
    if made is None:
        made = type("RpcError", (RpcError, foreign), {"__module__": __name__})
        _rpc_error_classes[foreign] = made
    return made


def _exception_for(kind: int, code_number: int, message: str, outcome_unknown: bool) -> Exception:
    """The exception for a failure of the core. Called by the native module."""
    if kind == _CLOSED:
        return ValueError(message)
    code = _CODES.get(code_number, StatusCode.UNKNOWN)
    cls: type[Any] = _KINDS.get(kind) or _MAPPED.get(code) or _rpc_error_class()
    exception: Any = cls(message)
    exception._code = code
    exception._details = message
    exception.outcome_unknown = outcome_unknown
    assert isinstance(exception, Exception)
    return exception
