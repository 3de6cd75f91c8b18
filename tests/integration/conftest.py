"""What the integration tests share: processes of their own beside the stack, and the way a test waits."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from control_plane.waiting import PATIENCE_SECONDS, until
from hydatis_cli.main import main
from hydatis_cli.readiness import is_ready
from hydatis_cli.stack import Process, Stack
from hydatis_cli.supervision import Supervision
from hydatis_cli.workloads import Workload, evaluation_workload


@pytest.fixture(scope="session", name="until")
def until_fixture() -> Callable[..., object]:
    """``until``."""
    return until


@pytest.fixture
def free_port() -> Callable[[], int]:
    """A port that nobody listens on."""

    def port() -> int:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            return int(taken.getsockname()[1])

    return port


@dataclass
class OwnProcess:
    """A process that a test started, and ends."""

    process: Process
    running: subprocess.Popen[bytes]
    log: Path

    def setting(self, name: str) -> str:
        """A setting it was given: ``setting("GRPC_PORT")``."""
        return next(value for key, value in self.process.environment.items() if key.endswith("_" + name))

    @property
    def address(self) -> str:
        """Its gRPC address."""
        return f"127.0.0.1:{self.setting('GRPC_PORT')}"

    @property
    def metrics_url(self) -> str:
        """Its /metrics."""
        return f"http://127.0.0.1:{self.setting('METRICS_PORT')}/metrics"

    def kill(self) -> None:
        """kill -9."""
        self.running.kill()
        self.running.wait(PATIENCE_SECONDS)

    def stop(self) -> None:
        """Ends it in order."""
        if self.running.poll() is None:
            self.running.send_signal(signal.SIGTERM)
            try:
                self.running.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()


Starter = Callable[..., OwnProcess]


@pytest.fixture
def start(stack: Stack, free_port: Callable[[], int], tmp_path: Path) -> Iterator[Starter]:
    """Starts a process of the stack once more: with ports of its own, and with other settings where a test says so.

    ``start("placement-policy", MODEL_ADDRESS=...)`` returns when it is ready.
    """
    with ExitStack() as ends:

        def started(name: str, variables: Mapping[str, str] | None = None, **settings: str) -> OwnProcess:
            told = next(process for process in stack.processes() if process.name == name)
            prefix = told.module.upper() + "_"
            ports = {key: str(free_port()) for key in told.environment if key.endswith("_PORT")}
            environment = told.environment | ports | {prefix + key: value for key, value in settings.items()}
            door = "HTTP_PORT" if name == "scheduler-plugin" else "METRICS_PORT"
            own = replace(told, environment=environment, ready_url=f"http://127.0.0.1:{environment[prefix + door]}/readyz")
            log = tmp_path / f"{name}-{len(list(tmp_path.iterdir()))}.log"
            with log.open("wb") as output:
                running = subprocess.Popen(
                    stack.command(own),
                    env=stack.inherited_environment() | environment | dict(variables or {}),
                    stdout=output,
                    stderr=output,
                    cwd=tmp_path,
                )
            process = OwnProcess(own, running, log)
            ends.callback(process.stop)
            until(lambda: running.poll() is not None or is_ready(own), f"{name} is ready")
            assert running.poll() is None, log.read_text()[-2000:]
            return process

        yield started


@dataclass(frozen=True)
class Asked:
    """What a command said."""

    code: int
    out: str
    err: str


@pytest.fixture
def hydatis(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., Asked]:
    """Runs ``hydatis ...`` in this process, without the settings of whoever runs the tests. For what prints no table."""

    def run(*arguments: str) -> Asked:
        for name in [name for name in os.environ if name.startswith("HYDATIS_")]:
            monkeypatch.delenv(name)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["hydatis", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return Asked(int(ended.value.code or 0), said.out, said.err)

    return run


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., Asked]:
    """The same in a process of its own, as a user runs it."""

    def run(*arguments: str) -> Asked:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("HYDATIS_")}
        done = subprocess.run(
            [sys.executable, "-m", "hydatis_cli.main", *arguments],
            env=environment | {"COLUMNS": "200", "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
            cwd=tmp_path,
        )
        return Asked(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def small() -> Workload:
    """A synthetic day of about a hundred pods on eight nodes."""
    return evaluation_workload("synthetic", None, seed=3, pod_count=80, node_count=8, days=1)


@pytest.fixture(scope="session")
def pids(stack: Stack) -> Callable[[], dict[str, int]]:
    """Process ids of the stack, by name."""
    return lambda: {told.name: told.pid for told in Supervision(stack).status()}
