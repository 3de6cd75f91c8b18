"""hydatis bench sizing on a small folder: figures, a page, sentences for bad input."""

import json

import pytest
from hydatis_cli.console import EXIT_USAGE, exit_code_of
from hydatis_cli.main import app
from hydatis_core.errors import TraceRefused
from typer.testing import CliRunner

MACHINES = 12


def run(data, json_path, *more):
    options = ["--seeds", "1", "--pods", "40", *more]
    return CliRunner().invoke(app, ["bench", "sizing", "--data", str(data), "--json", str(json_path), *options])


@pytest.fixture(scope="module")
def whole(tmp_path_factory, write_months):
    folder = tmp_path_factory.mktemp("sizing")
    found = run(
        write_months(folder / "data", days=19, machines=MACHINES), folder / "figures.json", "--report", str(folder / "page.html")
    )
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


def test_too_short_a_trace_is_refused_in_a_sentence(tmp_path, write_months):
    found = run(write_months(tmp_path / "short", days=12, machines=MACHINES), tmp_path / "none.json")
    assert isinstance(found.exception, TraceRefused)
    assert "12 days" in str(found.exception)
    assert exit_code_of(found.exception) == EXIT_USAGE
    assert not (tmp_path / "none.json").exists()
