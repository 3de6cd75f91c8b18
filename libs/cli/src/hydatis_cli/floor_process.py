"""The floor of the latency benchmark as a process of its own, like the extender that it is compared with.

In the benchmark's own process it would share an interpreter with the client that times it.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from hydatis_core.errors import DependencyUnavailable

from hydatis_cli.extender_client import ExtenderClient

__all__ = ["FloorProcess"]


class FloorProcess:
    """Runs ``constant_extender`` on a free port while it is entered.

    Args:
        names: the nodes that it answers with.
    """

    def __init__(self, names: Sequence[str]) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._names = names
        self._command = [sys.executable, "-m", "hydatis_cli.constant_extender", str(port)]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)  # nosec B603  # our own program, no shell
        assert self._process.stdin is not None
        self._process.stdin.write("\n".join(self._names))
        self._process.stdin.close()
        client = ExtenderClient(self.url)
        for _ in range(200):
            try:
                client.get_json("/readyz", timeout_seconds=1)
                break
            except DependencyUnavailable:
                time.sleep(0.05)
        client.close()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.terminate()
        self._process.wait(10)
