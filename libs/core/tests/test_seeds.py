"""The same seed and use give the same numbers; another use gives others."""

import numpy as np
from hydatis_core.seeds import generator, stable_fraction


def test_generators_repeat_and_differ_by_use():
    assert np.array_equal(generator(7, "a").random(4), generator(7, "a").random(4))
    assert not np.array_equal(generator(7, "a").random(4), generator(7, "b").random(4))


def test_fractions_are_stable_and_even():
    assert stable_fraction("pod-1") == 0.48511528817380906
    shares = np.array([stable_fraction(f"pod-{i}") for i in range(2000)])
    assert abs((shares < 0.1).mean() - 0.1) < 0.02
