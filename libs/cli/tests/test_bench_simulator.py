"""`hydatis bench simulator`: every policy placed every pod, and the figures are stored."""

from __future__ import annotations

import json
from pathlib import Path

from hydatis_cli.main import app
from typer.testing import CliRunner


def test_it_tells_a_rate_for_each_policy_and_stores_them_with_the_command(tmp_path: Path) -> None:
    stored = tmp_path / "simulator.json"
    line = ["bench", "simulator", "--nodes", "20", "--pods", "60", "--rounds", "1", "--json", str(stored)]
    ran = CliRunner().invoke(app, line)
    assert ran.exit_code == 0, ran.output
    figures = json.loads(stored.read_text())
    assert figures["command"] == "hydatis bench simulator --seed 1 --nodes 20 --pods 60 --rounds 1"
    rates = figures["placements_per_second"]
    assert {"random", "least-allocated", "hydatis-greedy"} < set(rates)
    assert min(rates.values()) > 0
