"""Detectors, faults and whole runs over small made-up machines."""

import numpy as np
import pytest
from hydatis_core.errors import InvalidValue
from hydatis_core.nodes import Node
from hydatis_core.resources import Resources
from hydatis_simulator.benchmark.anomaly.detectors import DETECTORS, OURS, Unlabelled, detect
from hydatis_simulator.benchmark.anomaly.fault_plan import labels_of, plan_faults, with_faults
from hydatis_simulator.benchmark.anomaly.faults import FAULTS, Stretch, inject
from hydatis_simulator.benchmark.anomaly.machine_run import run_machines
from hydatis_simulator.benchmark.anomaly.nab_run import run_nab
from hydatis_simulator.labelled.machine import LabelledMachine, Segment
from hydatis_simulator.labelled.nab import NabSeries

METRICS = ("cpu", "memory", "disk")


def make_machine(name: str, seed: int, rows: int = 700) -> LabelledMachine:
    """Three metrics that move together; for twenty rows two of them leave."""
    random = np.random.default_rng(seed)
    load = 0.4 + 0.1 * np.sin(np.arange(2 * rows) / 40)
    values = np.column_stack([load, load, 0.5 * load]) + random.normal(0, 0.01, (2 * rows, 3))
    first = rows + 400
    values[first : first + 20, :2] += 0.4
    labels = np.zeros(rows, dtype=np.bool_)
    labels[400:420] = True
    values = values.astype(np.float32)
    return LabelledMachine(name, METRICS, 300.0, values[:rows], values[rows:], labels, (Segment(400, 420, (0, 1)),))


@pytest.fixture(scope="module")
def machine() -> LabelledMachine:
    return make_machine("a", 1)


@pytest.mark.parametrize("detector", [OURS, *DETECTORS])
def test_every_detector_answers_risks_and_sees_nothing_ahead(detector: str, machine: LabelledMachine) -> None:
    judged = detect(detector, Unlabelled(METRICS, machine.train, machine.test, 1), (0.01, 0.015))
    assert judged.risk.shape == (700,)
    assert ((judged.risk >= 0) & (judged.risk <= 1)).all()
    assert judged.threshold_by_rate[0.01] >= judged.threshold_by_rate[0.015] > 0
    other = machine.test.copy()
    other[600:] = 9.0
    again = detect(detector, Unlabelled(METRICS, machine.train, other, 1), (0.01, 0.015))
    assert again.risk[:600].tobytes() == judged.risk[:600].tobytes()
    assert dict(again.threshold_by_rate) == dict(judged.threshold_by_rate)


@pytest.mark.parametrize("detector", [OURS, *DETECTORS])
def test_constant_and_unknown_metrics_are_borne(detector: str, machine: LabelledMachine) -> None:
    train, test = machine.train.copy(), machine.test.copy()
    train[:, 2] = test[:, 2] = 0.5
    test[100:130, 1] = np.nan
    judged = detect(detector, Unlabelled(METRICS, train, test, 1), (0.015,))
    assert np.isfinite(judged.risk).all()


def test_a_machine_shorter_than_a_window_or_wholly_unknown_is_refused(machine: LabelledMachine) -> None:
    with pytest.raises(InvalidValue, match="rows"):
        detect(OURS, Unlabelled(METRICS, machine.train[:5], machine.test, 1), (0.015,))
    with pytest.raises(InvalidValue, match="known"):
        detect(OURS, Unlabelled(METRICS, np.full_like(machine.train, np.nan), machine.test, 1), (0.015,))


def test_a_run_finds_what_is_there_names_it_and_beats_chance() -> None:
    told: list[tuple[int, int]] = []
    figures = run_machines(
        [make_machine("a", 1), make_machine("b", 2)], seed=1, progress=lambda done, total, _: told.append((done, total))
    )
    ours, chance = figures["detectors"][OURS], figures["detectors"]["random"]
    assert ours["ranking"]["auc_pr"] > 0.5 > 0.2 > chance["ranking"]["auc_pr"]
    for asked in ("at_alarm", "at_peak"):
        assert ours["blame"][asked]["first_named_hits"] == 1.0
        assert ours["blame"][asked]["chance"] == pytest.approx(2 / 3)
    (default,) = [one for one in ours["alarms"] if (one["rate"], one["threshold"], one["confirm_ticks"]) == (0.01, "trailing", 3)]
    assert default["event_recall"] == 1.0
    assert default["point_false_positive_worst"] < 0.08
    assert told[-1][0] == told[-1][1]


def test_a_run_over_series_scores_as_nab_does() -> None:
    random = np.random.default_rng(1)
    values = random.normal(10, 1, 1000).astype(np.float32)
    values[500:520] += 40
    series = NabSeries("s", np.arange(1000) * 300, values, ((480, 579),))
    figures = run_nab([series], {"null": {"s": -1.0}, "partial": {}}, seed=1, progress=lambda *_: None)
    assert figures["published"] == {"null": 0.0}
    assert figures["detectors"][OURS]["nab_score"] > 50
    best = {name: one["nab_score_best_threshold_on_labels"] for name, one in figures["detectors"].items()}
    assert best[OURS] > best["random"]


def stretch() -> Stretch:
    random = np.random.default_rng(3)
    usage = np.abs(random.normal([4, 2e10, 1e6, 1e6, 2e6, 3e6], [1, 1e9, 1e5, 1e5, 2e5, 3e5], (48, 6))).astype(np.float32)
    return Stretch(usage[24:], usage[:24], 16.0, 6.4e10)


@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_fault_changes_the_measurements_within_the_node_and_hangs_on_the_seed(fault: str) -> None:
    whole = stretch()
    before = whole.usage.copy()
    first, again, other = (inject(fault, whole, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.dtype == np.float32
    assert first.tobytes() == again.tobytes() != other.tobytes()
    assert first.tobytes() != before.tobytes() == whole.usage.tobytes()
    assert (first[:, 0] <= 16.0).all()
    assert (first[:, 1] <= 6.5e10).all()


def test_faults_do_what_their_names_say() -> None:
    whole = stretch()
    leak = inject("memory leak", whole, np.random.default_rng(1))
    assert leak[-1, 1] > 0.6 * 6.4e10
    assert inject("noisy neighbour", whole, np.random.default_rng(1))[:, 0].mean() > whole.usage[:, 0].mean() + 1
    assert (inject("CPU steal", whole, np.random.default_rng(1))[:, 0] < 0.61 * whole.usage[:, 0]).all()
    assert inject("disk saturation", whole, np.random.default_rng(1))[:, 5].min() > 2 * whole.before[:, 5].max()
    stuck = inject("stuck metric", whole, np.random.default_rng(1))
    assert [len(np.unique(column)) for column in stuck.T].count(1) == 1


def test_faults_are_planned_apart_and_labelled() -> None:
    faults = plan_faults(3000, 2, 300.0, quiet_ticks=500, per_node=5, seed=1)
    assert {fault.kind for fault in faults} == set(FAULTS)
    labels = labels_of(faults, 3000, 2)
    assert not labels[:500].any()
    assert labels.sum() == sum(fault.end - fault.first for fault in faults)
    nodes = tuple(Node(f"n{place}", Resources(16.0, 6.4e10)) for place in range(2))
    usage = np.tile(np.concatenate([stretch().before, stretch().usage]), (63, 1))[:3000, None].repeat(2, axis=1)
    changed = with_faults(usage, nodes, faults, 1)
    assert changed[~labels].tobytes() == usage[~labels].tobytes()
    with pytest.raises(InvalidValue, match="too few"):
        plan_faults(600, 2, 300.0, quiet_ticks=500, per_node=5, seed=1)
