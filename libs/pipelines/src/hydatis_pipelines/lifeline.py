"""A step ends with the process that started it, however that one ended.

Who starts a step keeps the writing end of the pipe that the step has as standard input, and writes nothing. The kernel closes it
when the starter is gone, even by ``kill -9``, when nothing else could tell the step. Works on every system, from any thread.
"""

from __future__ import annotations

import os
import threading

__all__ = ["ORPHANED", "hold"]

#: Exit code of a step whose starter is gone; nobody is left to read it but a log.
ORPHANED = 75


def hold(pipe: int) -> None:
    """From now on this process ends when the pipe does: at once, without clean-up; what steps write appears whole or not at all.

    Args:
        pipe: file descriptor, open for reading; nothing else reads it. A descriptor and no file object: the interpreter could not
            shut down while a thread waits in one.
    """
    threading.Thread(target=_end_with, args=(pipe,), name="lifeline", daemon=True).start()


def _end_with(pipe: int) -> None:
    while os.read(pipe, 1):
        pass
    os._exit(ORPHANED)
