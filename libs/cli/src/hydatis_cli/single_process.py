"""Processes of a benchmark's own: one service of the stack alone, or a Redis that keeps nothing."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from hydatis_core.errors import DependencyUnavailable, TooLate

from hydatis_cli.readiness import is_ready
from hydatis_cli.stack import Stack
from hydatis_cli.state_folder import StateFolder

__all__ = ["own_feature_service", "own_redis"]

_READY_SECONDS = 60.0


@contextlib.contextmanager
def own_feature_service(folder: Path) -> Iterator[tuple[str, int]]:
    """A feature-service with the replay source, in a folder of its own; its gRPC address and process id.

    Raises:
        DependencyUnavailable, TooLate: it ended, or is not ready; its log is in the folder.
    """
    stack = Stack(StateFolder(folder), _free_base())
    process = next(one for one in stack.processes() if one.name == "feature-service")
    environment = stack.inherited_environment() | process.environment | {"HYDATIS_FEATURE_SERVICE_WARM_STORE": "none"}
    with _running(stack.command(process), folder / "feature-service.log", lambda: is_ready(process), environment) as pid:
        yield stack.features_address, pid


@contextlib.contextmanager
def own_redis(folder: Path) -> Iterator[str | None]:
    """A redis-server that keeps nothing on disk; its URL, or None where the program is not installed."""
    program = shutil.which("redis-server")
    if program is None:
        yield None
        return
    port = _free_base()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]

    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    with _running(command, folder / "redis.log", answers, None):
        yield f"redis://127.0.0.1:{port}/0"


@contextlib.contextmanager
def _running(command: list[str], log: Path, answers: Callable[[], bool], environment: dict[str, str] | None) -> Iterator[int]:
    folder = log.parent
    folder.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, cwd=folder)  # nosec B603  # a program of the stack, no shell
    try:
        deadline = time.monotonic() + _READY_SECONDS
        while not answers():
            if process.poll() is not None:
                raise DependencyUnavailable(f"{command[0]} ended with {process.returncode}", field=log.stem, expected=f"see {log}")
            if time.monotonic() > deadline:
                raise TooLate(f"not ready after {_READY_SECONDS:.0f} s", field=log.stem, expected=f"see {log}")
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _free_base() -> int:
    """A port such that those of feature-service above it are free; below what the kernel gives to outgoing connections."""
    for base in range(20_000, 32_000, 200):
        with socket.socket() as probe:
            if all(probe.connect_ex(("127.0.0.1", base + offset)) != 0 for offset in (0, 10, 110)):
                return base
    raise DependencyUnavailable("no free ports between 20000 and 32000", field="port")
