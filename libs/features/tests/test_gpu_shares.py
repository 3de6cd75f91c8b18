"""Shares of GPU devices are assigned by one rule."""

import numpy as np
from hydatis_core.nodes import GpuDevice, Node
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_features.gpu_shares import GpuShares, gpu_milli

SIZE = Resources(8.0, 32e9)


def _shares(*counts):
    nodes = [Node(f"n{i}", SIZE, gpu_devices=tuple(GpuDevice(d, "T4", 7) for d in range(count))) for i, count in enumerate(counts)]
    return GpuShares(nodes)


def _free(shares, row):
    return [device.free_milli for device in shares.devices()[row]]


def test_a_pod_that_names_no_share_takes_whole_devices():
    assert gpu_milli(Pod("u", requests=Resources(gpu_count=2))) == 1000
    assert gpu_milli(Pod("u", requests=Resources(gpu_count=1, gpu_milli_per_device=300))) == 300
    assert gpu_milli(Pod("u")) == 0


def test_devices_start_free_whatever_the_node_said():
    assert _free(_shares(2), 0) == [1000, 1000]


def test_shares_go_to_the_fullest_device_that_fits_and_leave_whole_devices_whole():
    shares = _shares(3)
    assert shares.take(0, 1, 600) == (0,)
    assert shares.take(0, 1, 300) == (0,)
    assert shares.take(0, 1, 300) == (1,)
    assert shares.take(0, 1, 1000) == (2,)
    assert _free(shares, 0) == [100, 700, 0]


def test_more_than_there_is_shows_as_nothing_free_and_is_given_back_right():
    shares = _shares(1)
    first, second = shares.take(0, 1, 800), shares.take(0, 3, 800)
    assert (first, second) == ((0,), (0,))
    assert _free(shares, 0) == [0]
    shares.retake(0, second, -800)
    assert _free(shares, 0) == [200]
    shares.retake(0, first, -800)
    assert _free(shares, 0) == [1000]


def test_nodes_without_devices_are_unknown_and_not_zero():
    shares = _shares(0, 2)
    shares.take(1, 1, 400)
    assert shares.devices().keys() == {1}
    assert np.array_equal(shares.largest_free_ratio(), [np.nan, 1.0], equal_nan=True)
    assert np.array_equal(shares.whole_free_count(), [np.nan, 1.0], equal_nan=True)
    assert np.isnan(_shares(0).largest_free_ratio()).all()
    assert _shares().devices() == {}
