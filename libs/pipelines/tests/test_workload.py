import dataclasses

import numpy as np
import pytest
from hydatis_core.errors import ArtifactRefused
from hydatis_core.nodes import GpuDevice, Node
from hydatis_core.resources import Resources
from hydatis_pipelines.workload import read_workload, write_workload


def test_a_workload_survives_its_file(tmp_path, workload):
    trace, nodes = workload
    gpu_node = Node("gpu", Resources(8, 2.0**34, gpu_count=1), 20, (GpuDevice(0, "T4", 500),))
    digest = write_workload(tmp_path / "w.npz", trace, (*nodes, gpu_node))
    again, cluster = read_workload(tmp_path / "w.npz")
    assert again.digest() == trace.digest()
    assert again.pods == trace.pods
    assert again.report == trace.report
    assert cluster == (*nodes, gpu_node)
    np.testing.assert_array_equal(again.io, trace.io)
    assert write_workload(tmp_path / "w2.npz", again, cluster) == digest


def test_use_that_never_changes_is_written_once(tmp_path, workload):
    trace, nodes = workload
    constant = np.broadcast_to(trace.cpu_used_cores[:, :1], trace.cpu_used_cores.shape)
    trace = dataclasses.replace(trace, cpu_used_cores=constant, memory_used_bytes=constant, io=None)
    write_workload(tmp_path / "w.npz", trace, nodes)
    again, _ = read_workload(tmp_path / "w.npz")
    assert again.digest() == trace.digest()
    assert again.io is None
    assert (tmp_path / "w.npz").stat().st_size < constant.nbytes


def test_another_file_is_no_workload(tmp_path):
    np.savez(tmp_path / "w.npz", header=np.frombuffer(b'{"format": "x"}', dtype=np.uint8))
    with pytest.raises(ArtifactRefused, match="format 'x'"):
        read_workload(tmp_path / "w.npz")
    np.savez(tmp_path / "w.npz", other=np.zeros(2))
    with pytest.raises(ArtifactRefused, match="not a workload"):
        read_workload(tmp_path / "w.npz")
