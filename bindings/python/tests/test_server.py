"""The server inside the process."""

from __future__ import annotations

import socket

import pytest

import etcdkit
from conftest import PATIENCE
from etcdkit.exceptions import RpcError


def test_it_serves_from_the_constructor_to_the_end_of_the_block():
    with etcdkit.Server() as server:
        assert server.is_running
        assert server.endpoint == f"http://{server.host}:{server.port}"
        with etcdkit.client(endpoint=server.endpoint) as client:
            client.put("key", "value")
        with etcdkit.client(server.host, server.port) as client:
            assert client.get("key")[0] == b"value"
    assert not server.is_running
    with socket.socket() as probe:
        assert probe.connect_ex((server.host, server.port)) != 0


def test_data_in_a_directory_survives_a_restart_on_the_same_port(tmp_path):
    server = etcdkit.Server(data_dir=tmp_path / "data")
    try:
        endpoint = server.endpoint
        with etcdkit.client(endpoint=endpoint) as client:
            revision = client.put("key", "value").header.revision
            server.stop()
            server.stop()
            server.start()
            assert server.endpoint == endpoint
            value, metadata = client.get("key")
            assert (value, metadata.mod_revision) == (b"value", revision)
    finally:
        server.stop()


def test_flags_set_what_has_no_argument():
    flags = ["--max-txn-ops=1"]
    with etcdkit.Server(flags=flags) as server, etcdkit.client(endpoint=server.endpoint) as client:
        puts = [client.transactions.put("a", "1"), client.transactions.put("b", "1")]
        with pytest.raises(RpcError, match="too many operations"):
            client.transaction(compare=[], success=puts, failure=[])
    with pytest.raises(ValueError, match="--quota-backend-bytes"):
        etcdkit.Server(flags=["--cert-file=x"])


def test_data_in_memory_is_gone_after_a_restart():
    with etcdkit.Server() as server, etcdkit.client(endpoint=server.endpoint) as client:
        client.put("key", "value")
        server.stop()
        server.start()
        assert client.get("key") == (None, None)


def test_a_watch_survives_a_restart_without_gap_or_repeat(tmp_path):
    with etcdkit.Server(data_dir=tmp_path) as server:
        with etcdkit.client(endpoint=server.endpoint, timeout=PATIENCE) as client:
            events, cancel = client.watch_prefix("/w/")
            for number in range(10):
                client.put(f"/w/{number}", str(number))
            server.stop()
            server.start()
            for number in range(10, 20):
                client.put(f"/w/{number}", str(number))
            assert [int(next(events).value) for _ in range(20)] == list(range(20))
            cancel()


def test_several_servers_run_side_by_side():
    with etcdkit.Server() as one, etcdkit.Server() as two:
        assert one.port != two.port
        with etcdkit.client(endpoint=one.endpoint) as client:
            client.put("key", "one")
        with etcdkit.client(endpoint=two.endpoint) as client:
            assert client.get("key") == (None, None)


@pytest.mark.parametrize("engine", ["redb", "sled"])
def test_the_storage_engine_can_be_chosen(tmp_path, engine):
    with etcdkit.Server(data_dir=tmp_path, storage_engine=engine) as server:
        with etcdkit.client(endpoint=server.endpoint) as client:
            client.put("key", "value")
            assert client.get("key")[0] == b"value"


def test_what_cannot_work_is_refused_with_its_reason(tmp_path):
    with etcdkit.Server(data_dir=tmp_path / "data") as server:
        with pytest.raises(OSError, match=r"cannot listen on .*in use"):
            etcdkit.Server(port=server.port)
        with pytest.raises(OSError, match="data"):
            etcdkit.Server(data_dir=tmp_path / "data")
    with pytest.raises(ValueError, match="granite"):
        etcdkit.Server(data_dir=tmp_path / "other", storage_engine="granite")
    (tmp_path / "file").write_text("not a directory")
    with pytest.raises(OSError):
        etcdkit.Server(data_dir=tmp_path / "file")


def test_a_program_that_forgets_its_server_loses_nothing(run_python, tmp_path):
    program = """
import sys, etcdkit
server = etcdkit.Server(data_dir=sys.argv[2])
etcdkit.client(endpoint=server.endpoint).put("key", "kept")
"""
    done = run_python(program, str(tmp_path))
    assert done.returncode == 0, done.stderr
    with etcdkit.Server(data_dir=tmp_path) as server:
        with etcdkit.client(endpoint=server.endpoint) as client:
            assert client.get("key")[0] == b"kept"


def test_a_server_without_a_port_serves_the_clients_of_its_process(tmp_path):
    with etcdkit.Server(data_dir=tmp_path / "data", port=None) as server:
        assert server.endpoint == "in-process"
        with etcdkit.client(endpoint=server) as client, etcdkit.client(endpoint=server) as other:
            client.put("key", "value")
            assert other.get("key")[0] == b"value"
            with client.lock("name"):
                assert not other.lock("name").acquire(timeout=0)
            server.stop()
            server.start()
            assert client.get("key")[0] == b"value"


def test_a_server_with_a_port_is_reached_both_ways():
    with (
        etcdkit.Server() as server,
        etcdkit.client(endpoint=server) as inside,
        etcdkit.client(endpoint=server.endpoint) as outside,
    ):
        inside.put("key", "value")
        assert outside.get("key")[0] == b"value"
