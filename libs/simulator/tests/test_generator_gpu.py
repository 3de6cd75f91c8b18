from __future__ import annotations

import numpy as np
import pytest
from hydatis_core.errors import InvalidValue
from hydatis_simulator.cluster_shape import NodeShape, make_nodes
from hydatis_simulator.generator_gpu import LIFETIME_MEDIAN_SECONDS, OPENB_MIX, generate_gpu_trace
from hydatis_simulator.policy import StockPolicy
from hydatis_simulator.replay import replay


def test_the_kinds_have_the_published_shares():
    pods = generate_gpu_trace(1, 8000).pods
    for kind in OPENB_MIX:
        share = np.mean([p.pod.namespace.endswith(kind.name) for p in pods])
        assert share == pytest.approx(kind.share, abs=0.02)
    assert sum(kind.share for kind in OPENB_MIX) == pytest.approx(1.0)


def test_lives_have_the_published_median():
    lives = [p.end_seconds - p.arrival_seconds for p in generate_gpu_trace(1, 8000).pods]
    assert np.median(lives) == pytest.approx(LIFETIME_MEDIAN_SECONDS, rel=0.1)


def test_devices_are_never_given_twice():
    trace = generate_gpu_trace(3, 400)
    nodes = make_nodes(trace, node_count=6, shapes=(NodeShape("gpu", 128, 768 * 2.0**30, gpu_count=8, gpu_model="G3"),))
    outcome = replay(trace, nodes, StockPolicy(), seed=1, tick_seconds=900)
    assert outcome.figures["placed_count"] > 200
    assert generate_gpu_trace(3, 400).digest() == trace.digest()


def test_numbers_out_of_range_are_refused():
    with pytest.raises(InvalidValue):
        generate_gpu_trace(1, 0)
    with pytest.raises(InvalidValue):
        generate_gpu_trace(1, start_seconds=1.0)
