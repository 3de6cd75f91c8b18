"""The policy in force: the last good reading of the policy file, or of the ConfigMap that the file is mounted from.

A switch must work while the process runs and while everything else is on fire, so the file is watched and read again whenever
it changes; a bad edit must not, so it changes nothing but a metric and a log line. In a cluster the ConfigMap itself is watched,
too, and is ahead of the file by up to a minute: while it is heard, the file is not.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydatis_core.errors import InvalidValue
from hydatis_serving.kube.service_account import ServiceAccount
from hydatis_serving.logs import get_logger
from hydatis_serving.policy_file import OFF, Policy, parse_policy, read_text
from watchfiles import awatch

from hydatis_scheduler_plugin.policy_config_map import PolicyConfigMap

__all__ = ["PolicyWatch"]

_log = get_logger(__name__)


class PolicyWatch:
    """Keeps the policy in force.

    Args:
        path: the policy file; None: the default policy for good.
        on_read: told after each reading whether it was good.
        config_map: "namespace/name" of the ConfigMap that the file is mounted from; empty: the file alone.
        account: who asks for it.
        clock: Unix seconds.
    """

    def __init__(
        self,
        path: Path | None,
        on_read: Callable[[bool], None] = lambda _good: None,
        config_map: str = "",
        account: ServiceAccount = ServiceAccount(),  # noqa: B008 - a value
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._on_read = on_read
        self._clock = clock
        self._config_map = PolicyConfigMap(config_map, account, self._told) if config_map else None
        self._watching: asyncio.Task[None] | None = None
        self._text: bytes | None = None
        self._file_text: bytes | None = None
        self._since_seconds = clock()
        self._source = "default"
        self.policy = Policy() if path is None else OFF
        """The policy in force. A file that was never good: every pod is placed as if we were not there."""
        self.revision = 0
        """Rises with every good reading of a changed text."""
        self.problem = ""
        """What is wrong with the file; empty: nothing."""
        self.read()

    @property
    def is_heard(self) -> bool:
        """Whether the API server tells of changes as they are made."""
        return self._config_map is not None and self._config_map.heard

    def report(self) -> dict[str, Any]:
        """The policy in force, for whoever changed it and wants to know whether it was taken."""
        policy = self.policy
        return {
            "mode": policy.mode if policy.enabled else "disabled",
            "ramp_pct": policy.ramp_pct,
            "digest": hashlib.sha256(self._text or b"").hexdigest()[:16],
            "since_seconds": self._since_seconds,
            "source": self._source,
            "is_heard": self.is_heard,
        }

    def read(self) -> None:
        """Reads the file now; the same text again changes nothing, and none does while the ConfigMap itself is heard."""
        if self._path is None:
            self._on_read(True)
            return
        try:
            text = read_text(self._path)
        except InvalidValue as wrong:
            self._file_text = None
            if not self.is_heard:
                self._refuse(str(wrong))
            return
        if text != self._file_text and not self.is_heard:
            self._judge(text, str(self._path))
        self._file_text = text

    def _told(self, text: bytes | None) -> None:
        """Takes what the API server says of the ConfigMap."""
        shown = f"ConfigMap {self._config_map.where}" if self._config_map is not None else ""
        if text is None:
            self._refuse(f"{shown} has no policy.yaml, or is gone")
        else:
            self._judge(text, shown)

    def _judge(self, text: bytes, shown: str) -> None:
        if text == self._text and not self.problem:
            return
        try:
            policy = parse_policy(text, shown)
        except InvalidValue as wrong:
            self._refuse(str(wrong))
            return
        self._text, self._source, self._since_seconds = text, shown, self._clock()
        self._take(policy)

    def _refuse(self, problem: str) -> None:
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
        if self._config_map is not None:
            self._config_map.start()
        if self._path is not None:
            # It says at INFO how many files of the folder changed, each second in a folder where something lives.
            logging.getLogger("watchfiles").setLevel(logging.WARNING)
            self._watching = asyncio.create_task(self._watch(self._path))

    async def stop(self) -> None:
        """Stops watching."""
        if self._config_map is not None:
            await self._config_map.stop()
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
