"""hydatis bench sizing on a small folder: figures, a page, sentences for bad input."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hydatis_cli.console import EXIT_USAGE, exit_code_of
from hydatis_cli.main import app
from hydatis_core.errors import TraceRefused
from typer.testing import CliRunner

START, STEP, DAY = 1_372_629_600, 300, 288
MACHINES = range(1, 13)


def write_months(folder, days):
    """Machines of two cores and 4 GiB with a daily wave and bursts, laid out as the published trace."""
    random = np.random.default_rng(1)
    steps = np.arange(days * DAY)
    columns = {"vm_id": np.repeat(MACHINES, steps.size), "timestamp_s": np.tile(START + steps * STEP, len(MACHINES))}
    samples = len(columns["vm_id"])
    wave = 25.0 + 15.0 * np.sin(2 * np.pi * columns["timestamp_s"] / 86400)
    columns |= {
        "cpu_cores": np.full(samples, 2),
        "cpu_capacity_mhz": np.full(samples, 5200.0),
        "cpu_usage_pct": wave + np.where(random.random(samples) < 0.02, 50.0, 0.0),
        "memory_capacity_kib": np.full(samples, 4.0 * 2**20),
        "memory_usage_kib": 2.0**20 * (1.0 + np.repeat(random.random(len(MACHINES)), steps.size)),
    }
    columns["cpu_usage_mhz"] = columns["cpu_usage_pct"] * 52.0
    for name in ("net_received", "net_transmitted", "disk_read", "disk_write"):
        columns[f"{name}_kib_per_s"] = np.zeros(samples)
    (folder / "bitbrains").mkdir(parents=True)
    pq.write_table(pa.table(columns), folder / "bitbrains" / "rnd_2013-07.parquet")
    return folder


def run(data, json_path, *more):
    options = ["--seeds", "1", "--pods", "40", *more]
    return CliRunner().invoke(app, ["bench", "sizing", "--data", str(data), "--json", str(json_path), *options])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sizing")
    found = run(write_months(folder / "data", days=19), folder / "figures.json", "--report", str(folder / "page.html"))
    assert found.exception is None, found.output
    return folder


def test_every_method_has_its_price_and_ours_its_risk(whole):
    figures = json.loads((whole / "figures.json").read_text())
    for found in figures["methods"].values():
        replayed = found["backtest"]
        assert 0 < replayed["cpu_requested_ratio"] <= 1
        assert 0 < replayed["memory_requested_ratio"] <= replayed["memory_limited_ratio"] <= 1
        assert set(found["nodes"]) == {"least-allocated", "most-allocated"}
    assert {found["family"] for found in figures["methods"].values() if found["is_default"]} == {
        "hydatis",
        "autoscaler",
        "autopilot",
    }
    assert figures["expected"]["cpu_above_ratio"][0]["pod_days_count"] > 0
    assert "--pods 40 --seeds 1" in figures["command"]
    assert "data" not in figures["command"].lower().replace("--data data", "")


def test_the_page_holds_all_it_needs(whole):
    page = (whole / "page.html").read_text()
    assert page.count("Plotly.newPlot") == 4 + page.split("</script>")[0].count("Plotly.newPlot")
    assert 'src="http' not in page
    for shown in ("days with a kill", "What recommendations stated", "hydatis p98"):
        assert shown in page


def test_too_short_a_trace_is_refused_in_a_sentence(tmp_path):
    found = run(write_months(tmp_path / "short", days=12), tmp_path / "none.json")
    assert isinstance(found.exception, TraceRefused)
    assert "12 days" in str(found.exception)
    assert exit_code_of(found.exception) == EXIT_USAGE
    assert not (tmp_path / "none.json").exists()
