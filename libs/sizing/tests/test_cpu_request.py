import numpy as np
import pytest
from hydatis_core.errors import InvalidValue
from hydatis_features.use_law import ROOM_RATIOS, SCALES, TAIL_WEIGHTS, effective_uses, loads
from hydatis_sizing.cpu_request import cpu_requests


def laws_of(*samples: list[float]) -> np.ndarray:
    return np.stack([effective_uses(np.array(values), np.ones(len(values))) for values in samples])


def test_requests_that_fill_a_node_put_its_bound_at_the_chance() -> None:
    laws, bases = laws_of([0.1, 0.1, 0.9], [0.5, 0.5], [0.0, 0.2, 1.0]), np.array([4.0, 2.0, 1.0])
    requests = cpu_requests(laws, bases, 16.0, chance=0.01)
    load = loads(laws[:, None, :], bases[:, None], np.full((1, 1), 16.0 * ROOM_RATIOS[0]))[:, 0, 1]
    copies = 16.0 / requests  # so many of each fill the node
    assert np.exp(SCALES[1] * (copies * load - 1.0)) == pytest.approx(0.01)


def test_a_steady_pod_is_asked_for_its_use_and_the_room_that_the_bound_wants() -> None:
    steady = laws_of([0.5, 0.5])
    # 0.5 of 2 cores, over 0.90 of the node and over the budget 1 - ln(100) / 20
    assert cpu_requests(steady, np.array([2.0]), 100.0) == pytest.approx(1.0 / 0.9 / (1 - np.log(100) / 20))


def test_a_bursty_pod_is_asked_for_more_on_a_small_node_than_on_a_large_one() -> None:
    bursty, base = laws_of([0.05] * 19 + [1.0]), np.array([4.0])
    small, large = (cpu_requests(bursty, base, cores)[0] for cores in (8.0, 64.0))
    assert small > 2 * large
    assert large > 0.0975 * 4.0  # never below its mean


def test_the_stricter_chance_asks_for_more_and_what_is_unknown_stays_so() -> None:
    laws = np.concatenate([laws_of([0.1, 0.9]), np.full((1, TAIL_WEIGHTS.size), np.nan)])
    loose, strict = (cpu_requests(laws, np.ones(2), 16.0, chance) for chance in (0.1, 0.001))
    assert strict[0] > loose[0]
    assert np.isnan(loose[1])


@pytest.mark.parametrize("chance", [0.0, 1.5, float("nan")])
def test_a_chance_that_is_none_is_refused(chance: float) -> None:
    with pytest.raises(InvalidValue, match="chance"):
        cpu_requests(laws_of([0.1]), np.ones(1), 16.0, chance)
