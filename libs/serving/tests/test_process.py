"""A process from start to stop, told by a real signal."""

import json
import logging
import os
import signal
from typing import Any

import pytest
from hydatis_core.errors import DependencyUnavailable
from hydatis_serving.process import run
from hydatis_serving.settings import ServiceSettings


class Oven:
    """Told to stop as soon as it has started."""

    def __init__(self, *, start_error: Exception | None = None, stop_error: Exception | None = None) -> None:
        self.did: list[str] = []
        self._start_error = start_error
        self._stop_error = stop_error

    async def start(self) -> None:
        self.did.append("start")
        if self._start_error is not None:
            raise self._start_error
        os.kill(os.getpid(), signal.SIGTERM)

    async def stop(self) -> None:
        self.did.append("stop")
        if self._stop_error is not None:
            raise self._stop_error


@pytest.fixture(autouse=True)
def _restored():
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)


def messages(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_process_starts_and_stops_in_order_when_it_is_told(capsys):
    oven = Oven()
    assert run("oven", ServiceSettings(), lambda: oven) == 0
    assert oven.did == ["start", "stop"]
    said = messages(capsys.readouterr().err)
    assert [line["message"] for line in said] == ["starting", "started", "stopping", "stopped"]
    assert said[0]["settings"]["host"] == "127.0.0.1"


def test_a_process_that_cannot_start_says_why_and_ends_with_1(capsys):
    oven = Oven(start_error=DependencyUnavailable("the model server is not there", field="model_address"))
    assert run("oven", ServiceSettings(), lambda: oven) == 1
    assert oven.did == ["start", "stop"]
    (line,) = [line for line in messages(capsys.readouterr().err) if line["log.level"] == "error"]
    assert line["error.message"] == "model_address: the model server is not there"


def test_a_defect_at_start_ends_with_1_and_its_trace_back(capsys):
    def build() -> Oven:
        raise ZeroDivisionError

    assert run("oven", ServiceSettings(), build) == 1
    (line,) = [line for line in messages(capsys.readouterr().err) if line["log.level"] == "error"]
    assert "ZeroDivisionError" in line["error.stack_trace"]


def test_a_process_that_cannot_stop_in_order_ends_with_1(capsys):
    assert run("oven", ServiceSettings(), lambda: Oven(stop_error=OSError("stuck"))) == 1
    assert "could not stop in order" in capsys.readouterr().err
