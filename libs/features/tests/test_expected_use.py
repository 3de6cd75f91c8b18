"""An expected use is always something that can be added up."""

import math

import pytest
from hydatis_core.errors import InvalidValue
from hydatis_features.expected_use import ExpectedUse, UseSource


def test_equal_quantiles_and_zero_are_fine():
    assert ExpectedUse(0.0, 0.0, 5.0, 5.0, UseSource.REQUEST).memory_p95_bytes == 5.0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0])
def test_amounts_that_are_none_are_refused_by_name(bad):
    with pytest.raises(InvalidValue) as refused:
        ExpectedUse(0.1, 0.2, bad, 2.0, UseSource.PROFILE)
    assert refused.value.field == "memory_p50_bytes"


def test_a_95th_percentile_below_the_median_is_refused():
    with pytest.raises(InvalidValue) as refused:
        ExpectedUse(0.3, 0.2, 1.0, 2.0, UseSource.PROFILE)
    assert refused.value.field == "cpu_p95_cores"
