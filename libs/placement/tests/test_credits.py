"""Credits: what is counted, until when, and never twice."""

from dataclasses import replace

import numpy as np
import pytest
from hydatis_core.errors import Duplicate, InvalidValue, WrongShape
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_features.expected_use import ExpectedUse, UseSource
from hydatis_features.schema import SCHEMA
from hydatis_features.table import NodeTable
from hydatis_features.use_law import COLD_LAW, loads
from hydatis_placement.credit_ledger import CreditLedger
from hydatis_placement.credits import CREDIT_COLUMNS, Credits

GIB = 2.0**30
USE = ExpectedUse(0.2, 0.5, 1 * GIB, 2 * GIB, UseSource.PROFILE)
NODES = tuple(f"node-{i}" for i in range(4))
T0 = 1_200_000
TICK = 60.0
WINDOW = 900.0
DELAY = 15.0
CPU_P50, CPU_REQUESTED, POD_COUNT = (CREDIT_COLUMNS.index(c) for c in ("cpu_p50_cores", "cpu_requested_cores", "pod_count"))


def table(generation: int, names: tuple[str, ...] = NODES) -> NodeTable:
    values = np.zeros((len(names), len(SCHEMA.names)), dtype=np.float32)
    values[:, SCHEMA.index["cpu_allocatable_cores"]] = 4.0
    values[:, SCHEMA.index["memory_allocatable_bytes"]] = 16 * GIB
    return NodeTable(
        generation,
        names,
        SCHEMA.names,
        values,
        SCHEMA.hashes,
        tick_seconds=TICK,
        metric_window_seconds=WINDOW,
        scrape_delay_seconds=DELAY,
    )


def pod(uid: str) -> Pod:
    return Pod(uid, requests=Resources(1.0, 4 * GIB))


def on(credits: Credits, row: int) -> list[float]:
    return credits.at(np.array([row], dtype=np.int32), len(NODES))[:, 0].tolist()


def test_a_bound_pod_is_credited_in_full_at_once() -> None:
    ledger = CreditLedger()
    assert ledger.confirm(pod("a"), "node-2", USE, T0 + 5.0, T0)
    credits = ledger.credits(table(T0), T0 + 6.0)
    assert credits.rows.tolist() == [2]
    assert credits.values[0, :7].tolist() == pytest.approx([0.2, 0.5, GIB, 2 * GIB, 1.0, 4 * GIB, 1.0])


def test_loads_are_those_of_the_pods_law_in_the_room_of_its_node_until_a_later_table_counts_them() -> None:
    """0.4 of 1 core asked for, always: a tenth of a node of 4 cores, of which 0.9 may be used. Of 4 GiB nothing."""
    ledger = CreditLedger()
    lawful = replace(USE, effective_use_ratio=(0.4,) * 12 + (0.0,) * 12)
    for uid in ("a", "b"):
        ledger.confirm(pod(uid), "node-1", lawful, T0 + 5.0, T0)
    ledger.confirm(pod("c"), "node-3", USE, T0 + 5.0, T0)
    credits = ledger.credits(table(T0), T0 + 6.0)
    assert on(credits, 1)[7:] == pytest.approx([2 * 0.4 / 3.6] * 3 + [0.0] * 3)
    cold = loads(COLD_LAW[None], np.array([[1.0, 4 * GIB]]), np.array([[3.6, 16 * 0.95 * GIB]])).ravel()
    assert on(credits, 3)[7:] == pytest.approx(cold.tolist())
    assert on(ledger.credits(table(T0), T0 + 6.0, without_uid="a"), 1)[7:10] == pytest.approx([0.4 / 3.6] * 3)
    assert on(ledger.credits(table(T0 + 60), T0 + 61.0), 1)[7:] == [0.0] * 6


@pytest.mark.parametrize(
    ("generation_after_bind_seconds", "left"),
    [(0, 1.0), (15, 1.0), (15 + 90, 0.9), (15 + 450, 0.5), (15 + 885, 15 / 900), (15 + 900, 0.0), (5000, 0.0)],
)
def test_use_credit_decays_exactly_as_the_metric_window_fills(generation_after_bind_seconds: int, left: float) -> None:
    ledger = CreditLedger()
    ledger.confirm(pod("a"), "node-0", USE, float(T0), T0)
    credits = ledger.credits(table(T0 + generation_after_bind_seconds), 0.0)
    assert on(credits, 0)[:4] == pytest.approx([0.2 * left, 0.5 * left, GIB * left, 2 * GIB * left])


def test_requests_count_until_a_later_table_counts_them() -> None:
    ledger = CreditLedger()
    ledger.confirm(pod("a"), "node-0", USE, T0 + 5.0, T0)
    same, later = ledger.credits(table(T0), T0 + 6.0), ledger.credits(table(T0 + 60), T0 + 61.0)
    assert on(same, 0)[4:7] == [1.0, 4 * GIB, 1.0]
    assert on(later, 0)[4:] == [0.0] * 9
    assert on(later, 0)[CPU_P50] > 0


def test_an_older_table_still_gets_the_requests_it_does_not_count() -> None:
    ledger = CreditLedger()
    ledger.confirm(pod("a"), "node-0", USE, T0 + 65.0, T0 + 60)
    assert on(ledger.credits(table(T0 + 60), T0 + 66.0), 0)[POD_COUNT] == 1.0
    assert on(ledger.credits(table(T0), T0 + 66.0), 0)[POD_COUNT] == 1.0


def test_a_choice_is_credited_until_it_expires() -> None:
    ledger = CreditLedger(provisional_seconds=30.0)
    ledger.choose(pod("a"), "node-1", USE, T0 + 5.0, T0)
    assert on(ledger.credits(table(T0), T0 + 34.9), 1)[CPU_P50] == pytest.approx(0.2)
    assert ledger.credits(table(T0), T0 + 35.0).rows.size == 0
    assert len(ledger) == 0


def test_a_choice_counts_in_full_on_a_later_table_while_it_is_not_bound() -> None:
    ledger = CreditLedger(provisional_seconds=300.0)
    ledger.choose(pod("a"), "node-1", USE, T0 + 5.0, T0)
    assert on(ledger.credits(table(T0 + 120), T0 + 121.0), 1)[4:7] == [1.0, 4 * GIB, 1.0]
    assert on(ledger.credits(table(T0 + 120), T0 + 121.0), 1)[CPU_P50] == pytest.approx(0.2)


def test_the_bind_delta_confirms_a_choice_and_moves_it_to_the_real_node() -> None:
    ledger = CreditLedger(provisional_seconds=30.0)
    ledger.choose(pod("a"), "node-1", USE, T0 + 5.0, T0)
    assert ledger.confirm(pod("a"), "node-3", USE, T0 + 6.0, T0)
    credits = ledger.credits(table(T0), T0 + 100.0)
    assert credits.rows.tolist() == [3]
    assert on(credits, 3)[POD_COUNT] == 1.0


def test_a_later_choice_for_the_same_pod_replaces_the_first() -> None:
    ledger = CreditLedger()
    ledger.choose(pod("a"), "node-1", USE, T0 + 5.0, T0)
    ledger.choose(pod("a"), "node-2", USE, T0 + 7.0, T0)
    assert ledger.credits(table(T0), T0 + 8.0).rows.tolist() == [2]


def test_saying_a_thing_twice_changes_nothing() -> None:
    ledger = CreditLedger()
    assert ledger.confirm(pod("a"), "node-1", USE, T0 + 5.0, T0)
    assert not ledger.confirm(pod("a"), "node-2", USE, T0 + 9.0, T0 + 60)
    assert not ledger.choose(pod("a"), "node-3", USE, T0 + 9.0, T0)
    assert on(ledger.credits(table(T0), T0 + 10.0), 1)[POD_COUNT] == 1.0
    assert ledger.end("a", T0 + 20.0)
    assert not ledger.end("a", T0 + 20.0)


def test_an_ended_pod_has_no_credit_and_a_late_bind_does_not_bring_it_back() -> None:
    ledger = CreditLedger()
    ledger.confirm(pod("a"), "node-1", USE, T0 + 5.0, T0)
    ledger.end("a", T0 + 20.0)
    assert not ledger.confirm(pod("a"), "node-1", USE, T0 + 5.0, T0)
    assert ledger.credits(table(T0), T0 + 21.0).rows.size == 0


def test_an_earlier_choice_does_not_weigh_on_its_own_pod() -> None:
    ledger = CreditLedger()
    ledger.choose(pod("a"), "node-1", USE, T0 + 5.0, T0)
    assert ledger.credits(table(T0), T0 + 6.0, without_uid="a").rows.size == 0
    assert ledger.credits(table(T0), T0 + 6.0, without_uid="b").rows.tolist() == [1]


def test_nodes_that_the_table_lacks_have_no_credit() -> None:
    ledger = CreditLedger()
    ledger.confirm(pod("a"), "node-9", USE, T0 + 5.0, T0)
    assert ledger.credits(table(T0), T0 + 6.0).rows.size == 0
    assert ledger.credits(table(T0, ("node-9", "x")), T0 + 6.0).rows.tolist() == [0]


def test_a_burst_of_200_pods_is_credited_and_never_counted_twice() -> None:
    """200 pods within one tick: chosen, then bound, then counted by the next table, then measured."""
    ledger = CreditLedger(provisional_seconds=30.0)
    total = np.zeros(len(CREDIT_COLUMNS))
    for i in range(200):
        ledger.choose(pod(f"p{i}"), NODES[i % 4], USE, T0 + 5.0 + i * 0.1, T0)
        seen = ledger.credits(table(T0), T0 + 5.0 + i * 0.1).values.sum(axis=0)
        assert seen[POD_COUNT] == i + 1
        if i % 2:
            ledger.confirm(pod(f"p{i}"), NODES[(i + 1) % 4], USE, T0 + 5.05 + i * 0.1, T0)
            assert ledger.credits(table(T0), T0 + 5.1 + i * 0.1).values.sum(axis=0)[POD_COUNT] == i + 1
    for i in range(0, 200, 2):
        ledger.confirm(pod(f"p{i}"), NODES[i % 4], USE, T0 + 26.0, T0)
    total = ledger.credits(table(T0), T0 + 27.0).values.sum(axis=0)
    assert total[POD_COUNT] == 200
    assert total[CPU_REQUESTED] == 200
    assert total[CPU_P50] == pytest.approx(200 * 0.2, rel=1e-5)
    counted = ledger.credits(table(T0 + 60), T0 + 61.0).values.sum(axis=0)
    assert counted[4:].tolist() == [0.0] * 9
    assert 0.9 * 40 < counted[CPU_P50] < 40
    assert ledger.credits(table(T0 + 1020), T0 + 1021.0).rows.size == 0


def test_entries_that_no_table_needs_are_forgotten() -> None:
    ledger = CreditLedger()
    for i in range(100):
        ledger.confirm(pod(f"p{i}"), "node-0", USE, T0 + 5.0, T0)
    ledger.credits(table(T0 + 960), T0 + 961.0)
    assert len(ledger) == 100
    ledger.credits(table(T0 + 1200), T0 + 1201.0)
    assert len(ledger) == 0


def test_confirming_the_recent_binds_rebuilds_the_ledger_after_a_restart() -> None:
    before, after = CreditLedger(), CreditLedger()
    deltas = [(pod(f"p{i}"), NODES[i % 4], USE, T0 + 7.0 * i, T0 + int(7 * i // 60) * 60) for i in range(60)]
    for delta in deltas:
        before.choose(delta[0], "node-0", USE, delta[3], delta[4])
        before.confirm(*delta)
    for delta in [*deltas, *deltas]:
        after.confirm(*delta)
    now = table(T0 + 420)
    np.testing.assert_array_equal(before.credits(now, T0 + 421.0).values, after.credits(now, T0 + 421.0).values)


def test_a_cleared_ledger_is_as_new() -> None:
    ledger = CreditLedger()
    ledger.confirm(pod("a"), "node-0", USE, T0 + 5.0, T0)
    ledger.end("b", T0 + 5.0)
    ledger.clear()
    assert ledger.credits(table(T0), T0 + 6.0).rows.size == 0
    assert ledger.confirm(pod("b"), "node-0", USE, T0 + 5.0, T0)


@pytest.mark.parametrize(
    ("rows", "values", "error"),
    [
        (np.zeros(1, np.int64), np.zeros((1, 13), np.float32), WrongShape),
        (np.zeros(1, np.int32), np.zeros((1, 7), np.float32), WrongShape),
        (np.zeros(1, np.int32), np.zeros((1, 13)), WrongShape),
        (np.zeros(2, np.int32), np.zeros((2, 13), np.float32), Duplicate),
        (np.array([-1], np.int32), np.zeros((1, 13), np.float32), InvalidValue),
        (np.zeros(1, np.int32), np.full((1, 13), np.nan, np.float32), InvalidValue),
        (np.zeros(1, np.int32), np.full((1, 13), -1, np.float32), InvalidValue),
    ],
)
def test_credits_that_cannot_be_are_refused(rows: np.ndarray, values: np.ndarray, error: type[Exception]) -> None:
    with pytest.raises(error):
        Credits(rows, values)


def test_a_row_beyond_the_table_is_refused() -> None:
    credits = Credits(np.array([9], dtype=np.int32), np.zeros((1, 13), dtype=np.float32))
    with pytest.raises(InvalidValue):
        credits.at(np.array([0], dtype=np.int32), 4)


def test_a_ledger_needs_an_expiry() -> None:
    with pytest.raises(InvalidValue):
        CreditLedger(provisional_seconds=0.0)


def test_credits_kept_up_to_date_are_those_of_a_ledger_that_is_told_everything_at_once() -> None:
    random = np.random.default_rng(3)
    kept = CreditLedger(provisional_seconds=30.0)
    said: list[tuple[str, str, str, float, int]] = []
    now, generation = float(T0), T0
    for step in range(400):
        now += float(random.uniform(0, 3))
        generation = T0 + int(now - T0) // 60 * 60
        verb = ("choose", "confirm", "confirm", "end")[int(random.integers(4))]
        said.append((verb, f"p{random.integers(60)}", NODES[random.integers(4)], now, generation))
        _say(kept, said[-1])
        if step % 7 == 0:
            told_at_once = CreditLedger(provisional_seconds=30.0)
            for entry in said:
                _say(told_at_once, entry)
            without = f"p{random.integers(60)}" if step % 2 else ""
            mine = kept.credits(table(generation), now, without_uid=without)
            fresh = told_at_once.credits(table(generation), now, without_uid=without)
            assert mine.rows.tolist() == fresh.rows.tolist()
            assert mine.values == pytest.approx(fresh.values, rel=1e-6)


def _say(ledger: CreditLedger, entry: tuple[str, str, str, float, int]) -> None:
    verb, uid, node, time, generation = entry
    if verb == "end":
        ledger.end(uid, time)
    else:
        (ledger.choose if verb == "choose" else ledger.confirm)(pod(uid), node, USE, time, generation)
