"""How a test waits for what other processes do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["PATIENCE_SECONDS", "until"]

T = TypeVar("T")

#: How long anything may take that must happen.
PATIENCE_SECONDS = 60.0


def until(condition: Callable[[], T], what: str, timeout_seconds: float = PATIENCE_SECONDS) -> T:
    """What the condition returns as soon as that is true; no test sleeps for a fixed time."""
    deadline = time.monotonic() + timeout_seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {timeout_seconds:g} s: {what}"
        time.sleep(0.02)
    return found
