"""Waits until every process of the stack can do its work, and says what is still missing meanwhile."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable

from hydatis_core.errors import TooLate

from hydatis_cli.own_certificate import context_for
from hydatis_cli.stack import Process, Stack

__all__ = ["is_ready", "wait_until_ready"]


def is_ready(process: Process, timeout_seconds: float = 1.0) -> bool:
    """Whether a process answers its readiness check with 200."""
    context = context_for(process.ready_url)
    try:
        with urllib.request.urlopen(process.ready_url, timeout=timeout_seconds, context=context) as answer:  # nosec B310  # our own stack's address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def wait_until_ready(stack: Stack, timeout_seconds: float, told: Callable[[list[str], int], None]) -> float:
    """Returns the seconds it took until all processes were ready.

    Args:
        stack: the stack, already started.
        timeout_seconds: how long to wait at most.
        told: called with (names not ready yet, how many there are in all) whenever that changes.

    Raises:
        TooLate: some are not ready in time; the message names them.
    """
    begin = time.monotonic()
    waiting = list(stack.processes())
    total = len(waiting)
    while waiting:
        waiting = [process for process in waiting if not is_ready(process)]
        told([process.name for process in waiting], total)
        if waiting and time.monotonic() - begin > timeout_seconds:
            names = ", ".join(process.name for process in waiting)
            raise TooLate(f"not ready after {timeout_seconds:.0f} s: {names}", field="hydatis up", expected="see `hydatis logs`")
        if waiting:
            time.sleep(0.1)
    return time.monotonic() - begin
