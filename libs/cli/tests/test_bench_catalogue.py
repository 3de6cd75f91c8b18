"""`hydatis bench catalogue` on a small slice: every figure is there, and none is a result."""

from __future__ import annotations

import json
from pathlib import Path

from hydatis_cli.catalogue_bench import ManyVersions, registering_seconds, write_samples
from hydatis_cli.main import app
from typer.testing import CliRunner

ASKED = 11


def untold(_done: int, _total: int, _text: str) -> None:
    """Nobody watches."""


def test_made_up_data_are_the_same_for_the_same_seed_and_have_their_size(tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("same", 1), ("other", 2)):
        write_samples(tmp_path / name, 500_000, seed)
    measured = {
        name: registering_seconds(tmp_path / name, tmp_path / f"{name}-home", 1, untold) for name in ("one", "same", "other")
    }
    assert measured["one"]["digest"] == measured["same"]["digest"] != measured["other"]["digest"]
    assert abs(measured["one"]["bytes_count"] - 500_000) < 50_000
    assert {what: len(seconds) for what, seconds in measured["one"]["seconds"].items()} == {
        "register": 1,
        "register again": 1,
        "verify": 1,
        "check out": 1,
    }


def test_every_question_is_asked_of_a_catalogue_that_is_full(tmp_path: Path) -> None:
    many = ManyVersions(tmp_path, 30)
    many.fill(untold)
    asked = many.asked_ms(2)
    assert len(asked) == ASKED
    assert all(len(spent) == 2 for spent in asked.values())


def test_without_a_place_for_the_figures_nothing_is_measured() -> None:
    assert CliRunner().invoke(app, ["bench", "catalogue", "--quick"]).exit_code == 2


def test_a_slice_is_stored_with_what_it_was_made_by(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        app, ["bench", "catalogue", "--quick", "--repeats", "1", "--json", str(tmp_path / "b.json")], env={"HYDATIS_DATA": ""}
    )
    assert done.exit_code == 0, done.output
    figures = json.loads((tmp_path / "b.json").read_text())
    assert figures["command"] == "hydatis bench catalogue --json JSON --seed 1 --repeats 1 --quick"
    assert list(figures["registered"]) == ["synthetic"]
