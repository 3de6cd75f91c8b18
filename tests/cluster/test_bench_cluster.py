"""The benchmark's run, as short as it can be: every figure is there, and means something."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from cluster_bench.run import measure

OWN = {
    "scheduler-plugin",
    "placement-policy",
    "feature-service",
    "model-placement-policy",
    "kube-scheduler",
    "kube-apiserver",
    "etcd",
}


@pytest.mark.slow
def test_every_figure_is_there(models_folder: Path, tmp_path: Path) -> None:
    if os.environ.get("KUBECONFIG"):
        pytest.skip("the benchmark measures on a control plane of its own")
    state = tmp_path / "state"
    state.mkdir()
    (state / "models").symlink_to(models_folder)
    (state / "lifecycle").symlink_to(models_folder.parent / "lifecycle")
    (state / "policy.yaml").write_text("mode: on\n")
    steps: list[tuple[int, int]] = []
    port = random.randrange(10_000, 19_000, 500)
    found = measure(tmp_path / "bench", state, port, [60], 60, 1, 120, lambda done, total, _text: steps.append((done, total)))
    size = found["sizes"]["60"]
    assert {name for name in size if "pods_per_second" in size[name]} == {"no extender", "constant extender", "HYDATIS"}
    assert set(size["HYDATIS"]["cpu_ms_per_pod"]) >= OWN
    (ours,) = size["HYDATIS"]["rounds"]
    assert sum(ours["rungs"].values()) == 60
    assert set(size["outage_seconds"]) == {"first_pod_without_it", "ready_again", "full_rung_after_ready"}
    assert found["memory"]["pods"] == 120
    assert steps[-1][0] == steps[-1][1]
