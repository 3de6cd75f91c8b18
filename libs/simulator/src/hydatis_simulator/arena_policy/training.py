"""Training of the correction in the arena: several fleets, load levels and objective weights, the future read from the trace.

A reward is the value of the chosen node by the use that really came (``overload_bound``): of its pods and the waiting one, over the
judged weeks. Load levels are node counts between just enough for the fleet's summed peaks and twice that, since a policy is only
told from another where nodes are short.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from hydatis_core.errors import InvalidValue
from hydatis_core.seeds import generator
from hydatis_features.profile_moments import log_moments
from hydatis_features.use_law import ROOM_RATIOS, SCALES
from hydatis_placement.moment_state import BASELINE_COLUMNS, OBJECTIVE_COLUMN
from hydatis_placement.overload_bound import bound_values
from hydatis_placement.q_function import QFunction
from hydatis_placement.q_learning import LearningSettings, learn
from numpy.typing import NDArray

from hydatis_simulator.arena.fleet import Fleet
from hydatis_simulator.arena.judge import judge
from hydatis_simulator.arena.run import place
from hydatis_simulator.arena.seen import NONZERO_REQUESTS, Seen
from hydatis_simulator.arena_policy.learned import HydatisLearned

__all__ = ["SETTINGS", "compare_with_greedy", "train_correction"]

Progress = Callable[[int, int, str], None]

#: How the correction is learned.
SETTINGS = LearningSettings(
    learning_rate=1e-3, weight_decay=1.0, steps_per_decision=1, others_per_decision=5, warm_up=400, hidden_units=(24, 24)
)
_OBJECTIVE_WEIGHTS = (0.0, 0.0, 0.5, 1.0)
_LEAST_NODES, _MOST_NODES = 1.1, 2.0
#: Judged steps between two that are looked at.
_THIN = 12


class ArenaEpisodes:
    """Placements of fleets as the learner wants them.

    Args:
        fleets: what to place; each episode draws one, a node count and an objective weight.
        nodes: shape (shapes, 2), cores and bytes of the nodes; each episode draws one shape.
        seed: of the draws.
    """

    def __init__(self, fleets: Sequence[Fleet], nodes: NDArray[np.float64], seed: int) -> None:
        if not fleets:
            raise InvalidValue("no fleet to learn from", field="fleets", expected="at least one")
        self._fleets, self._nodes, self._seed = tuple(fleets), nodes, seed

    def reset(self, episode: int) -> NDArray[np.float32] | None:
        """Begins with an empty cluster."""
        random = generator(self._seed, f"arena/episode/{episode}")
        fleet = self._fleets[int(random.integers(len(self._fleets)))]
        node = self._nodes[int(random.integers(len(self._nodes)))]
        self._future = (fleet.judged[:, :, ::_THIN] / (node * ROOM_RATIOS)[:, None, None]).astype(np.float32)
        self._nodes_count = max(2, round(self._future.sum(axis=1).max() * random.uniform(_LEAST_NODES, _MOST_NODES)))
        self._seen = Seen(fleet, np.tile(node[:, None], self._nodes_count))
        self._contender = HydatisLearned(None, objective_weight=float(random.choice(_OBJECTIVE_WEIGHTS)))
        self._contender.start(self._seen)
        self._use = np.zeros((2, self._nodes_count, self._future.shape[2]), dtype=np.float32)
        self._pod = 0
        return self._contender.states(self._seen, 0)

    def rewards(self, choices: Sequence[int]) -> NDArray[np.float32]:
        """What choices come to, shape (choices, 2)."""
        nodes = np.asarray(choices)
        sums = log_moments(self._use[:, nodes] + self._future[:, self._pod, None], SCALES)
        loads = (sums / SCALES[:, None, None]).transpose(1, 0, 2)
        return bound_values(loads, self._seen.pods_count[nodes] == 0).T

    def step(self, choice: int) -> NDArray[np.float32] | None:
        """Binds, and moves on to the next arrival."""
        seen, pod = self._seen, self._pod
        seen.node_of[pod] = choice
        seen.pods_count[choice] += 1
        seen.requested[:, choice] += np.maximum(seen.fleet.requests[:, pod], NONZERO_REQUESTS)
        self._contender.placed(seen, pod, choice)
        self._use[:, choice] += self._future[:, pod]
        self._pod += 1
        return None if self._pod == seen.fleet.pods_count else self._contender.states(seen, self._pod)


def train_correction(
    fleets: Sequence[Fleet],
    nodes: NDArray[np.float64],
    *,
    seed: int,
    episodes: int,
    progress: Progress | None = None,
    settings: LearningSettings = SETTINGS,
) -> tuple[QFunction, list[dict[str, float]]]:
    """Learns the correction.

    Args:
        fleets: what to place, of training machines and months only.
        nodes: shape (shapes, 2), cores and bytes of nodes. Loads are shares of a node, so the correction holds for others.
        seed: of everything random.
        episodes: fleets placed.
        progress: told after each.
        settings: how to learn.

    Returns:
        The correction and its learning curve, as ``hydatis_placement.q_learning.learn`` gives them.

    Raises:
        InvalidValue: no fleets, no episodes, or too few decisions.
    """
    return learn(
        ArenaEpisodes(fleets, nodes, seed),
        episodes=episodes,
        seed=seed,
        objective_column=OBJECTIVE_COLUMN,
        baseline_columns=BASELINE_COLUMNS,
        settings=settings,
        progress=progress,
    )


def compare_with_greedy(
    correction: QFunction,
    fleets: Sequence[Fleet],
    node: NDArray[np.float64],
    *,
    seed: int,
    levels: Sequence[float] = (1.3, 1.5, 1.8),
) -> dict[str, float]:
    """What decides whether the correction is used: both policies on fleets that training has not seen.

    Args:
        correction: what was learned.
        fleets: of machines or months kept from training.
        node: shape (2,), cores and bytes of a node.
        seed: of ties.
        levels: node counts, times what the fleet's summed peaks fill.

    Returns:
        Violation ratio, mean over fleets and levels, of ``hydatis`` and of ``greedy``; ``lower_ratio``: the share of runs in which
        the correction is not worse; ``prefer_learned``: 1 if it is not worse in any and better in one, else 0. A lower mean is not
        enough: corrections with a validation mean 6 % and 13 % lower were worse than greedy on other machines.
    """
    ratios: dict[str, list[float]] = {"hydatis": [], "greedy": []}
    for fleet in fleets:
        filled = float((fleet.judged.sum(axis=1).max(axis=1) / (node * ROOM_RATIOS)).max())
        for level in levels:
            allocatable = np.tile(node[:, None], max(2, round(filled * level)))
            for name, used in (("hydatis", correction), ("greedy", None)):
                nodes = place(fleet, allocatable, HydatisLearned(used), seed=seed, requests_bind=False)
                ratios[name].append(judge(fleet, nodes, allocatable).violation_ratio)
    means = {f"{name}_violation_ratio": float(np.mean(values)) for name, values in ratios.items()}
    gains = np.subtract(ratios["greedy"], ratios["hydatis"])
    preferred = bool((gains >= 0).all() and (gains > 0).any())
    return means | {"lower_ratio": float((gains >= 0).mean()), "prefer_learned": float(preferred)}
