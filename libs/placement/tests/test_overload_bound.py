"""The bound on overload: its golden numbers, and that it bounds."""

import numpy as np
import pytest
from hydatis_core.errors import InvalidValue, WrongShape
from hydatis_features.use_law import SCALES, effective_uses, loads
from hydatis_placement.node_loads import NodeLoads
from hydatis_placement.overload_bound import bound_values, log_overload_bound

ROOM = np.array([[10.0, 100.0]])


def loads_of(cpu: list[float], memory: list[float], asked: tuple[float, float]) -> np.ndarray:
    """Loads by a pod that was seen to use these cores and bytes, shape (2, scales)."""
    seen = (np.array(cpu) / asked[0], np.array(memory) / asked[1])
    law = np.stack([effective_uses(shares, np.ones(shares.size)) for shares in seen])
    return loads(law[None], np.array([asked]), ROOM)[0]


def test_golden_bound() -> None:
    """Of CPU the least of 10 (0.4 - 1), 20 (0.8 - 1) and 40 (0.925 - 1), of memory of -8, -14 and -20."""
    sums = np.array([[[0.4], [0.8], [0.925]], [[0.2], [0.3], [0.5]]])
    np.testing.assert_allclose(log_overload_bound(sums), np.log(np.exp(-6) + np.exp(-20)))


def test_golden_values_of_nodes() -> None:
    """b = -6 / 6 is below the bend, b = 10 x 1.2 / 6 beyond it."""
    safe, wrecked = [[0.4, 0.8, 0.925], [0.0] * 3], [[2.2] * 3, [0.0] * 3]
    values = bound_values(np.array([safe, wrecked]).transpose(1, 2, 0), np.array([True, False]))
    np.testing.assert_allclose(values[0], [-np.exp(-1), -2 * np.e], rtol=1e-6)
    np.testing.assert_allclose(values[1], [0.4 - 1 - 3 * np.exp(-1), 2.0 - 6 * np.e], rtol=1e-6)


def test_the_bound_holds_for_what_it_bounds() -> None:
    """Two pods that use 0 or 0.6 of the node: both do, and pass it, a quarter of the time."""
    nodes = NodeLoads(2)
    pod = loads_of([0.0, 6.0] * 6, [0.0] * 12, (6.0, 1.0))
    nodes.add(0, pod)
    nodes.add(0, pod)
    assert log_overload_bound(nodes.sums)[0] >= np.log(0.25)
    assert log_overload_bound(nodes.sums)[1] == pytest.approx(-40.0 + np.log(2))


def test_a_bursty_pod_weighs_more_than_a_steady_one_of_the_same_mean() -> None:
    bursty = loads_of([0.0, 4.0] * 6, [0.0, 40.0] * 6, (5.0, 50.0))
    steady = loads_of([2.0] * 12, [20.0] * 12, (5.0, 50.0))
    assert (bursty > steady).all()


def test_an_overloaded_node_never_gets_better_by_more_overload() -> None:
    sums = np.tile(np.array([0.5, 0.9, 1.1, 2.0, 50.0]), (2, SCALES.size, 1))
    values = bound_values(sums, np.zeros(5, dtype=bool))
    assert (np.diff(log_overload_bound(sums)) > 0).all()
    assert (np.diff(values[0]) < 0).all()


def test_loads_of_a_pod_are_added_to_every_node_or_to_one() -> None:
    nodes = NodeLoads(3)
    pod = np.full((2, 3), 0.1)
    nodes.add(1, pod)
    assert nodes.after(pod)[0, 0].tolist() == pytest.approx([0.1, 0.2, 0.1])
    assert nodes.after(np.full((2, 3, 3), 0.5))[1, 2].tolist() == pytest.approx([0.5, 0.6, 0.5])
    with pytest.raises(InvalidValue, match="0 nodes"):
        NodeLoads(0)
    with pytest.raises(WrongShape, match="loads of shape"):
        nodes.after(np.zeros((3, 3)))
