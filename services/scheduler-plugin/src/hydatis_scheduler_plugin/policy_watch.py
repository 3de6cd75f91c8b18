"""The policy in force: the last good reading of the policy file.

A switch must work while the process runs and while everything else is on fire, so the file is watched and read again whenever
it changes; a bad edit must not, so it changes nothing but a metric and a log line.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hydatis_core.errors import InvalidValue
from hydatis_serving.logs import get_logger
from watchfiles import awatch

from hydatis_scheduler_plugin.policy_file import OFF, Policy, parse_policy, read_text

__all__ = ["PolicyWatch"]

_log = get_logger(__name__)


class PolicyWatch:
    """Keeps the policy in force.

    Args:
        path: the policy file; None: the default policy for good.
        on_read: told after each reading whether it was good.
    """

    def __init__(self, path: Path | None, on_read: Callable[[bool], None] = lambda _good: None) -> None:
        self._path = path
        self._on_read = on_read
        self._watching: asyncio.Task[None] | None = None
        self._text: bytes | None = None
        self.policy = Policy() if path is None else OFF
        """The policy in force. A file that was never good: every pod is placed as if we were not there."""
        self.revision = 0
        """Rises with every good reading of a changed text."""
        self.problem = ""
        """What is wrong with the file; empty: nothing."""
        self.read()

    def read(self) -> None:
        """Reads the file now; the same text again changes nothing."""
        if self._path is None:
            self._on_read(True)
            return
        try:
            text = read_text(self._path)
            if text == self._text:
                return
            policy = parse_policy(text, str(self._path))
        except InvalidValue as wrong:
            self._refuse(str(wrong))
        else:
            self._take(policy)
            self._text = text

    def _refuse(self, problem: str) -> None:
        self._text = None
        if problem != self.problem:
            self.problem = problem
            _log.error("policy file refused, the last good one goes on", reason=problem, mode=self.policy.mode)
            self._on_read(False)

    def _take(self, policy: Policy) -> None:
        self.problem = ""
        self.policy = policy
        self.revision += 1
        _log.info("policy in force", mode=policy.mode, enabled=policy.enabled, ramp_pct=policy.ramp_pct, revision=self.revision)
        self._on_read(True)

    def start(self) -> None:
        """Starts watching; needs a running loop."""
        if self._path is not None:
            # It says at INFO how many files of the folder changed, each second in a folder where something lives.
            logging.getLogger("watchfiles").setLevel(logging.WARNING)
            self._watching = asyncio.create_task(self._watch(self._path))

    async def stop(self) -> None:
        """Stops watching."""
        task, self._watching = self._watching, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _watch(self, path: Path) -> None:
        # The folder is watched, not the file: editors and ConfigMaps replace the file (a ConfigMap through a symlink beside it).
        # Every event leads to a reading, and so does a second without one: some file systems send none.
        while True:
            try:
                self.read()
                async for _ in awatch(path.parent, debounce=50, step=10, recursive=False, rust_timeout=1000, yield_on_timeout=True):
                    self.read()
            except OSError as wrong:
                _log.warning("policy folder cannot be watched, looking at the file every second", reason=str(wrong))
                await asyncio.sleep(1.0)
