"""How a client reaches its servers: endpoints, credentials, and the native client behind them.

The native client connects lazily, balances over its endpoints and reconnects by itself. What is left
here is the configuration, and the rule for forked processes: a child makes a native client of its
own the first time it needs one, because the threads of its parent's are not there.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from etcdkit import _operations, _process
from etcdkit._etcdkit import NativeClient
from etcdkit.exceptions import NoServerAvailableError

if TYPE_CHECKING:
    from etcdkit._etcdkit import Call, NativeDoor
    from etcdkit._operations import Operation

T = TypeVar("T")

DEFAULT_PORT = 2379
#: How long an endpoint that failed is avoided, in seconds, in programs that say nothing about it.
#: Accepted for their sake: the core probes endpoints itself and never refuses the only one.
DEFAULT_TIME_RETRY = 300.0

GrpcOptions = Iterable[tuple[str, Any]]


class ChannelCredentials:
    """Certificates for a TLS connection, as file names; made by ``get_secure_creds``."""

    def __init__(
        self, ca_cert: str | None, cert_key: str | None = None, cert_cert: str | None = None
    ) -> None:
        self.ca_cert = ca_cert
        self.cert_key = cert_key
        self.cert_cert = cert_cert

    def _files(self) -> tuple[str | None, str | None, str | None]:
        return self.ca_cert, self.cert_key, self.cert_cert

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ChannelCredentials) and self._files() == other._files()

    def __hash__(self) -> int:
        return hash(self._files())


class Endpoint:
    """One server of the cluster.

    Raises:
        ValueError: secure without credentials.
        TypeError: credentials made by another package, which cannot be read back.
    """

    def __init__(
        self,
        host: str,
        port: int | str,
        secure: bool = True,
        creds: ChannelCredentials | None = None,
        time_retry: float = DEFAULT_TIME_RETRY,
        opts: GrpcOptions | None = None,
    ) -> None:
        if secure and creds is None:
            raise ValueError("a secure endpoint needs credentials: see get_secure_creds()")
        if creds is not None and not isinstance(creds, ChannelCredentials):
            raise TypeError(
                f"credentials of type {type(creds).__name__} cannot be read back: "
                "use etcdkit.MultiEndpointEtcd3Client.get_secure_creds(ca_cert, cert_key, cert_cert)"
            )
        self.host = host
        self.port = int(port)
        self.secure = secure
        self.credentials = creds
        self.time_retry = time_retry
        self.opts = list(opts or ())
        self.netloc = f"[{host}]:{port}" if ":" in host and host[0] != "[" else f"{host}:{port}"
        self.protocol = "https" if secure else "http"
        self.in_use = False
        self.last_failed = 0.0

    @property
    def url(self) -> str:
        """The endpoint as a URL."""
        return f"{self.protocol}://{self.netloc}"

    def use(self) -> Endpoint:
        """Marks the endpoint as in use. Kept for programs that call it."""
        self.in_use = True
        return self

    def fail(self) -> None:
        """Marks the endpoint as not in use. Kept for programs that call it."""
        self.in_use = False

    def is_failed(self) -> bool:
        """Always False: the core never refuses an endpoint, it tries again."""
        return False

    def close(self) -> None:
        """Marks the endpoint as not in use; the client owns the connection."""
        self.in_use = False

    def __str__(self) -> str:
        return f"Endpoint({self.url})"

    __repr__ = __str__


def parse_endpoint(text: str, creds: ChannelCredentials | None = None) -> Endpoint:
    """An Endpoint from ``host:port`` or a URL. ValueError says what is wrong with it.

    An ``https`` endpoint without credentials trusts what the operating system trusts; one without a
    scheme is encrypted if there are credentials.
    """
    default = "http" if creds is None else "https"
    parts = urlsplit(text if "://" in text else f"{default}://{text}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"not an etcd endpoint: {text!r} (expected http://host:port)")
    secure = parts.scheme == "https"
    if not secure:
        creds = None
    elif creds is None:
        creds = ChannelCredentials(None)
    return Endpoint(parts.hostname, parts.port or DEFAULT_PORT, secure=secure, creds=creds)


_KEEPALIVE_TIME = "grpc.keepalive_time_ms"
_KEEPALIVE_TIMEOUT = "grpc.keepalive_timeout_ms"
_KEEPALIVE_IDLE = "grpc.keepalive_permit_without_calls"
_SERVER_NAME = "grpc.ssl_target_name_override"


class Connection:
    """The native client of one Python client, made on first use in each process.

    Safe to use from many threads.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        timeout: float | None = None,
        user: str | None = None,
        password: str | None = None,
        door: NativeDoor | None = None,
    ) -> None:
        if not endpoints:
            raise NoServerAvailableError("a client needs at least one endpoint")
        if (user is None) != (password is None):
            raise ValueError("user and password come together: one of them is missing")
        if timeout is not None and timeout <= 0:
            raise ValueError("timeout is in seconds and must be positive, or None for the default")
        self.endpoints = endpoints
        self.timeout = timeout
        self.user = user
        self.password = password
        self._door = door
        self.closed = False
        self._native: NativeClient | None = None
        self._generation = _process.generation

    @property
    def native(self) -> NativeClient:
        """The native client of this process. ValueError after close()."""
        if self._native is not None and self._generation == _process.generation:
            return self._native
        return self._connect()

    def _connect(self) -> NativeClient:
        if self.closed:
            raise ValueError("this client is closed")
        options = {name: value for point in self.endpoints for name, value in point.opts}
        interval = options.get(_KEEPALIVE_TIME)
        patience = options.get(_KEEPALIVE_TIMEOUT)
        native = NativeClient(
            [point.url for point in self.endpoints],
            user=self.user,
            password=self.password,
            timeout=self.timeout,
            keep_alive_interval=None if interval is None else interval / 1000,
            keep_alive_timeout=None if patience is None else patience / 1000,
            keep_alive_while_idle=bool(options.get(_KEEPALIVE_IDLE, False)),
            tls=self._tls(str(options.get(_SERVER_NAME, ""))),
            door=self._door,
        )
        for point in self.endpoints:
            point.use()
        self._generation = _process.generation
        self._native = native
        return native

    def _tls(self, server_name: str) -> tuple[bytes, bytes, bytes, str] | None:
        """Trusted certificates, own certificate, its key, server name; None where all is plain."""
        secured = {point.credentials for point in self.endpoints if point.credentials is not None}
        if not secured:
            return None
        if len(secured) > 1:
            raise ValueError("the endpoints of one client share one set of credentials")
        creds = secured.pop()
        ca, cert, key = (_read(n) for n in (creds.ca_cert, creds.cert_cert, creds.cert_key))
        return ca, cert, key, server_name

    def start(self, operation: Operation[T], timeout: float | None = None) -> Call[Any]:
        """Starts a unary operation; ``timeout`` in seconds overrides the client's."""
        path, response = _operations.METHODS[operation.method]
        request = operation.request
        data = request if isinstance(request, bytes) else request.SerializeToString()
        return self.native.call(path, data, response._codec, timeout)

    def close(self) -> None:
        """Ends the calls in flight and the connection. Any later call raises ValueError."""
        self.closed = True
        native, self._native = self._native, None
        if native is not None and self._generation == _process.generation:
            native.close()
        for point in self.endpoints:
            point.close()


def _read(name: str | None) -> bytes:
    return b"" if name is None else pathlib.Path(name).read_bytes()


def endpoints_from(
    host: str, port: int | str, creds: ChannelCredentials | None, opts: GrpcOptions | None
) -> list[Endpoint]:
    """The endpoint list of a client for one server."""
    return [Endpoint(host, port, secure=creds is not None, creds=creds, opts=opts)]


def secure_credentials(
    ca_cert: str | None, cert_key: str | None, cert_cert: str | None
) -> ChannelCredentials | None:
    """Credentials if any certificate is given. ValueError for half a client certificate."""
    if (cert_key is None) != (cert_cert is None):
        raise ValueError("to use a client certificate, give both cert_cert and cert_key")
    if ca_cert is None and cert_key is None:
        return None
    for name in (ca_cert, cert_key, cert_cert):
        if name is not None and not os.path.exists(name):
            raise FileNotFoundError(name)
    return ChannelCredentials(ca_cert, cert_key, cert_cert)
