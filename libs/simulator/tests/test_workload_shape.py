from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hydatis_core.errors import InvalidValue, TraceRefused
from hydatis_simulator.trace import TraceReport
from hydatis_simulator.workload_shape import SERVICE_CHURN, Lifetimes, MachineSeries, WorkloadShape, make_trace, size_class

START, STEP, DAY = 1_500_000_000.0, 300.0, 288


def _series(machines: int, days: int = 1, off=None) -> MachineSeries:
    cpu = np.arange(machines * days * DAY, dtype=np.float32).reshape(machines, -1)
    return MachineSeries(
        tuple(f"m{i}" for i in range(machines)), np.full(machines, 4.0), np.full(machines, 2.0**33), cpu, cpu * 2, off
    )


def _trace(series: MachineSeries, **shape):
    return make_trace(
        "t",
        series,
        WorkloadShape(shape.pop("seed", 1), **shape),
        start_seconds=START,
        step_seconds=STEP,
        report=TraceReport("made"),
    )


@pytest.mark.parametrize(("cores", "name"), [(0.25, "cpu0"), (0.5, "cpu0"), (0.8, "cpu1"), (1, "cpu1"), (3, "cpu4"), (32, "cpu32")])
def test_size_classes_are_powers_of_two(cores, name):
    assert size_class(cores) == name


def test_a_machine_becomes_a_pod_with_its_size_as_limit_and_a_part_of_it_as_request():
    pod = _trace(_series(1), request_factor=0.25).pods[0].pod
    assert (pod.limits.cpu_cores, pod.requests.cpu_cores) == (4.0, 1.0)
    assert (pod.limits.memory_bytes, pod.requests.memory_bytes) == (2.0**33, 2.0**31)
    assert (pod.namespace, pod.workload) == ("t-cpu4", "m0")


def test_fewer_pods_than_machines_are_a_seeded_part():
    chosen = [{p.pod.workload for p in _trace(_series(40), pod_count=10, seed=seed).pods} for seed in (1, 1, 2)]
    assert chosen[0] == chosen[1] != chosen[2]
    assert len(chosen[0]) == 10


def test_copies_keep_the_workload_and_are_shifted_by_whole_days():
    trace = _trace(_series(1, days=3), pod_count=3, arrival_window_seconds=0.0)
    original, *copies = (trace.cpu_used_cores[trace.row_by_uid[f"t-m0-{copy}-0"]] for copy in range(3))
    for days, copy in enumerate(copies, start=1):
        assert np.array_equal(copy, np.roll(original, days * DAY))
    assert {p.pod.workload for p in trace.pods} == {"m0"}


def test_copies_beyond_the_days_are_still_told_apart():
    trace = _trace(_series(1, days=1), pod_count=4, arrival_window_seconds=0.0)
    assert len({row.tobytes() for row in trace.cpu_used_cores}) == 4


def test_first_arrivals_lie_in_the_window_and_in_order():
    arrivals = [p.arrival_seconds - START for p in _trace(_series(50), arrival_window_seconds=1000.0).pods]
    assert arrivals == sorted(arrivals)
    assert arrivals[0] >= 0
    assert 800 < arrivals[-1] < 1000
    assert all(math.isinf(p.end_seconds) for p in _trace(_series(5)).pods)


def test_a_machine_seen_late_arrives_late_and_one_gone_early_ends():
    series = _series(2)
    series.cpu_used_cores[0, :100] = np.nan
    series.cpu_used_cores[1, 200:] = np.nan
    by_workload = {p.pod.workload: p for p in _trace(series, arrival_window_seconds=0.0).pods}
    assert by_workload["m0"].arrival_seconds == START + 100 * STEP
    assert by_workload["m1"].end_seconds == START + 200 * STEP


def test_a_life_over_before_its_drawn_arrival_begins_where_it_was_seen():
    series = _series(30)
    series.cpu_used_cores[:, 2:] = np.nan
    trace = _trace(series, arrival_window_seconds=20_000.0)
    assert len(trace.pods) == 30
    assert all(START <= p.arrival_seconds < p.end_seconds == START + 2 * STEP for p in trace.pods)


def test_a_hole_does_not_end_a_pod_but_an_hour_off_does():
    series = _series(1)
    series.cpu_used_cores[0, 100:150] = np.nan
    assert len(_trace(series).pods) == 1
    off = np.zeros((1, DAY), dtype=np.bool_)
    off[0, 100:150] = True
    first, second = _trace(
        MachineSeries(series.names, np.ones(1), np.ones(1), series.cpu_used_cores, series.cpu_used_cores, off)
    ).pods
    assert first.end_seconds == START + 100 * STEP
    assert second.arrival_seconds == START + 150 * STEP
    assert (first.pod.workload, first.pod.uid != second.pod.uid) == (second.pod.workload, True)


def test_replaced_pods_follow_each_other_and_keep_their_series():
    trace = _trace(_series(20, days=2), lifetimes=Lifetimes(1.0, 3600.0, 0.5), arrival_window_seconds=0.0)
    lives = sorted((p.arrival_seconds, p.end_seconds) for p in trace.pods if p.pod.workload == "m3")
    assert len(lives) > 10
    assert all(end < arrival for (_, end), (arrival, _) in pairwise(lives))
    assert 2400 < np.median([end - arrival for arrival, end in lives[:-1]]) < 5400
    rows = [trace.cpu_used_cores[row] for row, p in enumerate(trace.pods) if p.pod.workload == "m3"]
    assert all(np.array_equal(row, rows[0]) for row in rows)


def test_the_same_seed_gives_the_same_trace_bit_for_bit():
    digests = [_trace(_series(9), pod_count=20, lifetimes=SERVICE_CHURN, seed=seed).digest() for seed in (1, 1, 2)]
    assert digests[0] == digests[1] != digests[2]


def test_machines_that_were_never_measured_are_no_pods():
    series = _series(2)
    series.cpu_used_cores[0] = np.nan
    assert {p.pod.workload for p in _trace(series).pods} == {"m1"}
    series.cpu_used_cores[1, 1:] = np.nan
    with pytest.raises(TraceRefused, match="no machine with known CPU use"):
        _trace(series)


def test_what_was_assumed_is_written_down():
    text = " ".join(_trace(_series(1), request_factor=0.5, lifetimes=SERVICE_CHURN).report.assumptions)
    assert "0.5 of the limits" in text
    assert "30% of the pods are replaced" in text


@pytest.mark.parametrize(
    "wrong", [{"pod_count": 0}, {"arrival_window_seconds": -1.0}, {"request_factor": 0.0}, {"request_factor": 1.5}]
)
def test_shapes_out_of_range_are_refused(wrong):
    with pytest.raises(InvalidValue):
        WorkloadShape(1, **wrong)


@pytest.mark.parametrize("wrong", [(1.1, 1.0, 1.0), (0.5, 0.0, 1.0), (0.5, 1.0, float("nan"))])
def test_lifetimes_out_of_range_are_refused(wrong):
    with pytest.raises(InvalidValue):
        Lifetimes(*wrong)
