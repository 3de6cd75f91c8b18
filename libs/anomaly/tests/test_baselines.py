"""The detectors that cost nothing."""

import numpy as np
import pytest
from hydatis_anomaly.baselines import LargestDeviation, random_scores
from hydatis_core.errors import InvalidValue, WrongShape

# medians 3, 5, 7; MAD 1 of the first; the second deviates only once; the third never varies
TRAINING = np.array([[1, 5, 7], [2, 5, 7], [3, 5, 7], [4, 5, 7], [5, 10, 7]], dtype=np.float32)


def test_the_oddest_input_decides() -> None:
    scores = LargestDeviation.of_training(TRAINING).scores(np.array([[6, 5, 7], [3, 13, 7], [3, 5, 99]], dtype=np.float32))
    assert scores.tolist() == pytest.approx([3 / 1.4826, 8 / 2.0, 0.0])


def test_unknown_inputs_do_not_count_and_an_unknown_row_is_unknown() -> None:
    scores = LargestDeviation.of_training(TRAINING).scores(np.array([[np.nan, 5, 7], [np.nan] * 3], dtype=np.float32))
    assert scores[0] == 0.0
    assert np.isnan(scores[1])


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InvalidValue):
        LargestDeviation.of_training(TRAINING[:0])
    with pytest.raises(WrongShape):
        LargestDeviation.of_training(TRAINING).scores(TRAINING[:, :2])


def test_random_scores_hang_on_the_seed_alone() -> None:
    assert random_scores(5, 1).tolist() == random_scores(5, 1).tolist()
    assert random_scores(5, 1).tolist() != random_scores(5, 2).tolist()
