"""What happens to the package when the process forks or ends.

Fork: a child has none of its parent's threads. The native module starts anew there, and every
object that keeps something native compares its generation with :data:`generation`.

End: threads that wait in native code are woken and given time to come back before the interpreter
is taken apart, because a thread must not come back to an interpreter that is gone.
"""

from __future__ import annotations

import atexit
import os

from etcdkit import _etcdkit

#: Counts forks on the way from the first process to this one.
generation = 0


def _after_fork_in_child() -> None:
    global generation
    generation += 1
    _etcdkit.process_forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)

atexit.register(_etcdkit.interpreter_exits)
