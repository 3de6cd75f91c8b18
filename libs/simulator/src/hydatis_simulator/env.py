"""Placement as a gymnasium environment: where the policy learns.

It plays a trace by the same cluster, the same arithmetic of overload and the same feature engine as a replay, but stops at every
pod and asks. So what is learned here is what a replay, and the running stack, will be asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, cast

import gymnasium
import numpy as np
from gymnasium import spaces
from hydatis_core.errors import InvalidValue
from hydatis_core.nodes import Node
from hydatis_placement.after_state import COLUMNS, LARGEST_UTILITY
from hydatis_placement.reward import RewardWeights
from numpy.typing import NDArray

from hydatis_simulator.coming_use import ComingUse
from hydatis_simulator.episode import Decision, Episode, Timing
from hydatis_simulator.learned_policy import Forecaster, persistence
from hydatis_simulator.trace import Trace

__all__ = ["INFEASIBLE_REWARD", "OBJECTIVE_WEIGHTS", "PlacementEnv"]

Observation = dict[str, NDArray[Any]]

#: Reward of an action that names a node the pod does not fit on; about what a badly overloaded node costs.
INFEASIBLE_REWARD = -1.0
#: Objective weights that episodes draw from when none is given.
OBJECTIVE_WEIGHTS: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)


class PlacementEnv(gymnasium.Env[Observation, np.int64]):
    """
    ## Description
    Pods of a trace arrive at a cluster one by one and are placed on nodes for good. Usage moves with the pods, measurements are late by
    the scrape delay, and forecasts, profiles and credits are those of the running stack. A step is one placement; event time passes
    between steps as far as the next pod that can be placed somewhere.

    ## Action space
    `Discrete(nodes)`: the row of the node to place the pod on. A node that the pod does not fit on (CPU, memory, pods or GPU requested
    beyond allocatable) may be named: the pod then waits until the next tick and the reward is -1.

    ## Observation space
    `Dict`:

    | key | space | meaning |
    |---|---|---|
    | `after_states` | `Box(-1000, 1000, (nodes, 34), float32)` | each node as it would be with the pod on it, columns of `hydatis_placement.after_state.COLUMNS`; zeros where it does not fit |
    | `feasible` | `MultiBinary(nodes)` | 1 where the pod fits |

    After the last placement both are zero.

    ## Reward
    `hydatis_placement.reward.PlacementCost.reward`, without unit, <= about 0, high = better: minus the overload (CPU above 0.90, memory above 0.95 of
    allocatable, per tenth of the node) of the chosen node over the following interval, counted on what the pods that are then on the
    node really use; minus 0.2 x the share of the node that the pod strands; plus the value of the bound on overload that the
    node's use over the interval comes to (`hydatis_placement.overload_bound`): with weight 0 minus its sixth root (spread), with weight 1 the
    node's load, less 1 for each node opened, less three times the root (pack). What an interval brings is read ahead from the trace, so
    it is known at once and belongs to one placement alone. -1 for an infeasible action.

    ## Starting state
    An empty cluster at the start of a trace. Trace and objective weight are drawn unless `options` of `reset` names them: `trace` (position
    in `traces`) and `objective_weight` (0..1). Pods that arrive at the start find no history, as after an installation.

    ## Episode end
    `terminated` when no pod is left to place before the end of the trace. Never truncated.

    ## Arguments
    * `traces`: where pods come from, at least one.
    * `nodes`: the cluster.
    * `tick_seconds`: length of a tick, default 300.
    * `scrape_delay_seconds`: age of measurements when they are seen, default 15.
    * `reward_interval_seconds`: how far the reward looks ahead, default a day.
    * `weights`: of the parts of the reward.
    * `forecaster`: from a node table to the maximum over the next hour, default persistence.

    `info` after a step holds `reward_parts` (a dict), after a step and reset `pod_uid` and `time_seconds` of the waiting decision.
    """  # noqa: E501  # laid out like the environments of gymnasium itself; a table row cannot be broken

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012  # gymnasium declares it so

    def __init__(
        self,
        traces: Sequence[Trace],
        nodes: Sequence[Node],
        *,
        tick_seconds: float = 300.0,
        scrape_delay_seconds: float = 15.0,
        reward_interval_seconds: float = 86400.0,
        weights: RewardWeights | None = None,
        forecaster: Forecaster = persistence,
    ) -> None:
        if not traces:
            raise InvalidValue("no trace to play", field="traces", expected="at least one")
        self._traces = tuple(ComingUse(trace) for trace in traces)
        self._nodes = tuple(nodes)
        self._timing = Timing(tick_seconds, scrape_delay_seconds, reward_interval_seconds)
        self._weights = weights or RewardWeights()
        self._forecaster = forecaster
        self._episode: Episode | None = None
        self._objective_weight = 0.0
        self.decision: Decision | None = None
        """The waiting decision; None: the episode ended or has not begun."""
        shape = (len(self._nodes), len(COLUMNS))
        # gymnasium types Dict as a space of dict[str, object]: narrower than what its keys hold.
        parts: dict[str, spaces.Space[Any]] = {
            "after_states": spaces.Box(-LARGEST_UTILITY, LARGEST_UTILITY, shape, dtype=np.float32),
            "feasible": spaces.MultiBinary(len(self._nodes)),
        }
        self.observation_space = cast("spaces.Space[Observation]", spaces.Dict(parts))
        self.action_space = spaces.Discrete(len(self._nodes))

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Observation, dict[str, Any]]:
        """Begins an episode; see the class for `options`."""
        super().reset(seed=seed)
        options = options or {}
        position = int(options.get("trace", self.np_random.integers(len(self._traces))))
        drawn = OBJECTIVE_WEIGHTS[int(self.np_random.integers(len(OBJECTIVE_WEIGHTS)))]
        self._objective_weight = float(options.get("objective_weight", drawn))
        tie_breaks = int(self.np_random.integers(2**31))
        self._episode = Episode(
            self._traces[position],
            self._nodes,
            self._timing,
            forecaster=self._forecaster,
            objective_weight=self._objective_weight,
            seed=tie_breaks,
        )
        self.decision = self._episode.begin()
        return self._observation(), self._info()

    def step(self, action: np.int64 | int) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Places the waiting pod; see the class."""
        if self._episode is None or self.decision is None:
            raise InvalidValue("no pod waits", field="action", expected="reset first, and after terminated")
        earned, self.decision = self._episode.place(int(action))
        info = self._info()
        if earned is None:
            return self._observation(), INFEASIBLE_REWARD, self.decision is None, False, info
        info["reward_parts"] = asdict(earned)
        return self._observation(), earned.reward(self._objective_weight, self._weights), self.decision is None, False, info

    def rewards(self, positions: Sequence[int]) -> NDArray[np.float32]:
        """What candidates of the waiting decision would earn: the trace knows it ahead.

        Args:
            positions: positions in ``decision.rows``.

        Returns:
            shape (positions, 2), float32: with objective weight 0, and with 1; the reward is linear between.
        """
        if self._episode is None or self.decision is None:
            raise InvalidValue("no pod waits", field="positions", expected="reset first, and after terminated")
        costs = self._episode.costs(self.decision, positions)
        return np.array([[cost.reward(weight, self._weights) for weight in (0.0, 1.0)] for cost in costs], dtype=np.float32)

    def _observation(self) -> Observation:
        states = np.zeros((len(self._nodes), len(COLUMNS)), dtype=np.float32)
        feasible = np.zeros(len(self._nodes), dtype=np.int8)
        if self.decision is not None:
            states[self.decision.rows] = self.decision.after_states
            feasible[self.decision.rows] = 1
        return {"after_states": states, "feasible": feasible}

    def _info(self) -> dict[str, Any]:
        if self.decision is None:
            return {}
        return {"pod_uid": self.decision.pod_uid, "time_seconds": self.decision.time_seconds}
