"""Starts a retraining for a drift, once: the rule of ``hydatis_lifecycle.retraining.may_start``, and a lock that the kernel keeps.

Whoever holds the lock retrains; the kernel frees it when the process is gone, however that ended. What was started last is written
before it starts, so that a drift that makes retraining fail is not trained for again and again: failures cool down, too.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from hydatis_core.errors import Duplicate
from hydatis_lifecycle.retraining import DriftReport, TriggerState, may_start

from hydatis_pipelines.lifecycle_home import LifecycleHome
from hydatis_pipelines.whole_files import write_whole

__all__ = ["triggered"]


@contextmanager
def triggered(home: LifecycleHome, report: DriftReport, now_seconds: float, *, force: bool = False) -> Iterator[None]:
    """Holds the lock while a retraining runs; ``force``: whatever was retrained before, but still one at a time.

    Raises:
        Duplicate: one runs, or ran too short a time ago, or was for this drift.
    """
    home.root.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(home.root / "retraining.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Duplicate("a retraining runs", field="drift", expected="to wait until it ended") from None
        file = home.root / "retraining.json"
        refusal = may_start(report, _last(file), now_seconds)
        if refusal and not force:
            raise Duplicate(refusal, field="drift", expected="a later drift report, or --force")
        write_whole(file, json.dumps(asdict(TriggerState(now_seconds, report.digest))).encode())
        yield
    finally:
        os.close(descriptor)


def _last(file: Path) -> TriggerState | None:
    """What was started last; a file that cannot be read is none: rather once too often than never again."""
    try:
        return TriggerState(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return None
