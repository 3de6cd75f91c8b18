"""Figures of a benchmark as they are stored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hydatis_cli.stored_figures import storable, store_figures


def test_what_is_unknown_is_null_and_floats_have_six_digits():
    assert storable({"a": [1 / 3, float("nan")], "b": (float("inf"), 3), "c": 1234567.8, "d": True}) == {
        "a": [0.333333, None],
        "b": [None, 3],
        "c": 1234570.0,
        "d": True,
    }


def test_they_are_read_again_as_they_were_a_line_for_each_name(tmp_path: Path):
    figures = {"command": "hydatis bench x", "sets": {"a": [1, None]}, "seeds": [1, 2]}
    store_figures(tmp_path / "x.json", figures)
    text = (tmp_path / "x.json").read_text()
    assert json.loads(text) == figures
    assert len(text.splitlines()) == len(figures) + 2


def test_what_json_does_not_know_is_not_written(tmp_path: Path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        store_figures(tmp_path / "x.json", {"a": float("nan")})
    assert not list(tmp_path.iterdir())
