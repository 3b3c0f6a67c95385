"""Encrypted connections and users, against a real etcd named by ETCDKIT_TEST_ETCD."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

import etcdkit
from etcdkit import etcdrpc
from etcdkit.exceptions import Etcd3Exception, RpcError

ETCD = os.environ.get("ETCDKIT_TEST_ETCD")

pytestmark = pytest.mark.skipif(ETCD is None, reason="ETCDKIT_TEST_ETCD names no etcd")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def running(folder: Path, scheme: str, *flags: str) -> Iterator[str]:
    """A real etcd, by its address without a scheme."""
    client, peer = f"127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}"
    assert ETCD is not None
    command = [
        *(ETCD, "--data-dir", str(folder / "data")),
        *("--listen-client-urls", f"{scheme}://{client}"),
        *("--advertise-client-urls", f"{scheme}://{client}"),
        *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
        *("--initial-cluster", f"default={peer}", *flags),
    ]
    log = folder / "log"
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        while "serving client traffic" not in log.read_text():
            assert process.poll() is None, log.read_text()
        yield client
    finally:
        process.kill()
        process.wait()


class Files:
    """Certificates, as files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = trustme.CA()
        self.ca = str(folder / "ca.pem")
        self._authority.cert_pem.write_to_path(self.ca)

    def signed(self, name: str, *hosts: str) -> tuple[str, str]:
        """Certificate and key for these hosts."""
        made = self._authority.issue_cert(*hosts, common_name=name)
        cert, key = str(self._folder / f"{name}.pem"), str(self._folder / f"{name}.key")
        made.cert_chain_pems[0].write_to_path(cert)
        made.private_key_pem.write_to_path(key)
        return cert, key


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_a_client_with_certificates_talks_to_a_server_that_wants_them(
    files: Files, tmp_path: Path
) -> None:
    cert, key = files.signed("server", "127.0.0.1")
    own_cert, own_key = files.signed("someone", "someone.example")
    flags = ("--cert-file", cert, "--key-file", key)
    asking = ("--client-cert-auth", "--trusted-ca-file", files.ca)
    with running(tmp_path, "https", *flags, *asking) as address:
        host, port = address.split(":")
        credentials = {"ca_cert": files.ca, "cert_cert": own_cert, "cert_key": own_key}
        with etcdkit.client(host=host, port=int(port), **credentials) as client:
            assert client.uses_secure_channel
            client.put("key", "value")
            assert client.get("key")[0] == b"value"
        with etcdkit.client(endpoint=f"https://{address}", **credentials) as client:
            assert client.get("key")[0] == b"value"
        creds = etcdkit.MultiEndpointEtcd3Client.get_secure_creds(files.ca, own_key, own_cert)
        point = etcdkit.Endpoint(host, port, creds=creds)
        with etcdkit.MultiEndpointEtcd3Client([point]) as client:
            assert client.get("key")[0] == b"value"
        with (
            etcdkit.client(endpoint=f"https://{address}", ca_cert=files.ca, timeout=1) as client,
            pytest.raises(Etcd3Exception),
        ):
            client.get("key")


def test_a_server_with_another_name_is_refused_unless_told(files: Files, tmp_path: Path) -> None:
    cert, key = files.signed("server", "etcd.example")
    with running(tmp_path, "https", "--cert-file", cert, "--key-file", key) as address:
        url = f"https://{address}"
        with (
            etcdkit.client(endpoint=url, ca_cert=files.ca, timeout=1) as client,
            pytest.raises(Etcd3Exception, match="not valid for name"),
        ):
            client.get("key")
        name = [("grpc.ssl_target_name_override", "etcd.example")]
        with etcdkit.client(endpoint=url, ca_cert=files.ca, grpc_options=name) as client:
            assert client.get("key") == (None, None)


def test_a_file_that_is_no_certificate_is_told(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("not a certificate")
    with (
        etcdkit.client(endpoint="https://127.0.0.1:1", ca_cert=str(path)) as client,
        pytest.raises(ValueError, match="CA certificate is not PEM"),
    ):
        client.get("key")


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[str]:
    """A real etcd of its own, for a test that switches authentication on."""
    with running(tmp_path, "http") as address:
        yield address


def enable(client: etcdkit.MultiEndpointEtcd3Client) -> None:
    client.user_add("root", "toor")
    client.user_grant_role("root", "root")
    client.user_add("ann", "secret")
    client.role_add("own")
    client.role_grant_permission("own", "ann/", prefix=True)
    client.role_grant_permission("own", "/locks/ann/", prefix=True)
    client.role_grant_permission("own", "shared", "read")
    client.user_grant_role("ann", "own")
    client.auth_enable()


def test_users_do_what_they_may(plain: str) -> None:
    root = etcdkit.client(endpoint=plain, user="root", password="toor")
    enable(root)
    assert root.auth_status().enabled
    assert root.users() == ["ann", "root"]
    assert root.user_roles("ann") == ["own"]
    assert root.roles() == ["own"]
    assert root.role_permissions("own") == [
        ("readwrite", b"/locks/ann/", b"/locks/ann0"),
        ("readwrite", b"ann/", b"ann0"),
        ("read", b"shared", b""),
    ]
    with etcdkit.client(endpoint=plain, user="ann", password="secret") as ann:
        ann.put("ann/key", "value")
        ann.get("shared")
        with pytest.raises(RpcError, match="permission denied"):
            ann.put("shared", "value")
        # Setting a password ends the user's tokens; the client gets itself a new one.
        root.user_change_password("ann", "secret")
        assert ann.get("ann/key")[0] == b"value"
        with ann.lock("ann/lock") as lock:
            assert lock.is_acquired()
    with pytest.raises(RpcError, match="authentication failed"):
        etcdkit.client(endpoint=plain, user="ann", password="wrong").get("ann/key")
    root.role_revoke_permission("own", "ann/", prefix=True)
    assert len(root.role_permissions("own")) == 2
    root.user_revoke_role("ann", "own")
    root.role_delete("own")
    root.user_delete("ann")
    root.auth_disable()
    assert not root.auth_status().enabled
    root.close()


def test_stubs_are_called_as_generated_code_is(plain: str) -> None:
    with etcdkit.client(endpoint=plain) as client:
        client.authstub.UserAdd(
            etcdrpc.AuthUserAddRequest(name="ann", password="secret"),
            client.timeout,
            credentials=client.call_credentials,
            metadata=client.metadata,
        )
        assert client.authstub.UserList(etcdrpc.AuthUserListRequest()).users == ["ann"]
        client.kvstub.Put(etcdrpc.PutRequest(key=b"key", value=b"value"))
        assert client.kvstub.Range(etcdrpc.RangeRequest(key=b"key"), 5).kvs[0].value == b"value"
        lease = client.leasestub.LeaseGrant(etcdrpc.LeaseGrantRequest(TTL=60)).ID
        client.leasestub.LeaseRevoke(etcdrpc.LeaseRevokeRequest(ID=lease))
        assert client.clusterstub.MemberList(etcdrpc.MemberListRequest()).members
        assert client.maintenancestub.Status(etcdrpc.StatusRequest()).version
        with pytest.raises(AttributeError, match="no unary RPC 'Nope'"):
            client.kvstub.Nope(etcdrpc.RangeRequest())


def test_users_do_what_they_may_in_asyncio(plain: str) -> None:
    async def administer() -> None:
        async with etcdkit.aio.client(endpoint=plain) as client:
            await client.user_add("ann", "secret")
            await client.role_add("own")
            await client.role_grant_permission("own", "a", "write", "b")
            await client.user_grant_role("ann", "own")
            assert await client.users() == ["ann"]
            assert await client.role_permissions("own") == [("write", b"a", b"b")]
            assert not (await client.auth_status()).enabled
            with pytest.raises(ValueError, match="unknown right"):
                await client.role_grant_permission("own", "a", "all")  # type: ignore[arg-type]
            await client.user_delete("ann")

    asyncio.run(administer())
