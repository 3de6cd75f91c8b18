"""The policy as a decision sees it: greedy, and what the served model adds to it in time, else the local one, else nobody.

This is the one place that knows both models, so that the rung of a decision is decided once and said in the answer; and the one
that adds what greedy says, since a model is a correction of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from time import perf_counter

import numpy as np
from hydatis_core.errors import DependencyUnavailable, HydatisError
from hydatis_placement.after_state import baseline
from numpy.typing import NDArray

from hydatis_placement_policy.local_policy import LocalPolicyShelf
from hydatis_placement_policy.placement_metrics import PlacementMetrics
from hydatis_placement_policy.served_policy import ServedPolicy

__all__ = ["Policy", "PolicyValues", "Source"]


class Source(Enum):
    """Who computed the values."""

    MODEL_SERVER = "model_server"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class PolicyValues:
    """What the policy says of after-states."""

    values: NDArray[np.float32]
    """shape (rows,), float32, finite, high = better."""
    source: Source
    version: str


class Policy:
    """Values after-states.

    Args:
        served: the model server.
        shelf: the local policy.
        metrics: where answers are counted.
        reserve_seconds: what of the time left is kept for the local policy.
    """

    def __init__(self, served: ServedPolicy, shelf: LocalPolicyShelf, metrics: PlacementMetrics, reserve_seconds: float) -> None:
        self._served = served
        self._shelf = shelf
        self._metrics = metrics
        self._reserve_seconds = reserve_seconds

    async def values(self, states: NDArray[np.float32], seconds_left: float) -> PolicyValues:
        """Values of after-states: ``after_state.baseline`` + the model's answer.

        Args:
            states: float32 of shape (rows, columns of ``hydatis_placement.after_state``).
            seconds_left: time until the decision's deadline.

        Raises:
            DependencyUnavailable: the model server did not answer in time, and there is no local policy.
        """
        began = perf_counter()
        try:
            values, version = await self._served.values(states, seconds_left - self._reserve_seconds)
        except HydatisError as error:
            return self._local(states, error)
        self._metrics.staged("placement_model", perf_counter() - began)
        self._metrics.answered(Source.MODEL_SERVER.value)
        return PolicyValues(values + baseline(states), Source.MODEL_SERVER, version)

    def _local(self, states: NDArray[np.float32], error: HydatisError) -> PolicyValues:
        began = perf_counter()
        policy = self._shelf.policy
        if policy is None:
            self._metrics.unanswered()
            raise DependencyUnavailable(f"there is no local policy, and {error.message}", field=error.field) from error
        values = policy.values(states) + baseline(states)
        self._metrics.staged("placement_local", perf_counter() - began)
        self._metrics.answered(Source.LOCAL.value)
        return PolicyValues(values, Source.LOCAL, policy.version)

    @property
    def local_version(self) -> str:
        """Version of the local policy; empty: there is none."""
        return self._shelf.policy.version if self._shelf.policy is not None else ""
