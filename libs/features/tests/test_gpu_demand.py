"""What GPU pods asked for is summed once per bind, travels with the table, and survives a restart."""

import numpy as np
import pytest
from hydatis_core.errors import InvalidValue, WrongShape
from hydatis_core.nodes import GpuDevice, Node
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_features.engine import FeatureEngine
from hydatis_features.gpu_demand import GpuDemand, GpuDemandSums
from hydatis_features.usage import METRICS

MIB = 2.0**20
NODES = [Node("g", Resources(96.0, 384e9, 2), gpu_devices=(GpuDevice(0), GpuDevice(1)))]


def _pod(uid, cpu, memory_mib, *gpu):
    return Pod(uid, requests=Resources(cpu, memory_mib * MIB, *gpu))


def _tick(engine, generation):
    return engine.tick(
        generation, float(generation), np.full((1, len(METRICS)), np.nan, np.float32), [], np.zeros((0, 2), np.float32)
    )


def test_sums_by_hand():
    sums = GpuDemandSums()
    sums.add_pod(_pod("a", 4.0, 1000, 1, 470))
    sums.add_pod(_pod("b", 4.0, 1000, 1, 465))
    sums.add_pod(_pod("c", 0.5, 500, 1, 81))
    sums.add_pod(_pod("d", 16.0, 8000, 2))
    sums.add_pod(_pod("e", 64.0, 64000))
    assert sums.demand() == GpuDemand((9, 47), (1, 2), 24_500, 10_500, 470 + 465 + 81 + 2000)


def test_a_bind_counts_once_and_goes_on_counting_after_its_end():
    engine = FeatureEngine(NODES, 60, 0.0)
    assert _tick(engine, 60).gpu_demand == GpuDemand()
    half = _pod("u", 4.0, 1000, 1, 500)
    engine.bind(half, "g", 61.0)
    engine.bind(half, "g", 62.0)
    engine.end("u", 70.0)
    engine.bind(half, "g", 65.0)
    assert _tick(engine, 120).gpu_demand == GpuDemand((50,), (1,), 4000, 1000, 500)


def test_a_restored_engine_has_seen_the_same_pods():
    engine = FeatureEngine(NODES, 60, 0.0)
    engine.bind(_pod("u", 4.0, 1000, 1, 500), "g", 1.0)
    engine.bind(_pod("v", 4.0, 1000, 1), "g", 2.0)
    engine.end("u", 3.0)
    again = FeatureEngine.restore(engine.snapshot())
    assert again.state.gpu_demand.demand() == engine.state.gpu_demand.demand() == GpuDemand((50,), (1,), 8000, 2000, 1500)


def test_demand_does_not_depend_on_the_order_of_pods():
    pods = [_pod(f"p{i}", 0.1 * i, 100 * i, 1, 37 * i) for i in range(1, 25)]
    forwards, backwards = GpuDemandSums(), GpuDemandSums()
    for pod in pods:
        forwards.add_pod(pod)
    for pod in reversed(pods):
        backwards.add_pod(pod)
    assert forwards.demand() == backwards.demand() == GpuDemandSums(forwards.demand()).demand()


def test_what_is_told_is_renewed_when_a_tenth_was_added_and_a_restart_tells_the_same():
    engine = FeatureEngine(NODES, 60, 0.0)
    told = []
    for tick in range(1, 14):
        engine.bind(_pod(f"p{tick}", 1.0, 100, 1, 10), "g", 60.0 * tick - 1.0)
        told.append(_tick(engine, 60 * tick).gpu_demand.gpu_milli // 10)
        engine = FeatureEngine.restore(engine.snapshot())
    assert told == [*range(1, 11), 10, 12, 12]


def test_demand_is_checked():
    with pytest.raises(WrongShape, match="1 sizes and 2 counts"):
        GpuDemand((1,), (1, 2))
    for sizes, counts in (((0,), (1,)), ((101,), (1,)), ((5, 3), (1, 1)), ((5, 5), (1, 1)), ((5,), (0,))):
        with pytest.raises(InvalidValue):
            GpuDemand(sizes, counts)
    with pytest.raises(InvalidValue, match="sum is negative"):
        GpuDemand(cpu_milli=-1)
