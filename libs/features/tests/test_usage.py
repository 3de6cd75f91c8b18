"""What is no measurement is refused, or made unknown where nobody can be blamed."""

import numpy as np
import pytest
from hydatis_core.errors import InvalidValue, WrongShape
from hydatis_features.usage import METRICS, check_usage, clean_usage


def _usage(**values):
    usage = np.ones((2, len(METRICS)), dtype=np.float32)
    for name, value in values.items():
        usage[1, METRICS.index(name)] = value
    return usage


def test_nan_and_zero_are_fine():
    check_usage(_usage(cpu_used_cores=np.nan, memory_used_bytes=0.0), ("a", "b"), METRICS, field="node_usage")


@pytest.mark.parametrize("bad", [-1.0, np.inf, -np.inf, 1e30])
def test_values_that_cannot_be_are_refused_with_metric_and_name(bad):
    with pytest.raises(InvalidValue, match=r"node_usage: memory_used_bytes of b is"):
        check_usage(_usage(memory_used_bytes=bad), ("a", "b"), METRICS, field="node_usage")


@pytest.mark.parametrize("bad", [np.ones((2, 5), np.float32), np.ones((3, 6), np.float32), np.ones((2, 6))])
def test_other_shapes_and_types_are_refused(bad):
    with pytest.raises(WrongShape):
        check_usage(bad, ("a", "b"), METRICS, field="node_usage")


def test_cleaning_makes_them_unknown_and_counts_them():
    usage = _usage(cpu_used_cores=-1.0, memory_used_bytes=np.inf, disk_read_bytes_per_second=np.nan)
    clean, refused = clean_usage(usage)
    assert refused == 2
    assert np.isnan(clean[1, [0, 1, 4]]).all()
    assert usage[1, 0] == -1.0
