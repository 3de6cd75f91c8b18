"""What the cross-room suites share: models trained once, a stack started once, and the rule about what may be skipped.

A test that needs real traces, Redis or Prometheus asks for the fixture of that name. On a laptop without it the test is skipped
with the reason; where CI=true it fails, because a machine that should have it and has not would hide a defect.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from control_plane.waiting import until
from hydatis_cli.exposition import scrape, total_by
from hydatis_cli.readiness import wait_until_ready
from hydatis_cli.signed_models import signer_of_state
from hydatis_cli.stack import Stack
from hydatis_cli.state_folder import StateFolder
from hydatis_cli.supervision import Supervision
from hydatis_cli.workloads import training_workload
from hydatis_pipelines.local_run import train_all

ROOT = Path(__file__).resolve().parent.parent


def required(condition: bool, what: str) -> None:
    """Skips where something is not to be had, fails where it should be."""
    if condition:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}: needed where CI=true")
    pytest.skip(what)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real traces."""
    folder = os.environ.get("HYDATIS_DATA", "")
    required(
        bool(folder) and (Path(folder) / "bitbrains").is_dir(),
        "no real traces: HYDATIS_DATA names no folder with bitbrains/",
    )
    return Path(folder)


@pytest.fixture(scope="session")
def redis_server_path() -> str:
    """The program redis-server."""
    found = shutil.which("redis-server")
    required(found is not None, "redis-server is not installed")
    return str(found)


@pytest.fixture(scope="session")
def prometheus_path() -> str:
    """The program prometheus."""
    found = shutil.which("prometheus")
    required(found is not None, "prometheus is not installed")
    return str(found)


class PastPrometheus:
    """A real Prometheus that remembers samples and scrapes nobody.

    Args:
        program: prometheus; promtool is beside it.
        folder: empty.
        samples: (series with its labels, Unix seconds, value), those of a series in the order of time.
        options: more of its command line.
    """

    def __init__(self, program: str, folder: Path, samples: Iterable[tuple[str, float, float]], *options: str) -> None:
        by_name: dict[str, dict[str, list[str]]] = {}
        for series, time_seconds, value in samples:
            lines = by_name.setdefault(series.partition("{")[0], {}).setdefault(series, [])
            lines.append(f"{series} {float(value)!r} {time_seconds}")
        with (folder / "past.txt").open("w") as past:
            for name, of_name in by_name.items():
                past.write(f"# TYPE {name} unknown\n")
                past.writelines(line + "\n" for lines in of_name.values() for line in lines)
            past.write("# EOF\n")
        made = [Path(program).with_name("promtool"), "tsdb", "create-blocks-from", "openmetrics", folder / "past.txt"]
        subprocess.run([*made, folder / "series"], check=True, capture_output=True)
        (folder / "prometheus.yml").write_text("global: {}\n")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._folder = folder
        self._command = [
            program,
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'series'}",
            "--storage.tsdb.retention.time=100y",
            f"--web.listen-address=127.0.0.1:{port}",
            *options,
        ]
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it, again if need be; returns when it answers."""
        with (self._folder / "prometheus.log").open("wb") as log:
            self._running = subprocess.Popen(self._command, stdout=log, stderr=log)
        until(self._answers, f"Prometheus answers; its log is in {self._folder}")

    def stop(self) -> None:
        """Kills it."""
        if self._running is not None:
            self._running.kill()
            self._running.wait(30)
            self._running = None

    @property
    def pid(self) -> int:
        """Of its process."""
        assert self._running is not None, "it does not run"
        return self._running.pid

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/query?query=1", timeout=5) as answer:
                return bool(json.load(answer)["status"] == "success")
        except OSError:
            return False


@pytest.fixture(scope="module")
def past_prometheus(prometheus_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., PastPrometheus]]:
    """Starts a Prometheus that remembers: ``past_prometheus(samples, *options)``; it ends with the module."""
    running: list[PastPrometheus] = []

    def start(samples: Iterable[tuple[str, float, float]], *options: str) -> PastPrometheus:
        running.append(PastPrometheus(prometheus_path, tmp_path_factory.mktemp("past"), samples, *options))
        running[-1].start()
        return running[-1]

    yield start
    for one in running:
        one.stop()


@pytest.fixture(scope="session")
def models_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All four models, trained on a small synthetic trace; beside them lifecycle/ with the key that signed them."""
    state = StateFolder(tmp_path_factory.mktemp("trained"))
    workload = training_workload("synthetic", None, seed=7, days=2)
    train_all(workload.trace, workload.nodes, state.models, seed=7, effort="smoke", signer=signer_of_state(state))
    return state.models


def free_base_port() -> int:
    """A base such that every port of the stack's table is free.

    Below 32,768: from there on the kernel gives ports to outgoing connections, and one may take that of a process that was killed
    and wants it back (it may even be the connection of a client that tries to reach that process).
    """
    bases = range(10_000, 32_000, 500)
    for base in random.sample(bases, len(bases)):
        with socket.socket() as probe:
            offsets = (10, 11, 12, 13, 80, 110, 111, 112, 113, *range(201, 205), *range(301, 305), *range(401, 405))
            if all(probe.connect_ex(("127.0.0.1", base + offset)) != 0 for offset in offsets):
                return base
    raise AssertionError("no free ports")


@contextmanager
def stopped_with_us(state: StateFolder) -> Iterator[None]:
    """Stops the stack of a folder when the tests are gone, even by ``kill -9``: its supervisor is nobody's child and would stay.

    A shell in a session of its own waits for the end of a pipe that only we hold open.
    """
    wait = 'read _; exec "$0" -m hydatis_cli.main down --state "$1"'
    command = ["sh", "-c", wait, sys.executable, str(state.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True) as guard:
        yield
        guard.kill()


@pytest.fixture(scope="session")
def start_stack(
    models_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Path | None], AbstractContextManager[Stack]]:
    """Starts a whole stack: ``with start_stack(tls_folder) as stack``."""

    @contextmanager
    def started(tls_folder: Path | None) -> Iterator[Stack]:
        state = StateFolder(tmp_path_factory.mktemp("s"))
        state.create()
        shutil.copytree(models_folder, state.models, dirs_exist_ok=True)
        shutil.copytree(models_folder.parent / "lifecycle", state.root / "lifecycle")  # with the key that signed them
        state.policy_file.write_text("mode: on\n")
        running = Stack(state, free_base_port(), tls_folder=tls_folder)
        with stopped_with_us(state):
            Supervision(running).start()
            try:
                wait_until_ready(running, 120, lambda waiting, total: None)
                yield running
            finally:
                Supervision(running).stop()

    return started


@pytest.fixture(scope="session")
def stack(start_stack: Callable[[Path | None], AbstractContextManager[Stack]]) -> Iterator[Stack]:
    """The whole stack, started once and shared; a test that hurts it waits until it is whole again."""
    with start_stack(None) as running:
        yield running


@pytest.fixture
def policy_in_force(stack: Stack) -> Iterator[Callable[[str], None]]:
    """Writes the shim's policy file and returns when it is in force; the file of before is in force again afterwards."""
    file = stack.state.policy_file
    before = file.read_text()

    def readings() -> float:
        return sum(total_by(scrape(f"{stack.extender_url}/metrics"), "hydatis_policy_file_reads_total", "result").values())

    def put(text: str) -> None:
        if text == file.read_text():
            return
        seen = readings()
        whole = file.with_suffix(".new")
        whole.write_text(text)
        whole.replace(file)  # in one step: half a file would be read as a policy, too
        deadline = time.monotonic() + 20
        while readings() == seen:
            assert time.monotonic() < deadline, "the policy file was not read again"
            time.sleep(0.01)

    yield put
    put(before)
