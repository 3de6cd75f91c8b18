"""The `hydatis` command as a user types it: help, JSON that programs can read, and errors in one sentence with an exit code."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydatis_cli.main import app
from hydatis_cli.stack import MODELS, Stack
from typer.testing import CliRunner

Command = Callable[..., Any]
COMMANDS = (
    (),
    ("demo",),
    ("up",),
    ("down",),
    ("status",),
    ("logs",),
    ("restart",),
    ("train",),
    ("replay",),
    ("explain",),
    ("bench",),
    ("bench", "latency"),
)


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words) or "hydatis")
def test_every_command_has_help(words: tuple[str, ...]) -> None:
    asked = CliRunner().invoke(app, [*words, "--help"])
    assert asked.exit_code == 0
    assert "Usage" in asked.output


#: (what is wrong, arguments, exit code, a word of the sentence). STATE is an empty folder, STACK that of the running stack.
WRONG: tuple[tuple[str, str, int, str], ...] = (
    ("an unknown trace", "replay --trace nope --state STATE", 2, "nope"),
    ("a trace without its data", "replay --trace bitbrains --state STATE", 2, "--data"),
    ("data that are not there", "replay --trace bitbrains --data STATE --state STATE", 2, "Bitbrains"),
    ("one address of two", "replay --extender http://127.0.0.1:9 --state STATE", 2, "--features"),
    (
        "a stack that is not there",
        "replay --days 1 --pods 5 --extender http://127.0.0.1:9 --features 127.0.0.1:9",
        1,
        "127.0.0.1:9",
    ),
    ("a state without models", "up --state STATE", 1, "train"),
    ("no stack", "status --state STATE", 2, "hydatis up"),
    ("no stack and no decisions", "explain --state STATE/none", 2, "hydatis up"),
    ("no logs", "logs --state STATE", 2, "no log"),
    ("an unknown process", "restart nobody --state STACK", 2, "nobody"),
    ("an unknown effort", "train --effort heroic --state STATE", 2, "heroic"),
    ("a bench over a running stack", "bench latency --state STACK", 2, "--state"),
)


@pytest.mark.parametrize(("what", "line", "code", "word"), WRONG, ids=[row[0] for row in WRONG])
def test_what_is_wrong_is_one_sentence_and_an_exit_code(
    what: str, line: str, code: int, word: str, hydatis: Command, stack: Stack, tmp_path: Path
) -> None:
    words = [part.replace("STATE", str(tmp_path)).replace("STACK", str(stack.state.root)) for part in line.split()]
    asked = hydatis(*words)
    assert asked.code == code, asked.err
    assert asked.out == ""
    assert "Traceback" not in asked.err
    (sentence,) = (text for text in asked.err.splitlines() if text.startswith("error:"))
    assert word in sentence


def test_an_unknown_option_is_a_usage_error(hydatis: Command) -> None:
    asked = hydatis("up", "--nonsense")
    assert (asked.code, asked.out) == (2, "")
    assert "--nonsense" in asked.err


def test_down_of_nothing_is_no_error(hydatis: Command, tmp_path: Path) -> None:
    asked = hydatis("down", "--state", str(tmp_path))
    assert asked.code == 0
    assert "No stack" in asked.err


def test_up_of_a_running_stack_says_where_it_is(hydatis: Command, stack: Stack) -> None:
    asked = hydatis("up", "--state", str(stack.state.root))
    assert asked.code == 0
    assert stack.extender_url in asked.err


def test_status_is_json_for_programs_and_a_table_for_people(hydatis: Command, command: Command, stack: Stack) -> None:
    told = json.loads(hydatis("status", "--state", str(stack.state.root), "--json").out)
    assert told["extender"] == stack.extender_url
    assert told["features"] == stack.features_address
    assert [row["name"] for row in told["processes"]] == [process.name for process in stack.processes()]
    assert all(row["ready"] and row["state"] == "RUNNING" and row["memory_bytes"] > 2**20 for row in told["processes"])
    assert all(row["ports"] for row in told["processes"])
    shown = command("status", "--state", str(stack.state.root)).out
    assert all(process.name in shown for process in stack.processes())


def test_logs_are_lines_of_json(hydatis: Command, stack: Stack) -> None:
    asked = hydatis("logs", "forecaster", "--state", str(stack.state.root), "-n", "5")
    lines = [json.loads(line) for line in asked.out.splitlines()]
    assert lines
    assert {line["service.name"] for line in lines} == {"forecaster"}


def test_a_replay_by_the_command_is_json_for_programs(command: Command, stack: Stack, tmp_path: Path) -> None:
    where = ["--extender", stack.extender_url, "--features", stack.features_address]
    report = tmp_path / "report.html"
    asked = command("replay", *where, "--pods", "40", "--nodes", "6", "--days", "1", "--report", str(report), "--json")
    assert asked.code == 0, asked.err
    told = json.loads(asked.out)
    assert [outcome["policy"] for outcome in told["outcomes"]] == ["hydatis", "stock", "random"]
    assert told["full_rung_ratio"] >= 0.99
    assert told["unanswered_count"] == 0
    assert set(told["models"]) == set(MODELS)
    loaded = re.findall(r"""<(?:script|link|img|iframe)[^>]+(?:src|href)=["']([^"']+)""", report.read_text())
    assert [source for source in loaded if not source.startswith("data:")] == [], "the page is self-contained"
