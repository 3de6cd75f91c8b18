from __future__ import annotations

import numpy as np
import pytest
from hydatis_core.errors import Duplicate, InvalidValue, WrongShape
from hydatis_simulator.trace import AppliedRule, Trace, TracePod, TraceReport

START = 1_500_000_000.0


def _trace(make_pod, shape=(1, 4), dtype=np.float32, uids=("a",)):
    values = np.zeros(shape, dtype=dtype)
    return Trace("t", 300.0, START, tuple(TracePod(make_pod(uid), START) for uid in uids), values, values)


def test_a_pod_must_end_after_it_arrives(make_pod):
    with pytest.raises(InvalidValue, match="ends before it arrives"):
        TracePod(make_pod("a"), START, START)


def test_matrices_must_be_float32_of_pods_by_steps(make_pod):
    with pytest.raises(WrongShape, match="cpu_used_cores"):
        _trace(make_pod, shape=(2, 4))
    with pytest.raises(WrongShape, match="float64"):
        _trace(make_pod, dtype=np.float64)


def test_uids_do_not_repeat(make_pod):
    with pytest.raises(Duplicate):
        _trace(make_pod, shape=(2, 4), uids=("a", "a"))


def test_a_trace_without_a_pod_or_a_step_is_refused(make_pod):
    with pytest.raises(InvalidValue, match="no pod or no step"):
        _trace(make_pod, shape=(1, 0))


def test_a_moment_outside_falls_on_the_nearest_step(make_pod):
    trace = _trace(make_pod)
    assert [trace.step_at(START + t) for t in (-1, 0, 299.9, 300, 10_000)] == [0, 0, 0, 1, 3]
    assert trace.end_seconds == START + 1200


def test_memory_is_known_where_any_sample_is(make_pod):
    pods, cpu = (TracePod(make_pod("a"), START),), np.zeros((1, 3), dtype=np.float32)
    unknown = np.full((1, 3), np.nan, dtype=np.float32)
    assert not Trace("t", 300.0, START, pods, cpu, unknown).memory_known
    assert not Trace("t", 300.0, START, pods, cpu, np.broadcast_to(unknown[:, :1], (1, 3))).memory_known
    assert Trace("t", 300.0, START, pods, cpu, cpu).memory_known


def test_the_digest_changes_with_any_use_or_life(make_pod):
    one, other = _trace(make_pod), _trace(make_pod)
    assert one.digest() == other.digest()
    changed = np.zeros((1, 4), dtype=np.float32)
    changed[0, 3] = 0.1
    assert Trace("t", 300.0, START, one.pods, changed, one.memory_used_bytes).digest() != one.digest()
    later = (TracePod(make_pod("a"), START + 1),)
    assert Trace("t", 300.0, START, later, one.cpu_used_cores, one.memory_used_bytes).digest() != one.digest()


def test_the_report_counts_rules_by_name():
    report = TraceReport("x", 3, (AppliedRule("gap", 2, "A gap."),))
    assert (report.count("gap"), report.count("other")) == (2, 0)
