"""Ctrl-C, the GIL, and the end of the interpreter, each seen from another process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from conftest import PATIENCE, rounds

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")

# Waits until a thread has come from the program into the package.
INSIDE = """
def inside(thread):
    package = os.path.dirname(etcdkit.__file__)
    frame = None
    while frame is None or not frame.f_code.co_filename.startswith(package):
        frame = sys._current_frames().get(thread.ident)
"""

BLOCKED = {
    "watch": "next(client.watch('/test/never')[0])",
    "call": "etcdkit.client(endpoint=sys.argv[2], timeout=60).get('key')",
    "once": "client.watch_once('/test/never')",
    "lock": "client.lock('signals', ttl=60).acquire(timeout=None)",
}


@pytest.mark.parametrize("blocked", BLOCKED)
def test_ctrl_c_interrupts_a_blocking_call(endpoint, etcd, silent_endpoint, blocked):
    holder = etcd.lock("signals", ttl=60)
    if blocked == "lock":
        assert holder.acquire(timeout=None)
    program = f"""
import os, signal, sys, threading
import etcdkit
{INSIDE}
def tell(thread):
    inside(thread)
    print("ready", flush=True)

# A test run in the background inherits an ignored SIGINT, where Python then leaves Ctrl-C alone.
signal.signal(signal.SIGINT, signal.default_int_handler)
client = etcdkit.client(endpoint=sys.argv[1])
client.get("key")
try:
    threading.Thread(target=tell, args=[threading.current_thread()], daemon=True).start()
    {BLOCKED[blocked]}
except KeyboardInterrupt:
    print("interrupted", flush=True)
    if {blocked != "call"}:
        assert client.get("key") is not None
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program, endpoint, silent_endpoint],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == "ready\n"
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
        assert (out, process.returncode) == ("interrupted\n", 0), err
        assert time.monotonic() - started < 2
    finally:
        process.kill()
        process.wait()
        holder.release()


def test_other_threads_run_while_a_call_waits(etcd, prefix):
    seen = threading.Event()

    def write() -> None:
        # The watch may begin later than the first of them.
        while not seen.is_set():
            etcd.put(prefix, "1")

    thread = threading.Thread(target=write)
    thread.start()
    try:
        assert etcd.watch_once(prefix, timeout=PATIENCE).value == b"1"
    finally:
        seen.set()
        thread.join()


ENDS = {
    "an open watch": "events, cancel = client.watch('/test/x')",
    "a callback watch": "client.add_watch_callback('/test/x', print)",
    "a blocked daemon thread": (
        "made = threading.Thread(target=lambda: list(client.watch('/test/x')[0]), daemon=True); "
        "made.start(); inside(made)"
    ),
    "a lease kept alive": "keep = client.lease(5).keepalive()",
    "a held lock": "lock = client.lock('exit-' + str(os.getpid()), ttl=2); assert lock.acquire()",
    "a call nobody waits for": (
        "from etcdkit import _operations as ops; call = client._connection.start(ops.get('k', {}))"
    ),
    "a reference circle": "client.self = client; it = client.watch('/test/x'); client.it = it",
    "an unfinished asyncio call": (
        "loop = asyncio.new_event_loop(); a = etcdkit.aio.client(endpoint=sys.argv[1]); "
        "task = loop.create_task(a.get('k')); loop.run_until_complete(asyncio.sleep(0))"
    ),
    "a callback that raises": (
        "client.add_watch_callback('/test/x', lambda response: 1 / 0); client.put('/test/x', '1')"
    ),
    "garbage in any order": (
        "import gc, random; gc.set_threshold(1); "
        "made = [client.watch('/test/x') for _ in range(20)] + [client.lease(5) for _ in range(5)]; "
        "random.shuffle(made); del made[:10]"
    ),
    "an os._exit": "client.add_watch_callback('/test/x', print); os._exit(0)",
    "a server": "server = etcdkit.Server()",
}


@pytest.mark.parametrize("alive", ENDS)
def test_the_interpreter_ends_with_live_objects(run_python, alive):
    program = f"""
import asyncio, os, sys, threading
import etcdkit
{INSIDE}
client = etcdkit.client(endpoint=sys.argv[1])
client.get("key")
{ENDS[alive]}
"""
    for _ in range(rounds(3)):
        started = time.monotonic()
        done = run_python(program)
        assert done.returncode == 0, done.stderr
        assert "Fatal" not in done.stderr
        assert time.monotonic() - started < 5


def test_signal_handlers_of_the_program_stay(run_python):
    program = """
import signal, sys
numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)
before = {number: signal.getsignal(number) for number in numbers}
import etcdkit
client = etcdkit.client(endpoint=sys.argv[1])
client.get("key")
after = {number: signal.getsignal(number) for number in before}
assert before == after
print(signal.sigpending(), signal.pthread_sigmask(signal.SIG_BLOCK, []))
"""
    done = run_python(program)
    assert done.stdout == "set() set()\n", done.stderr
