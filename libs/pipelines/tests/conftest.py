import dataclasses

import pytest
from hydatis_pipelines import effort
from hydatis_simulator.cluster_shape import make_nodes
from hydatis_simulator.generator import generate_trace
from hydatis_simulator.workload_shape import SERVICE_CHURN

TINY = dataclasses.replace(
    effort.EFFORTS["demo"], name="tiny", boosting_rounds=2, tree_depth=2, episodes=2, episode_hours=2.0, compare_hours=1.0
)


@pytest.fixture(scope="session")
def workload():
    """(trace, nodes): 40 pods and their successors over a day, on 4 nodes."""
    trace = generate_trace(3, 40, days=1, request_factor=0.25, lifetimes=SERVICE_CHURN)
    return trace, make_nodes(trace, node_count=4)


@pytest.fixture
def tiny():
    """An effort that takes no time."""
    return TINY


@pytest.fixture
def tiny_named(monkeypatch):
    """The same, by name."""
    monkeypatch.setitem(effort.EFFORTS, "tiny", TINY)
    return "tiny"
