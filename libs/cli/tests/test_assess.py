"""An assessment of a small synthetic capture, as tables, as a page and as money."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hydatis_assessment.analysis.assessment import assess
from hydatis_assessment.capture.cluster_capture import open_capture
from hydatis_cli.assess_report import assess_page
from hydatis_cli.assess_savings import saved_by_lever
from hydatis_cli.assess_tables import assess_rows, assess_tables
from hydatis_cli.assess_words import headline
from hydatis_cli.prices import HOURS_A_MONTH, Prices
from hydatis_cli.stored_figures import storable, store_figures
from hydatis_cli.synthetic_capture import write_synthetic_capture
from rich.console import Console

PRICES = Prices(currency="EUR", node_hour=1.0)


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Of 40 pods on 4 nodes, five days."""
    folder = tmp_path_factory.mktemp("assess") / "capture"
    write_synthetic_capture(folder, pods_count=40, nodes_count=4, days=5, seed=1)
    found = assess(open_capture(folder), {}, lambda *_: None, samples_count=2, pods_count=40)
    found["saved"] = saved_by_lever(found["savings"], PRICES)
    return {"command": "hydatis assess --from CAPTURE", "versions": {"numpy": "2"}} | storable(found)


def test_savings_are_beside_the_nodes_that_are_there_and_priced(figures: dict[str, Any]) -> None:
    saved = figures["saved"]
    assert saved["beside"] == "now"
    assert saved["now_a_month"] == pytest.approx(4 * HOURS_A_MONTH)
    for lever in figures["savings"]["levers"]:
        for ratio, nodes in lever["nodes"].items():
            one = saved["levers"][lever["name"]][ratio]
            if nodes["value"] is None:
                assert one is None
                continue
            assert one["nodes"]["value"] == pytest.approx(4.0 - nodes["value"], abs=1e-4)
            assert one["nodes"]["low"] == pytest.approx(4.0 - nodes["high"], abs=1e-4)
            assert one["money_a_month"]["value"] == pytest.approx(one["nodes"]["value"] * HOURS_A_MONTH, rel=1e-4)


def test_without_nodes_savings_are_beside_what_todays_requests_need(figures: dict[str, Any]) -> None:
    saved = saved_by_lever(figures["savings"] | {"nodes_now": None}, None)
    assert saved["beside"] == "today"
    assert "currency" not in saved
    assert saved["levers"]["today"]["0.01"]["nodes"]["value"] == 0.0
    assert "money_a_month" not in saved["levers"]["both"]["0.01"]


def test_tables_have_a_cell_for_every_column(figures: dict[str, Any]) -> None:
    for is_narrow in (True, False):
        tables = list(assess_rows(figures, is_narrow=is_narrow))
        assert {"Whether the law of use holds" in table.title for table in tables} == ({False} if is_narrow else {False, True})
        for table in tables:
            assert table.cells
            assert {len(cells) for cells in table.cells} == {len(table.columns)}
            assert len(set(table.columns)) >= table.left_columns_count
    console = Console(width=120, record=True, file=io.StringIO())
    for table in assess_tables(figures):
        console.print(table)
    shown = console.export_text()
    assert "4 nodes" in shown
    assert "team-" in shown
    assert "EUR a month" in " ".join(shown.split())


def test_the_page_is_whole_and_shows_what_was_asked(figures: dict[str, Any], tmp_path: Path) -> None:
    page = assess_page(figures)
    for title in (
        "Nodes needed by lever",
        "Savings of a year",
        "Waste, by namespace",
        "Requested and used, by node",
        "How well levels hold",
    ):
        assert title in page
    assert page.rstrip().endswith("</html>")
    assert "https://cdn" not in page.split("</script>", 1)[1]
    store_figures(tmp_path / "a.json", figures)
    assert json.loads((tmp_path / "a.json").read_text())["capture"]["pods_count"] == 40


def test_where_little_is_known_little_is_said(figures: dict[str, Any]) -> None:
    less = {name: value for name, value in figures.items() if name != "saved"}
    less |= {"savings": None, "forecasts": None, "not_told": ["savings: too short"]}
    assert not any("Right-sized" in sentence for sentence in headline(less))
    assert "Not told: savings: too short" in assess_page(less)
    assert all("Nodes needed" not in table.title for table in assess_rows(less))
