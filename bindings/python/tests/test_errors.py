"""What a program sees when something is wrong: which class, and soon."""

from __future__ import annotations

import subprocess
import sys
import time
import types

import pytest

import etcdkit
from etcdkit.exceptions import (
    ConnectionFailedError,
    ConnectionTimeoutError,
    Etcd3Exception,
    NoServerAvailableError,
    RpcError,
    StatusCode,
)


def test_nobody_listening_is_a_failed_connection(dead_endpoint):
    with etcdkit.client(endpoint=dead_endpoint, timeout=1) as client:
        with pytest.raises(ConnectionFailedError) as caught:
            client.get("key")
    assert caught.value.code() == StatusCode.UNAVAILABLE
    assert isinstance(caught.value, Etcd3Exception)


def test_a_write_that_never_left_is_not_in_doubt(dead_endpoint):
    with etcdkit.client(endpoint=dead_endpoint, timeout=1) as client:
        with pytest.raises(ConnectionFailedError) as caught:
            client.put("key", "value")
    assert caught.value.outcome_unknown is False


def test_a_silent_server_does_not_hang_a_call(silent_endpoint):
    with etcdkit.client(endpoint=silent_endpoint, timeout=0.5) as client:
        started = time.monotonic()
        with pytest.raises((ConnectionTimeoutError, ConnectionFailedError)):
            client.get("key")
        assert time.monotonic() - started < 4


def test_a_client_goes_on_after_a_failure(dead_endpoint, endpoint, prefix):
    points = [dead_endpoint, endpoint]
    with etcdkit.MultiEndpointEtcd3Client(points, timeout=5) as client:
        for number in range(5):
            client.put(prefix + "key", str(number))
        assert client.get(prefix + "key")[0] == b"4"


def test_clients_that_cannot_work_are_refused_at_once():
    with pytest.raises(NoServerAvailableError):
        etcdkit.MultiEndpointEtcd3Client([])
    with pytest.raises(ValueError, match="not an etcd endpoint"):
        etcdkit.client(endpoint="ftp://host")
    with pytest.raises(ValueError, match="one of them is missing"):
        etcdkit.client(user="root")
    with pytest.raises(ValueError, match="must be positive"):
        etcdkit.client(timeout=0)
    with pytest.raises(ValueError, match="needs credentials"):
        etcdkit.Endpoint("localhost", 2379)
    with pytest.raises(TypeError, match="get_secure_creds"):
        etcdkit.Endpoint("localhost", 2379, creds=object())
    with pytest.raises(ValueError, match="both cert_cert and cert_key"):
        etcdkit.client(cert_key="key.pem")
    with pytest.raises(FileNotFoundError):
        etcdkit.client(ca_cert="/no/such/file.pem")


def test_a_closed_client_says_so(endpoint):
    client = etcdkit.client(endpoint=endpoint)
    client.get("key")
    client.close()
    client.close()
    with pytest.raises(ValueError, match="closed"):
        client.get("key")
    with pytest.raises(ValueError, match="closed"):
        client.add_watch_callback("key", print)


def test_other_codes_are_rpc_errors_and_not_etcd3_exceptions(etcd):
    with pytest.raises(RpcError) as caught:
        etcd.revoke_lease(1)
    assert not isinstance(caught.value, Etcd3Exception)
    assert str(caught.value) == "NOT_FOUND: etcdserver: requested lease not found"


def test_programs_with_grpc_catch_its_own_class(etcd, monkeypatch):
    grpc = types.ModuleType("grpc")
    grpc.RpcError = type("RpcError", (Exception,), {})
    import enum

    grpc.StatusCode = enum.Enum("StatusCode", {"NOT_FOUND": (5, "not found")})
    monkeypatch.setitem(sys.modules, "grpc", grpc)
    with pytest.raises(grpc.RpcError) as caught:
        etcd.revoke_lease(1)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert StatusCode.NOT_FOUND == grpc.StatusCode.NOT_FOUND


def test_importing_takes_nothing_from_elsewhere():
    program = (
        "import sys, etcdkit; "
        "print([name for name in sys.modules if name.split('.')[0] in ('grpc', 'google', 'six')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_known_names_are_where_programs_look_for_them():
    import etcdkit as etcd3
    from etcdkit.client import Etcd3Client, EtcdTokenCallCredentials, MultiEndpointEtcd3Client

    assert callable(etcd3.client)
    assert issubclass(Etcd3Client, MultiEndpointEtcd3Client)
    assert callable(EtcdTokenCallCredentials("token"))
    for name in [
        "Endpoint",
        "Etcd3Client",
        "Etcd3Exception",
        "Transactions",
        "client",
        "Lease",
        "Lock",
        "Member",
        "etcdrpc",
        "MultiEndpointEtcd3Client",
    ]:
        assert name in etcd3.__all__
        assert hasattr(etcd3, name)
    for module in [
        "exceptions",
        "events",
        "leases",
        "locks",
        "members",
        "transactions",
        "utils",
        "watch",
    ]:
        assert isinstance(getattr(etcd3, module), types.ModuleType)


def test_status_and_members(etcd):
    status = etcd.status()
    assert status.version.startswith("3.")
    assert status.db_size > 0
    assert status.raft_term > 0
    (member,) = list(etcd.members)
    assert status.leader.id == member.id
    assert member.client_urls
    assert str(member).startswith(f"Member {member.id}: peer urls")
