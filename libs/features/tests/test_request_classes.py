"""Classes of pods: powers of two of the request, by namespace, with wider classes behind."""

import pytest
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_features.request_classes import NOMINAL_CPU_CORES, NOMINAL_MEMORY_BYTES, base_amounts, class_keys


@pytest.mark.parametrize(
    ("cpu_cores", "bucket"),
    [(0.5, "-1"), (0.999, "-1"), (1.0, "0"), (1.999, "0"), (2.0, "1"), (1e-9, "-7"), (1e9, "10"), (0.0, "none")],
)
def test_cpu_buckets_are_powers_of_two_clipped(cpu_cores, bucket):
    assert class_keys(Pod("u", requests=Resources(cpu_cores=cpu_cores)))[1] == f"*|cpu={bucket}|memory=none"


def test_keys_widen_from_namespace_to_everything():
    pod = Pod("u", namespace="web", requests=Resources(1.0, 2.0**30))
    assert class_keys(pod) == ("web|cpu=0|memory=30", "*|cpu=0|memory=30", "*|*|*")


def test_a_pod_without_a_request_has_the_nominal_base_of_that_resource_only():
    assert base_amounts(Pod("u")) == (NOMINAL_CPU_CORES, NOMINAL_MEMORY_BYTES)
    assert base_amounts(Pod("u", requests=Resources(cpu_cores=3.0))) == (3.0, NOMINAL_MEMORY_BYTES)
