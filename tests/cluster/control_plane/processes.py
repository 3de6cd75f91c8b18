"""Processes that a test run starts: each logs into a file, answers a readiness check, and ends with the run at the latest."""

from __future__ import annotations

import random
import shutil
import socket
import subprocess
import time
from pathlib import Path

import httpx

__all__ = ["Program", "free_port"]


def free_port() -> int:
    """A port of loopback that nobody listens on, below those that the kernel gives to outgoing connections."""
    ports = range(20_000, 32_000)
    for port in random.sample(ports, len(ports)):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise AssertionError("no free port")


class Program:
    """One running process.

    Args:
        command: program and arguments.
        log: file that its output goes to.
        ready_url: answers 200 once it can do its work.
        timeout_seconds: how long that may take.
    """

    def __init__(self, command: list[str], log: Path, ready_url: str, timeout_seconds: float = 120.0) -> None:
        self.log = log
        # A test run that is killed cannot stop anything: the kernel does.
        tied = [setpriv, "--pdeathsig", "KILL"] if (setpriv := shutil.which("setpriv")) else []
        begin = time.monotonic()
        with log.open("ab") as output:
            self._process = subprocess.Popen([*tied, *command], stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            self._wait(ready_url, timeout_seconds)
        except BaseException:
            self.stop()
            raise
        self.start_seconds = time.monotonic() - begin

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def cpu_seconds(self) -> float:
        """User and system time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100.0

    def stop(self) -> None:
        """Kills the process, whose files go with the test run; one that has ended already is fine."""
        self._process.kill()
        self._process.wait()

    def _wait(self, url: str, timeout_seconds: float) -> None:
        deadline = time.monotonic() + timeout_seconds
        with httpx.Client(verify=False, timeout=2.0) as client:
            while True:
                assert self._process.poll() is None, f"ended before it was ready: {self._tail()}"
                try:
                    if client.get(url).status_code == httpx.codes.OK:
                        return
                except httpx.HTTPError:
                    pass
                assert time.monotonic() < deadline, f"not ready after {timeout_seconds:.0f} s: {self._tail()}"
                time.sleep(0.05)

    def _tail(self) -> str:
        return self.log.read_text(errors="replace")[-2000:]
