from __future__ import annotations

import numpy as np
from hydatis_core.nodes import GpuDevice, Node
from hydatis_core.resources import Resources
from hydatis_simulator.gpus import GpuPool

GIB = 2.0**30


def _pool(*free: tuple[int, ...], models: tuple[str, ...] = ("T4", "T4", "T4")) -> GpuPool:
    nodes = [
        Node(
            f"n{row}", Resources(8, 8 * GIB), gpu_devices=tuple(GpuDevice(i, models[row], milli) for i, milli in enumerate(shares))
        )
        for row, shares in enumerate(free)
    ]
    return GpuPool(nodes)


def test_a_share_fits_where_one_device_has_so_much_free():
    pool = _pool((400, 300), (500,), ())
    assert pool.fits(Resources(gpu_count=1, gpu_milli_per_device=450)).tolist() == [False, True, False]


def test_whole_devices_are_asked_for_by_count_alone():
    pool = _pool((1000, 1000), (1000, 999), ())
    assert pool.fits(Resources(gpu_count=2)).tolist() == [True, False, False]


def test_a_pod_without_devices_fits_everywhere():
    assert _pool((), (1000,), ()).fits(Resources(1, 1)) is None


def test_only_allowed_models_fit():
    pool = _pool((1000,), (1000,), (1000,), models=("T4", "P100", "G2"))
    assert pool.fits(Resources(gpu_count=1), ("P100", "G2")).tolist() == [False, True, True]


def test_a_share_goes_to_the_fullest_device_that_still_holds_it():
    pool = _pool((1000, 500, 700), (), ())
    share = Resources(gpu_count=1, gpu_milli_per_device=400)
    assert pool.take(0, share) == (1,)
    assert pool.take(0, share) == (2,)
    assert pool.free_milli[0].tolist() == [1000, 100, 300]


def test_devices_come_back_as_they_were():
    pool = _pool((1000, 1000), (), ())
    before = pool.free_milli.copy()
    two = Resources(gpu_count=2, gpu_milli_per_device=600)
    positions = pool.take(0, two)
    assert pool.free_milli[0].tolist() == [400, 400]
    pool.give(0, two, positions)
    assert np.array_equal(pool.free_milli, before)
    assert [d.free_milli for d in pool.devices(0)] == [1000, 1000]
