"""A trace as a cluster: use as it was published, nothing before a pod came and after it went, nodes told or made up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hydatis_assessment.capture.trace_use import use_of_trace
from hydatis_assessment.cluster_use import CPU, MEMORY
from hydatis_core.errors import InvalidValue
from hydatis_core.nodes import Node
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_simulator.trace import Trace, TracePod

START, DAY = 1_767_225_600.0, 86_400.0
GIB = 2.0**30


def trace(steps: int = 2 * 288 + 5) -> Trace:
    pods = (
        TracePod(Pod("u-b", "b-1", "shop", "b", Resources(4.0, 8 * GIB)), START),
        TracePod(Pod("u-a", "a-1", "shop", "StatefulSet/a", Resources(2.0, 0.0)), START + DAY / 2, START + 1.5 * DAY),
    )
    use = np.arange(2 * steps, dtype=np.float32).reshape(2, steps)
    return Trace("made", 300.0, START, pods, use, use * 2)


def test_use_is_the_trace_s_while_a_pod_lives() -> None:
    made = use_of_trace(trace())
    assert [row.name.workload for row in made.rows] == ["Deployment/b", "StatefulSet/a"]
    assert made.days_count == 2
    np.testing.assert_array_equal(made.use[CPU, 0], trace().cpu_used_cores[0, :576])
    np.testing.assert_array_equal(made.use[MEMORY, 0], trace().memory_used_bytes[0, :576])
    assert np.isnan(made.use[:, 1, :144]).all()
    assert np.isfinite(made.use[:, 1, 144:432]).all()
    assert np.isnan(made.use[:, 1, 432:]).all()
    assert made.running.tolist() == [True, False]
    assert np.isnan(made.requests[MEMORY, 1]), "no request is none, not zero"


def test_nodes_are_told_or_made_up_and_hold_what_runs() -> None:
    made_up = use_of_trace(trace())
    assert not made_up.nodes_told
    assert made_up.node_by_day.tolist() == [[0, 0], [-1, -1]]
    told = use_of_trace(trace(), [Node("small", Resources(2.0, 64 * GIB)), Node("large", Resources(8.0, 64 * GIB))])
    assert told.nodes_told
    assert told.node_by_day[0, -1] == 1


def test_less_than_a_day_is_no_past() -> None:
    with pytest.raises(InvalidValue, match="287 steps of 300 s"):
        use_of_trace(trace(287))
    odd = trace()
    with pytest.raises(InvalidValue, match="divide"):
        use_of_trace(replace(odd, step_seconds=7000.0, start_seconds=START - START % 7000.0 + 7000.0))
