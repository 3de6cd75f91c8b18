"""A pod's requests are summed as Kubernetes sums them."""

from __future__ import annotations

import msgspec
import pytest
from hydatis_core.errors import InvalidValue
from hydatis_core.resources import Resources
from hydatis_scheduler_plugin.extender_api import PodSpec
from hydatis_scheduler_plugin.pod_resources import pod_limits, pod_requests


def container(cpu: str = "0", memory: str = "0", **more: object) -> dict[str, object]:
    return {"resources": {"requests": {"cpu": cpu, "memory": memory}}, **more}


def spec(**fields: object) -> PodSpec:
    return msgspec.convert(fields, PodSpec)


def test_containers_run_together() -> None:
    assert pod_requests(spec(containers=[container("250m", "1Gi"), container("1", "512Mi")])) == Resources(1.25, 1.5 * 2**30)


def test_init_containers_run_one_after_the_other() -> None:
    found = pod_requests(
        spec(containers=[container("1", "1Gi")], initContainers=[container("2", "1Mi"), container("1500m", "3Gi")])
    )
    assert found == Resources(2.0, 3 * 2**30)


def test_a_sidecar_runs_beside_all_that_follows_it() -> None:
    sidecar = container("1", "1Gi", restartPolicy="Always")
    early, late = container("4", "0"), container("3500m", "0")
    found = pod_requests(spec(containers=[container("2", "2Gi")], initContainers=[early, sidecar, late]))
    assert found == Resources(4.5, 3 * 2**30)


def test_overhead_comes_on_top() -> None:
    found = pod_requests(spec(containers=[container("1", "1Gi")], overhead={"cpu": "100m", "memory": "64Mi"}))
    assert found == Resources(1.1, 2**30 + 64 * 2**20)


def test_pod_level_resources_stand_for_the_sum() -> None:
    found = pod_requests(spec(containers=[container("1", "1Gi")], resources={"requests": {"cpu": "3"}}))
    assert found == Resources(3.0, 2**30)


def test_a_limit_without_a_request_is_a_request() -> None:
    limited = spec(containers=[{"resources": {"limits": {"cpu": "2", "memory": "1Gi"}}}])
    assert pod_requests(limited) == pod_limits(limited) == Resources(2.0, 2**30)


def test_a_pod_may_ask_for_nothing() -> None:
    assert pod_requests(spec()) == pod_limits(spec(containers=[{}])) == Resources()


@pytest.mark.parametrize(
    ("asked", "gpus"),
    [
        ({"nvidia.com/gpu": "2"}, (2, 1000)),
        ({"alibabacloud.com/gpu-milli": "350"}, (1, 350)),
        ({"alibabacloud.com/gpu-count": "2", "alibabacloud.com/gpu-milli": "500"}, (2, 500)),
        ({"alibabacloud.com/gpu-count": "2"}, (2, 1000)),
        ({"example.com/fpga": "7"}, (0, 0)),
    ],
)
def test_gpus_are_counted_by_the_meaning_of_their_resource(asked: dict[str, str], gpus: tuple[int, int]) -> None:
    found = pod_requests(spec(containers=[{"resources": {"requests": asked}}]))
    assert (found.gpu_count, found.gpu_milli_per_device) == gpus


@pytest.mark.parametrize("quantity", ["1e30", "-1", "1.2.3", "", "9" * 65, "1Zi", True, -0.5, "nan", "inf"])
def test_an_absurd_quantity_is_refused_with_its_field(quantity: object) -> None:
    with pytest.raises((InvalidValue, msgspec.ValidationError), match=r"containers\[0\]|Expected"):
        pod_requests(spec(containers=[{"resources": {"requests": {"cpu": quantity}}}]))


def test_an_absurd_sum_is_refused() -> None:
    with pytest.raises(InvalidValue, match="sum of memory"):
        pod_requests(spec(containers=[container("1", str(2**60))] * 2))
    with pytest.raises(InvalidValue, match="GPU devices"):
        pod_requests(spec(containers=[{"resources": {"requests": {"nvidia.com/gpu": "100000"}}}]))
