from __future__ import annotations

import numpy as np
from hydatis_simulator.physics import settle
from hypothesis import given, settings
from hypothesis import strategies as st


def _settle(node_rows, cpu, memory, requested=None, cpu_allocatable=(4.0,), memory_allocatable=(10.0,)):
    return settle(
        node_rows=np.array(node_rows, dtype=np.intp),
        cpu_cores=np.array(cpu, dtype=float),
        memory_bytes=np.array(memory, dtype=float),
        memory_requested_bytes=np.zeros(len(cpu)) if requested is None else np.array(requested, dtype=float),
        cpu_allocatable_cores=np.array(cpu_allocatable, dtype=float),
        memory_allocatable_bytes=np.array(memory_allocatable, dtype=float),
    )


def test_cpu_over_allocatable_is_shared_out_in_proportion():
    load = _settle([0, 0], [6.0, 2.0], [0.0, 0.0])
    assert load.pod_cpu_used_cores.tolist() == [3.0, 1.0]
    assert load.throttled_cores == 4.0
    assert load.cpu_demand_cores.tolist() == [8.0]


def test_cpu_below_allocatable_is_given_whole():
    load = _settle([0, 0], [1.0, 2.0], [0.0, 0.0])
    assert load.pod_cpu_used_cores.tolist() == [1.0, 2.0]
    assert load.throttled_cores == 0.0


def test_memory_over_allocatable_kills_the_pod_furthest_above_its_request():
    load = _settle([0, 0, 0], [1, 1, 1], [6.0, 5.0, 1.0], requested=[6.0, 2.0, 0.5])
    assert load.killed.tolist() == [1]
    assert load.memory_demand_bytes.tolist() == [12.0]
    assert load.memory_used_bytes.tolist() == [7.0]


def test_memory_kills_go_on_until_the_rest_fits():
    load = _settle([0, 0, 0], [1, 1, 1], [9.0, 9.0, 9.0], requested=[1.0, 2.0, 3.0])
    assert load.killed.tolist() == [0, 1]


def test_an_empty_cluster_has_no_load():
    load = _settle([], [], [])
    assert load.cpu_demand_cores.tolist() == [0.0]
    assert not len(load.killed)


pods = st.lists(st.tuples(st.integers(0, 2), st.floats(0, 20), st.floats(0, 20), st.floats(0, 20)), max_size=25)


@settings(max_examples=80, deadline=None)
@given(pods)
def test_what_is_wanted_is_given_or_counted_as_lost(wanted):
    rows, cpu, memory, requested = ([p[i] for p in wanted] for i in range(4))
    load = _settle(rows, cpu, memory, requested, (4.0, 8.0, 16.0), (10.0, 20.0, 40.0))
    assert (load.cpu_used_cores <= np.array([4.0, 8.0, 16.0])).all()
    assert (load.memory_used_bytes <= np.array([10.0, 20.0, 40.0])).all()
    assert np.isclose(sum(cpu), load.pod_cpu_used_cores.sum() + load.throttled_cores)
    kept = np.setdiff1d(np.arange(len(wanted)), load.killed)
    assert np.isclose(np.array(memory)[kept].sum() if len(kept) else 0.0, load.memory_used_bytes.sum())
    assert len(set(load.killed.tolist())) == len(load.killed)
    killed_nodes = {rows[i] for i in load.killed}
    over = set(np.flatnonzero(load.memory_demand_bytes > np.array([10.0, 20.0, 40.0])).tolist())
    assert killed_nodes == over
