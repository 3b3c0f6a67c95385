"""A server for the tests, and clients of it.

The server is the in-process one, started once; ``ETCDKIT_TEST_ENDPOINT`` names another, such as a
real etcd. Each test works under a prefix of its own.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import etcdkit

TESTS = Path(__file__).resolve().parent

#: Longest time for anything that must not hang, in seconds; reached only when it does.
PATIENCE = 20.0

#: Whether tests of chance run as often as before a release: an hour instead of a minute.
FULL = os.environ.get("ETCDKIT_TEST_FULL") == "1"


def rounds(short: int, full: int = 100) -> int:
    """How often a test of chance repeats itself."""
    return full if FULL else short


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """URL of a server that all tests share."""
    given = os.environ.get("ETCDKIT_TEST_ENDPOINT")
    if given:
        yield given
        return
    with etcdkit.Server() as server:
        yield server.endpoint


@pytest.fixture
def etcd(endpoint: str) -> Iterator[etcdkit.Etcd3Client]:
    """A client of the server."""
    with etcdkit.client(endpoint=endpoint) as client:
        yield client


@pytest.fixture
def prefix() -> str:
    """A key prefix that no other test uses."""
    return f"/test/{uuid.uuid4().hex}/"


@pytest.fixture
def dead_endpoint() -> str:
    """A URL where nothing listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def silent_endpoint() -> Iterator[str]:
    """A URL where connections are accepted and nothing is ever answered."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def run_python(endpoint: str) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a program in an interpreter of its own, which must end within PATIENCE."""

    def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-X", "faulthandler", "-c", program, endpoint, *arguments],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    return run
