"""Training of the placement policy in the simulator, and the comparison it has to stand.

A learned policy is worth its trouble only if it beats the same forecast without learning. So the two stand side by side on traces
that training has not seen, with the stock scheduler, measured load and chance beside them, whatever comes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import InvalidValue
from hydatis_core.nodes import Node
from hydatis_placement.after_state import BASELINE_COLUMNS, OBJECTIVE_COLUMN
from hydatis_placement.q_function import QFunction
from hydatis_placement.q_learning import LearningSettings, Progress, learn
from hydatis_placement.reward import RewardWeights
from numpy.typing import NDArray

from hydatis_simulator.env import PlacementEnv
from hydatis_simulator.learned_policy import (
    Forecaster,
    InProcessPolicy,
    greedy_policy,
    learned_policy,
    load_policy,
    persistence,
)
from hydatis_simulator.outcomes import Outcome
from hydatis_simulator.policy import Policy, RandomPolicy, StockPolicy
from hydatis_simulator.replay import replay
from hydatis_simulator.trace import Trace

__all__ = ["DECIDING_FIGURES", "Comparison", "compare_policies", "train_policy"]

#: Share of node time over a threshold.
OVERLOAD_FIGURES = ("cpu_overload_node_time_ratio", "memory_overload_node_time_ratio")
#: What decides whether the learned policy is used, lower = better.
DECIDING_FIGURES = (
    *OVERLOAD_FIGURES,
    "throttled_core_seconds",
    "oom_count",
    "pending_count",
)

#: How much of greedy's overload a learned policy must take away, and from how much on there is anything to tell by.
LEAST_GAIN_RATIO, LEAST_OVERLOAD_RATIO = 0.1, 0.002

Matrix = NDArray[np.float32]


class _Episodes:
    """The environment as the learner wants it: candidates only, and one seed per episode."""

    def __init__(self, env: PlacementEnv, seed: int) -> None:
        self._env = env
        self._seed = seed

    def reset(self, episode: int) -> Matrix | None:
        self._env.reset(seed=self._seed * 1_000_003 + episode)
        return self._candidates()

    def rewards(self, choices: Sequence[int]) -> Matrix:
        return self._env.rewards(choices)

    def step(self, choice: int) -> Matrix | None:
        decision = self._env.decision
        assert decision is not None, "the learner steps only where a pod waits"
        self._env.step(int(decision.rows[choice]))
        return self._candidates()

    def _candidates(self) -> Matrix | None:
        return None if self._env.decision is None else self._env.decision.after_states


def train_policy(
    traces: Sequence[Trace],
    nodes: Sequence[Node],
    *,
    seed: int,
    episodes: int = 12,
    progress: Progress | None = None,
    forecaster: Forecaster | None = None,
    settings: LearningSettings | None = None,
    weights: RewardWeights | None = None,
    tick_seconds: float = 300.0,
    scrape_delay_seconds: float = 15.0,
) -> tuple[QFunction, list[dict[str, float]]]:
    """Learns what is added to the greedy value of after-states (``after_state.baseline``).

    Args:
        traces: what to place; each episode draws one of them, and an objective weight.
        nodes: the cluster. Loads are shares of a node, so the policy holds for other clusters; it is best on the like of this one.
        seed: of everything random.
        episodes: traces played, >= 1.
        progress: told after each episode.
        forecaster: from a node table to the maximum over the next hour; None: persistence.
        settings: how to learn.
        weights: of the parts of the reward; None: the defaults.
        tick_seconds: length of a tick.
        scrape_delay_seconds: age of measurements when they are seen.

    Returns:
        What is added to greedy, and its learning curve: rows as ``hydatis_placement.q_learning.learn`` gives them.

    Raises:
        InvalidValue: no traces, no nodes, no episodes, or too few decisions to learn from.
    """
    env = PlacementEnv(
        traces,
        nodes,
        tick_seconds=tick_seconds,
        scrape_delay_seconds=scrape_delay_seconds,
        weights=weights,
        forecaster=forecaster or persistence,
    )
    return learn(
        _Episodes(env, seed),
        episodes=episodes,
        seed=seed,
        objective_column=OBJECTIVE_COLUMN,
        baseline_columns=BASELINE_COLUMNS,
        settings=settings,
        progress=progress,
    )


@dataclass(frozen=True)
class Comparison:
    """What policies did with the same traces on the same cluster."""

    objective_weight: float
    """0 (spread) to 1 (pack), of the policies that know it."""
    outcomes: dict[str, tuple[Outcome, ...]]
    """By policy, one per trace and seed in the same order."""

    def mean(self, policy: str, figure: str) -> float:
        """Mean of a figure over a policy's replays; NaN where it does not exist."""
        return float(np.mean([outcome.figures[figure] for outcome in self.outcomes[policy]]))

    @property
    def prefers_learned(self) -> bool:
        """Whether ``hydatis`` clearly beats ``greedy``.

        Its overload (share of node time over a threshold, CPU and memory together) is lower by ``LEAST_GAIN_RATIO`` of greedy's,
        which is at least ``LEAST_OVERLOAD_RATIO``; and none of ``DECIDING_FIGURES`` that exist is worse. Less overload than that is
        one node's bad half hour, and a correction that was taken for it did harm elsewhere.
        """
        figures = [name for name in DECIDING_FIGURES if name in self.outcomes["greedy"][0].figures]
        pairs = {name: (self.mean("greedy", name), self.mean("hydatis", name)) for name in figures}
        known = {name: pair for name, pair in pairs.items() if np.isfinite(pair).all()}
        if any(learned > greedy for greedy, learned in known.values()):
            return False
        overload = np.array([known[name] for name in OVERLOAD_FIGURES if name in known]).reshape(-1, 2).sum(axis=0)
        return bool(overload[0] >= LEAST_OVERLOAD_RATIO and overload[1] <= (1 - LEAST_GAIN_RATIO) * overload[0])

    def rows(self, figures: Sequence[str]) -> list[dict[str, float | str]]:
        """One row per policy: ``policy`` and the mean of each figure."""
        return [{"policy": name, **{figure: self.mean(name, figure) for figure in figures}} for name in self.outcomes]


def compare_policies(
    function: QFunction,
    traces: Sequence[Trace],
    nodes: Sequence[Node],
    *,
    seeds: Sequence[int],
    objective_weight: float = 0.0,
    forecaster: Forecaster | None = None,
    tick_seconds: float = 300.0,
    scrape_delay_seconds: float = 15.0,
    progress: Progress | None = None,
) -> Comparison:
    """Replays traces under the learned policy, greedy, load, stock and random.

    Args:
        function: the learned policy.
        traces: not seen in training.
        nodes: the cluster.
        seeds: of tie-breaks and of the random policy; every trace is replayed once per seed.
        objective_weight: 0 (spread) to 1 (pack).
        forecaster: the same for all that forecast; None: persistence.
        tick_seconds: length of a tick.
        scrape_delay_seconds: age of measurements when they are seen.
        progress: told after each replay.

    Raises:
        InvalidValue: no traces or no seeds.
    """
    if not traces or not seeds:
        raise InvalidValue("nothing to compare on", field="traces, seeds", expected="at least one of each")
    ahead = forecaster or persistence
    makers: dict[str, Callable[[int], Policy]] = {
        "hydatis": lambda _: learned_policy(function, forecaster=ahead, objective_weight=objective_weight),
        "greedy": lambda _: greedy_policy(forecaster=ahead, objective_weight=objective_weight),
        "load": lambda _: load_policy(objective_weight=objective_weight),
        "stock": lambda _: StockPolicy(),
        "random": RandomPolicy,
    }
    replays_count = len(makers) * len(traces) * len(seeds)
    outcomes: dict[str, tuple[Outcome, ...]] = {}
    done = 0
    for name, make in makers.items():
        of_policy = []
        for trace in traces:
            for seed in seeds:
                policy = make(seed)
                observers = [policy] if isinstance(policy, InProcessPolicy) else []
                of_policy.append(
                    replay(
                        trace,
                        nodes,
                        policy,
                        observers,
                        seed=seed,
                        tick_seconds=tick_seconds,
                        scrape_delay_seconds=scrape_delay_seconds,
                    )
                )
                done += 1
                if progress is not None:
                    progress(done, replays_count, f"{name} on {trace.name}")
        outcomes[name] = tuple(of_policy)
    return Comparison(objective_weight, outcomes)
