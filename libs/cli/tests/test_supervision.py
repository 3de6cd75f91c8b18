"""A stack is started, kept running, shown and stopped by the supervisor."""

import os
import signal
import socket
import sys
import time
from dataclasses import dataclass

import psutil
import pytest
from hydatis_cli.readiness import is_ready, wait_until_ready
from hydatis_cli.stack import Process, Stack
from hydatis_cli.state_folder import SOCKET_PATH_LIMIT, StateFolder
from hydatis_cli.supervision import Supervision, last_lines
from hydatis_core.errors import DependencyUnavailable, InvalidValue, TooLate


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True)
class WebStack(Stack):
    """Two small web servers instead of the services."""

    ports: tuple[int, int] = (0, 0)
    note: str = "100 % of 'it', \\ too"

    def processes(self) -> tuple[Process, ...]:
        return tuple(
            Process(f"web-{i}", str(port), {"WEB_PORT": str(port), "NOTE": self.note}, f"http://127.0.0.1:{port}/")
            for i, port in enumerate(self.ports)
        )

    def command(self, process: Process) -> list[str]:
        return [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", process.module]


@pytest.fixture
def stack(tmp_path):
    stack = WebStack(StateFolder(tmp_path / "state"), ports=(free_port(), free_port()))
    yield stack
    if Supervision(stack).running():
        Supervision(stack).stop()


def wait_for(what, seconds=20):
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return found


def test_a_stack_starts_becomes_ready_and_stops(stack):
    supervision = Supervision(stack)
    assert not supervision.running()
    supervision.start()
    seen = []
    wait_until_ready(stack, 20, lambda waiting, total: seen.append((len(waiting), total)))

    assert seen[-1] == (0, 2)
    assert [status.state for status in supervision.status()] == ["RUNNING", "RUNNING"]
    pids = [status.pid for status in supervision.status()]
    supervision.stop()
    assert not supervision.running()
    wait_for(lambda: not any(psutil.pid_exists(pid) for pid in pids))


def test_a_killed_process_is_started_again(stack):
    supervision = Supervision(stack)
    supervision.start()
    wait_until_ready(stack, 20, lambda waiting, total: None)
    first, second = (status.pid for status in supervision.status())
    os.kill(first, signal.SIGKILL)

    wait_for(lambda: supervision.status()[0].pid not in (0, first))
    wait_until_ready(stack, 20, lambda waiting, total: None)
    assert supervision.status()[1].pid == second


def test_a_taken_port_is_named(stack):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        occupied = WebStack(stack.state, ports=(taken.getsockname()[1], free_port()))
        with pytest.raises(DependencyUnavailable, match=f"port {taken.getsockname()[1]}, wanted by web-0"):
            Supervision(occupied).start()


def test_what_is_not_ready_in_time_is_named(stack):
    with pytest.raises(TooLate, match="web-0, web-1"):
        wait_until_ready(stack, 0, lambda waiting, total: None)
    assert not is_ready(stack.processes()[0])


def test_a_path_that_cannot_be_quoted_is_refused(tmp_path):
    stack = WebStack(StateFolder(tmp_path / "state"), ports=(free_port(), free_port()), note='a"b')
    with pytest.raises(InvalidValue, match="without quotes"):
        Supervision(stack).start()


def test_asking_a_stack_that_does_not_run_says_what_to_do(stack):
    with pytest.raises(DependencyUnavailable, match="no stack runs here"):
        Supervision(stack).status()


def test_the_socket_moves_when_the_folder_is_too_deep(tmp_path):
    deep = StateFolder(tmp_path / ("x" * 120))
    assert len(str(deep.supervisor_socket)) <= SOCKET_PATH_LIMIT
    assert deep.supervisor_socket != StateFolder(tmp_path / ("y" * 120)).supervisor_socket


def test_last_lines_of_a_log(tmp_path):
    log = tmp_path / "a.log"
    log.write_text("\n".join(str(i) for i in range(100)))
    assert list(last_lines(str(log), 3)) == ["97", "98", "99"]
    assert list(last_lines(str(tmp_path / "none.log"), 3)) == []


def test_long_lines_of_a_log_come_whole_and_as_many_as_asked(tmp_path):
    log = tmp_path / "long.log"
    log.write_text("".join(f"{i}:{'x' * 5000}\n" for i in range(10)))
    assert [line.partition(":")[0] for line in last_lines(str(log), 3)] == ["7", "8", "9"]
    assert {len(line) for line in last_lines(str(log), 3)} == {5002}
