from __future__ import annotations

import json

import numpy as np
from hydatis_simulator.outcomes import OUTCOME_FIGURES, Outcome, Placement, node_load_figures, placements_digest


def test_load_figures_golden_values():
    load = np.array([[0.5, 1.0], [0.5, 0.6]], dtype=np.float32)
    figures = node_load_figures("cpu", load, 0.9, 300.0)
    assert np.isclose(figures["cpu_load_mean_ratio"], 0.65)
    assert np.isclose(figures["cpu_load_max_ratio"], 1.0)
    assert figures["cpu_overload_node_minutes"] == 5.0
    assert figures["cpu_overload_node_time_ratio"] == 0.25
    assert np.isclose(figures["cpu_overload_severity_ratio"], 0.1)
    assert np.isclose(figures["cpu_imbalance_std_ratio"], (0.25 + 0.05) / 2)
    assert np.isclose(figures["cpu_imbalance_max_less_mean_ratio"], (0.25 + 0.05) / 2)


def test_an_unknown_load_gives_unknown_figures():
    figures = node_load_figures("memory", np.full((2, 2), np.nan, dtype=np.float32), 0.95, 300.0)
    assert len(figures) == 10
    assert all(np.isnan(value) for value in figures.values())


def test_never_overloaded_has_severity_zero():
    assert node_load_figures("cpu", np.zeros((3, 2), dtype=np.float32), 0.9, 60.0)["cpu_overload_severity_ratio"] == 0.0


def test_the_digest_depends_on_pod_node_time_and_order():
    one, two = Placement("a", "n0", 1.0), Placement("b", "n1", 2.0)
    digests = {placements_digest(p) for p in ((one, two), (two, one), (one,), (one, Placement("b", "n1", 3.0)), ())}
    assert len(digests) == 5


def test_json_holds_figures_and_matrices_only_when_asked():
    matrix = np.array([[0.123456, np.nan]], dtype=np.float32)
    outcome = Outcome(
        policy="stock", trace="t", trace_digest="d", seed=1, tick_seconds=300.0, node_names=("n0", "n1"),
        tick_times_seconds=np.array([300.0]), cpu_load=matrix, memory_load=matrix, pod_counts=np.zeros((1, 2), dtype=np.int32),
        placements=(Placement("a", "n0", 1.0),), pending_uids=(), figures={"oom_count": float("nan"), "placed_count": 1.0},
    )  # fmt: skip
    plain = json.loads(outcome.to_json())
    assert plain["figures"] == {"oom_count": None, "placed_count": 1.0}
    assert plain["placements_digest"] == outcome.digest
    assert "cpu_load" not in plain
    assert "placements" not in plain
    whole = json.loads(outcome.to_json(matrices=True, placements=True))
    assert whole["cpu_load"] == [[0.1235, None]]
    assert whole["placements"] == [{"pod_uid": "a", "node_name": "n0", "time_seconds": 1.0}]


def test_every_figure_has_a_name_of_its_own_and_a_sentence():
    assert len({figure.name for figure in OUTCOME_FIGURES}) == len(OUTCOME_FIGURES)
    assert all(figure.text.endswith(".") and figure.better in ("", "lower", "higher") for figure in OUTCOME_FIGURES)
