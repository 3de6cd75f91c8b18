"""The law of a pod's history beside the law of what came."""

from __future__ import annotations

import numpy as np
import pytest
from hydatis_assessment.analysis.law_calibration import law_calibration
from hydatis_core.seeds import generator
from hydatis_simulator.arena.fleet import Fleet

NODE = np.array([16.0, 64.0])


def fleet(growth: float) -> Fleet:
    use = generator(1, "law").uniform(0.1, 0.2, (2, 6, 600)).astype(np.float32)
    use[:, :, 300:] *= growth
    ones = np.ones((2, 6))
    return Fleet("six", 3600.0, 290, 300, use, ones, ones * 4.0, np.full(6, 290 * 3600.0), np.arange(6, dtype=np.int32))


def test_what_stays_as_it_was_is_foreseen_with_some_care() -> None:
    found = law_calibration(fleet(1.0), NODE)
    assert 1.0 < found["cpu"]["10"]["foreseen_ratio"] < 1.2
    assert found["cpu"]["40"]["above_ratio"] == 0.0  # tails are hedged
    assert found["memory"]["40"]["foreseen_ratio"] > 1.0


def test_what_doubles_is_not() -> None:
    found = law_calibration(fleet(2.0), NODE)
    assert found["cpu"]["10"]["foreseen_ratio"] == pytest.approx(0.5, abs=0.1)
    assert found["cpu"]["10"]["above_ratio"] == 1.0
