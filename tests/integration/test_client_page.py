"""The client that docs/client.md shows runs as it stands, and prints what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hydatis_cli.stack import Stack
from hydatis_cli.stack_feed import StackFeed
from hydatis_cli.workloads import Workload
from hydatis_simulator.policy import StockPolicy
from hydatis_simulator.replay import replay

PAGE = Path(__file__).resolve().parents[2] / "docs" / "client.md"


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    return found


def test_it_has_ten_lines() -> None:
    assert len([line for line in block("python").splitlines() if line.strip()]) == 10


def test_it_runs_as_it_stands_and_prints_what_the_page_says(
    stack: Stack, small: Workload, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    feed = StackFeed(stack.features_address, stack.extender_url)
    replay(small.trace, small.nodes, StockPolicy(), [feed], seed=3, until=small.trace.start_seconds + 3600)
    feed.close()
    monkeypatch.setenv("HYDATIS_FORECASTER", stack.address(11))
    exec(compile(block("python"), str(PAGE), "exec"), {})
    printed = capsys.readouterr().out
    # another trace has other numbers
    assert re.fullmatch(re.sub(r"\d+", r"\\d+", re.escape(block("text").strip())), printed.strip())
    assert f"of {len(small.nodes)} nodes" in printed
    assert str(int(small.trace.start_seconds + 3600)) in printed
