"""Q-learning over after-states: from placements that were tried to a function that values them.

After-states suit placement: what a choice does to its node is known at once, only what follows is not. So the network values one
node as it would be, takes any number of candidates, and learns from every node it ever placed on.

    Q(x) <- r + g Q'(argmax over x' of Q(x')),  x' the after-states of the next decision, Q' the target network

(Watkins 1989; target network: Mnih et al. 2015; choice by the one and value by the other network: van Hasselt et al. 2016.)

Two things make much of few placements. The reward is linear in the objective weight, so each is learned under any weight and not
only the one it was made under (after Andrychowicz et al., "Hindsight Experience Replay", 2017). And what other candidates would
have earned is read from the trace as well: some are learned beside the chosen one, taking the decision that followed for theirs.

With baseline columns the network learns a correction f only: Q(x) = (1 - w) x[b0] + w x[b1] + f(x), f = 0 at the start. What a
formula already knows need not be learned again, and without experience the policy is the formula's greedy one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from hydatis_core.errors import InvalidValue
from hydatis_core.seeds import generator
from numpy.typing import NDArray

from hydatis_placement.adam import Adam
from hydatis_placement.backpropagation import gradients
from hydatis_placement.q_function import HIDDEN_UNITS, QFunction, initial_q_function
from hydatis_placement.replay_buffer import Batch, ReplayBuffer

__all__ = ["LearningSettings", "PlacementEnvironment", "Progress", "learn"]

Matrix = NDArray[np.float32]
#: Called with (episodes done, episodes in all, a few words); for progress bars.
Progress = Callable[[int, int, str], None]


class PlacementEnvironment(Protocol):
    """Where placements are tried. Decisions come one by one, each with its candidates' after-states, shape (candidates, inputs)."""

    def reset(self, episode: int) -> Matrix | None:
        """Begins an episode and returns the first decision; None: it has no decision."""
        ...

    def rewards(self, choices: Sequence[int]) -> Matrix:
        """What candidates of the waiting decision earn, shape (choices, 2): with objective weight 0, and with 1."""
        ...

    def step(self, choice: int) -> Matrix | None:
        """Places on a candidate and returns the next decision; None: the episode ended."""
        ...


@dataclass(frozen=True, slots=True)
class LearningSettings:
    """How to learn.

    Raises:
        InvalidValue: a number is out of its range.
    """

    discount: float = 0.1
    """g: what the next decision's value counts, 0 <= g < 1. Small, because what a placement does it does to its own node, and the
    reward sees that node's coming hours already; the next pod's value is mostly noise about this one."""
    learning_rate: float = 1e-3
    """Step size of Adam at the start; it falls linearly to a tenth, > 0."""
    weight_decay: float = 10.0
    """Share of a weight lost per step and unit of learning rate, >= 0. Nodes of one decision look alike, and few decisions are
    seen: without it the network learns the traces by heart and ranks unseen nodes worse than measured load does."""
    batch_size: int = 128
    """Transitions per step, >= 1."""
    steps_per_decision: int = 2
    """Steps of the optimiser per placement, >= 1."""
    others_per_decision: int = 3
    """Candidates not chosen that are learned beside the chosen one, >= 0."""
    buffer_size: int = 40_000
    """Transitions remembered, >= 1."""
    candidate_limit: int = 16
    """Candidates of the next decision remembered per transition, >= 1."""
    warm_up: int = 1000
    """Decisions before the first step, >= 1. They set the normalisation of the inputs, so they should see a cluster fill up."""
    target_interval: int = 250
    """Steps between copies of the network to the target network, >= 1."""
    first_exploration: float = 1.0
    """Share of random choices in the first episode, 0..1."""
    last_exploration: float = 0.05
    """The same from the middle of the training on, 0..1; linear between."""
    hidden_units: tuple[int, ...] = HIDDEN_UNITS
    """Width of each hidden layer."""

    def __post_init__(self) -> None:
        shares = (self.first_exploration, self.last_exploration)
        if not 0 <= self.discount < 1 or not all(0 <= share <= 1 for share in shares) or not self.learning_rate > 0:
            raise InvalidValue(
                "discount, exploration or rate out of range", field="settings", expected="0 <= discount < 1, shares 0..1"
            )
        counts = (
            self.batch_size,
            self.steps_per_decision,
            self.buffer_size,
            self.candidate_limit,
            self.warm_up,
            self.target_interval,
        )
        if min(counts) < 1 or min(self.others_per_decision, self.weight_decay) < 0:
            raise InvalidValue("a count is below 1", field="settings", expected="whole numbers >= 1")


class _Learner:
    """Network, target network and optimiser, once the inputs' normalisation is known."""

    def __init__(
        self,
        settings: LearningSettings,
        random: np.random.Generator,
        states: Matrix,
        objective_column: int | None,
        baseline_columns: tuple[int, int] | None,
    ) -> None:
        mean = states.mean(axis=0)
        # A constant column says nothing yet: it passes as it is instead of being blown up.
        scale = np.where(states.std(axis=0) < 1e-3, np.float32(1.0), states.std(axis=0)).astype(np.float32)
        if objective_column is not None:
            mean[objective_column], scale[objective_column] = 0.5, 0.5
        self.function = initial_q_function(random, mean, scale, settings.hidden_units)
        self._settings = settings
        self._random = random
        self._objective_column = objective_column
        self._baseline_columns = baseline_columns
        if baseline_columns is not None:
            self.function.weights[-1][...] = 0.0
        self._parameters = [*self.function.weights, *self.function.biases]
        self._adam = Adam(self._parameters, rate=settings.learning_rate, decay=settings.weight_decay)
        self._target = self.frozen()
        self._steps = 0

    def frozen(self) -> QFunction:
        """The function as it is now."""
        live = self.function
        return QFunction(live.mean, live.scale, tuple(w.copy() for w in live.weights), tuple(b.copy() for b in live.biases))

    def values(self, states: Matrix) -> Matrix:
        """Values by the live network (its own forward pass, since ``QFunction`` folds parameters that are still moving)."""
        layer = (states - self.function.mean) / self.function.scale
        last = len(self.function.weights) - 1
        for number, (weight, bias) in enumerate(zip(self.function.weights, self.function.biases, strict=True)):
            layer = layer @ weight + bias
            if number < last:
                np.maximum(layer, 0.0, out=layer)
        values: Matrix = layer[:, 0] + self._baseline(states)
        return values

    def _baseline(self, states: Matrix) -> Matrix:
        """What is known without learning, shape (states,)."""
        if self._baseline_columns is None:
            return np.zeros(len(states), dtype=np.float32)
        first, second = (states[:, column] for column in self._baseline_columns)
        weight = states[:, self._objective_column] if self._objective_column is not None else np.float32(0.0)
        baseline: Matrix = first + (second - first) * weight
        return baseline

    def step(self, batch: Batch, rate: float) -> float:
        """One step on a batch; returns its loss."""
        weights = self._relabel(batch)
        rewards = batch.rewards[:, 0] * (1 - weights) + batch.rewards[:, 1] * weights
        targets = rewards + np.float32(self._settings.discount) * self._next_values(batch) - self._baseline(batch.states)
        inputs = (batch.states - self.function.mean) / self.function.scale
        result = gradients(self.function.weights, self.function.biases, inputs, targets)
        self._adam.rate = rate
        self._adam.step([*result.weights, *result.biases])
        self._steps += 1
        if self._steps % self._settings.target_interval == 0:
            self._target = self.frozen()
        return result.loss

    def _relabel(self, batch: Batch) -> Matrix:
        """Draws an objective weight for each transition, the two ends more often, and writes it into the batch's states."""
        weights = np.clip(self._random.uniform(-0.5, 1.5, len(batch.states)), 0.0, 1.0).astype(np.float32)
        if self._objective_column is None:
            return np.zeros_like(weights)
        batch.states[:, self._objective_column] = weights
        batch.next_states[:, self._objective_column] = np.repeat(weights, batch.next_counts)
        return weights

    def _next_values(self, batch: Batch) -> Matrix:
        values = np.zeros(len(batch.rewards), dtype=np.float32)
        if self._settings.discount == 0 or not len(batch.next_states):
            return values
        live = np.flatnonzero(batch.next_counts)
        ends = np.cumsum(batch.next_counts[live])
        starts = ends - batch.next_counts[live]
        online = self.values(batch.next_states)
        chosen = np.array([start + int(online[start:end].argmax()) for start, end in zip(starts, ends, strict=True)])
        following = batch.next_states[chosen]
        values[live] = self._target.values(following) + self._baseline(following)
        return values


def learn(
    environment: PlacementEnvironment,
    *,
    episodes: int,
    seed: int,
    objective_column: int | None = None,
    baseline_columns: tuple[int, int] | None = None,
    settings: LearningSettings | None = None,
    progress: Progress | None = None,
) -> tuple[QFunction, list[dict[str, float]]]:
    """Learns a Q function by placing.

    Args:
        environment: where placements are tried.
        episodes: how many, >= 1.
        seed: of exploration, weights and draws.
        objective_column: position of the objective weight in an after-state; None: there is none, rewards are those of weight 0.
        baseline_columns: positions of the value that is known without learning, with objective weight 0, and with 1; the function
            returned is then the correction f alone. None: there is none.
        settings: how to learn.
        progress: told after each episode.

    Returns:
        The function, and one row per episode: ``episode``, ``decisions``, ``reward_mean`` (per decision), ``loss_mean`` (Huber; NaN
        before the first step), ``exploration``.

    Raises:
        InvalidValue: no episodes, or fewer decisions in all than the warm-up needs.
    """
    if episodes < 1:
        raise InvalidValue(f"{episodes} episodes", field="episodes", expected="at least 1")
    settings = settings or LearningSettings()
    random = generator(seed, "placement/q-learning")
    seen: list[Matrix] = []
    buffer: ReplayBuffer | None = None
    learner: _Learner | None = None
    curve: list[dict[str, float]] = []
    for episode in range(episodes):
        exploration = _between(settings.first_exploration, settings.last_exploration, 2.0 * episode / max(episodes - 1, 1))
        rate = _between(settings.learning_rate, settings.learning_rate / 10, episode / max(episodes - 1, 1))
        rewards: list[float] = []
        losses: list[float] = []
        candidates = environment.reset(episode)
        while candidates is not None:
            if learner is None or random.random() < exploration:
                choice = int(random.integers(len(candidates)))
            else:
                choice = int(learner.values(candidates).argmax())
            learned = [choice, *random.permutation(len(candidates))[: settings.others_per_decision].tolist()]
            earned = environment.rewards(learned)
            states = candidates[learned]
            weight = float(states[0, objective_column]) if objective_column is not None else 0.0
            rewards.append(float(earned[0] @ (1 - weight, weight)))
            candidates = environment.step(choice)
            if buffer is None:
                buffer = ReplayBuffer(settings.buffer_size, states.shape[1], settings.candidate_limit, random)
            for state, pair in zip(states, earned, strict=True):
                buffer.add(state, pair, candidates)
            if learner is not None:
                losses.extend(learner.step(buffer.draw(settings.batch_size), rate) for _ in range(settings.steps_per_decision))
                continue
            seen.append(states[0])
            if len(seen) >= settings.warm_up:
                learner = _Learner(settings, random, np.stack(seen), objective_column, baseline_columns)
        curve.append(
            {
                "episode": float(episode),
                "decisions": float(len(rewards)),
                "reward_mean": float(np.mean(rewards)) if rewards else float("nan"),
                "loss_mean": float(np.mean(losses)) if losses else float("nan"),
                "exploration": exploration,
            }
        )
        if progress is not None:
            progress(episode + 1, episodes, f"reward {curve[-1]['reward_mean']:.4f} per placement")
    if learner is None:
        raise InvalidValue(f"{len(seen)} decisions in all", field="episodes", expected=f"at least {settings.warm_up} decisions")
    return learner.frozen(), curve


def _between(first: float, last: float, way: float) -> float:
    """Linear from first (way 0) to last (way 1 and beyond)."""
    return first + (last - first) * min(max(way, 0.0), 1.0)
