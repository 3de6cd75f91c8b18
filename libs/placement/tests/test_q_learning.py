"""Learning: gradients against finite differences, the buffer, Adam, and a small problem whose Q values are known."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hydatis_core.errors import InvalidValue
from hydatis_core.seeds import generator
from hydatis_placement.adam import Adam
from hydatis_placement.backpropagation import gradients
from hydatis_placement.q_learning import LearningSettings, learn
from hydatis_placement.replay_buffer import ReplayBuffer


def test_gradients_are_those_of_finite_differences() -> None:
    random = generator(1, "test/gradients")
    widths = [(6, 7), (7, 5), (5, 1)]
    weights = tuple(random.standard_normal(shape) for shape in widths)
    biases = tuple(random.standard_normal(columns) for _, columns in widths)
    inputs, targets = random.standard_normal((40, 6)), random.standard_normal(40) * 3
    exact = gradients(weights, biases, inputs, targets)
    for parameters, derived in ((weights, exact.weights), (biases, exact.biases)):
        for parameter, by_parameter in zip(parameters, derived, strict=True):
            for position in np.ndindex(parameter.shape):
                kept = parameter[position]
                parameter[position] = kept + 1e-6
                above = gradients(weights, biases, inputs, targets).loss
                parameter[position] = kept - 1e-6
                below = gradients(weights, biases, inputs, targets).loss
                parameter[position] = kept
                assert by_parameter[position] == pytest.approx((above - below) / 2e-6, rel=1e-4, abs=1e-7)


def test_adam_takes_its_first_step_by_the_rate_and_finds_a_minimum() -> None:
    point = np.array([3.0, -2.0], dtype=np.float32)
    adam = Adam([point], rate=0.1)
    adam.step([2 * point])
    np.testing.assert_allclose(point, [2.9, -1.9], atol=1e-5)
    for _ in range(500):
        adam.step([2 * point])
    np.testing.assert_allclose(point, [0, 0], atol=1e-2)


def test_decay_shrinks_matrices_and_leaves_biases() -> None:
    matrix, bias = np.ones((2, 2), dtype=np.float32), np.ones(2, dtype=np.float32)
    adam = Adam([matrix, bias], rate=0.01, decay=10.0)
    adam.step([matrix * 0, bias * 0])
    np.testing.assert_allclose(matrix, 0.9)
    np.testing.assert_allclose(bias, 1.0)


def test_the_buffer_keeps_the_newest_and_samples_large_candidate_sets() -> None:
    buffer = ReplayBuffer(4, 2, 3, generator(1, "test/buffer"))
    for i in range(6):
        candidates = None if i == 5 else np.full((10, 2), i, dtype=np.float32)
        buffer.add(np.full(2, i, dtype=np.float32), np.array([i, -i], dtype=np.float32), candidates)
    assert len(buffer) == 4
    batch = buffer.draw(200)
    rewards = batch.rewards[:, 0]
    assert set(rewards.tolist()) == {2.0, 3.0, 4.0, 5.0}
    np.testing.assert_array_equal(batch.rewards[:, 1], -rewards)
    assert set(batch.next_counts[rewards == 5].tolist()) == {0}
    assert set(batch.next_counts[rewards < 5].tolist()) == {3}
    assert len(batch.next_states) == batch.next_counts.sum()
    np.testing.assert_array_equal(np.repeat(rewards, batch.next_counts), batch.next_states[:, 0])


def test_an_empty_buffer_cannot_be_drawn_from() -> None:
    with pytest.raises(InvalidValue):
        ReplayBuffer(4, 2, 3, generator(1, "test/buffer")).draw(1)


class Corridor:
    """Five places in a row; a step left or right; 1 for reaching the right end, 0.2 for the left end, which ends the episode.

    The after-state is the place stepped to, one-hot. With discount g, Q of place i (0 and 4 are the ends) is
    max(g^(4-i), 0.2 g^i).
    """

    def __init__(self) -> None:
        self._random = generator(9, "test/corridor")
        self._place = 2

    def _candidates(self) -> np.ndarray:
        return np.eye(5, dtype=np.float32)[[self._place - 1, self._place + 1]]

    def reset(self, episode: int) -> np.ndarray | None:
        self._place = int(self._random.integers(1, 4))
        return self._candidates()

    def rewards(self, choices: Sequence[int]) -> np.ndarray:
        earned = [{0: 0.2, 4: 1.0}.get(self._place + (-1, 1)[choice], 0.0) for choice in choices]
        return np.array([[reward, -reward] for reward in earned], dtype=np.float32)

    def step(self, choice: int) -> np.ndarray | None:
        self._place += (-1, 1)[choice]
        return self._candidates() if 0 < self._place < 4 else None


class Weighted:
    """One decision an episode among three after-states x; weight 0 wants x small, weight 1 wants it large.

    The after-state is (x, weight); the reward is -x at weight 0 and x at weight 1, so Q is (2 weight - 1) x.
    """

    STATES = np.array([[0.0, 0.0], [0.5, 0.0], [1.0, 0.0]], dtype=np.float32)

    def reset(self, episode: int) -> np.ndarray | None:
        return self.STATES

    def rewards(self, choices: Sequence[int]) -> np.ndarray:
        x = self.STATES[list(choices), 0]
        return np.stack([-x, x], axis=1)

    def step(self, choice: int) -> np.ndarray | None:
        return None


SETTINGS = LearningSettings(
    discount=0.5,
    batch_size=32,
    steps_per_decision=1,
    warm_up=50,
    target_interval=50,
    learning_rate=3e-3,
    weight_decay=0.0,
    others_per_decision=0,
    hidden_units=(16,),
    last_exploration=0.3,
)


def test_the_known_q_values_of_a_small_problem_are_learned() -> None:
    function, curve = learn(Corridor(), episodes=700, seed=5, settings=SETTINGS)
    values = function.values(np.eye(5, dtype=np.float32))
    np.testing.assert_allclose(values, [0.2, 0.125, 0.25, 0.5, 1.0], atol=0.04)
    assert len(curve) == 700
    assert np.mean([row["reward_mean"] for row in curve[-100:]]) > np.mean([row["reward_mean"] for row in curve[:100]])


def test_every_weight_is_learned_though_only_one_was_ever_played() -> None:
    function, _ = learn(Weighted(), episodes=1500, seed=5, objective_column=1, settings=SETTINGS)
    states = np.array([[x, w] for x in (0.0, 0.5, 1.0) for w in (0.0, 0.5, 1.0)], dtype=np.float32)
    np.testing.assert_allclose(function.values(states), (2 * states[:, 1] - 1) * states[:, 0], atol=0.1)


class Baselined(Weighted):
    """The same with x told as the value at both ends of the weight: (x, weight, -x, x)."""

    STATES = np.array([[0.0, 0.0, 0.0, 0.0], [0.5, 0.0, -0.5, 0.5], [1.0, 0.0, -1.0, 1.0]], dtype=np.float32)


def test_what_the_baseline_knows_is_not_learned_again() -> None:
    function, curve = learn(Baselined(), episodes=300, seed=5, objective_column=1, baseline_columns=(2, 3), settings=SETTINGS)
    np.testing.assert_allclose(function.values(Baselined.STATES), 0.0, atol=1e-3)
    assert curve[-1]["loss_mean"] == pytest.approx(0.0, abs=1e-6)


def test_a_wrong_baseline_is_corrected() -> None:
    """Told is -x and x swapped: the correction at weight 0 must be -2 x."""
    function, _ = learn(Baselined(), episodes=1500, seed=5, objective_column=1, baseline_columns=(3, 2), settings=SETTINGS)
    np.testing.assert_allclose(function.values(Baselined.STATES), -2 * Baselined.STATES[:, 0], atol=0.15)


def test_candidates_that_were_not_chosen_are_learned_too() -> None:
    alone = replace(SETTINGS, first_exploration=0.0, last_exploration=0.0, warm_up=1, discount=0.0)
    function, _ = learn(Corridor(), episodes=1000, seed=5, settings=replace(alone, others_per_decision=2))
    np.testing.assert_allclose(function.values(np.eye(5, dtype=np.float32)), [0.2, 0, 0, 0, 1], atol=0.1)


def test_the_same_seed_learns_the_same_function_and_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    first, curve = learn(Corridor(), episodes=60, seed=5, settings=SETTINGS, progress=lambda done, of, _: told.append((done, of)))
    second, _ = learn(Corridor(), episodes=60, seed=5, settings=SETTINGS)
    other, _ = learn(Corridor(), episodes=60, seed=6, settings=SETTINGS)
    assert first.to_files() == second.to_files()
    assert first.to_files() != other.to_files()
    assert told[-1] == (60, 60)
    assert curve[0].keys() == {"episode", "decisions", "reward_mean", "loss_mean", "exploration"}
    assert curve[0]["exploration"] == 1.0


def test_too_few_decisions_to_learn_from_are_refused() -> None:
    with pytest.raises(InvalidValue):
        learn(Corridor(), episodes=2, seed=1, settings=SETTINGS)
    with pytest.raises(InvalidValue):
        learn(Corridor(), episodes=0, seed=1)


@pytest.mark.parametrize("wrong", [{"discount": 1.0}, {"learning_rate": 0.0}, {"batch_size": 0}, {"first_exploration": 1.5}])
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidValue):
        LearningSettings(**wrong)  # type: ignore[arg-type]
