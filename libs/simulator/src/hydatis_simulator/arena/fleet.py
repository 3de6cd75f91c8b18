"""A fleet: pods with a past, an arrival and a future, in arrays.

An experiment on placement needs three stretches of time: a history that a policy may know when a pod arrives, the arrivals, and the
weeks in which placements are judged. A fleet is these three in one matrix; what a policy may see of it is cut by ``Seen``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar, cast

import numpy as np
from hydatis_core.errors import InvalidValue, WrongShape
from numpy.typing import NDArray

__all__ = ["CPU", "MEMORY", "RESOURCES", "Fleet"]

Kept = TypeVar("Kept")
#: First axis of every matrix of the arena: cores, bytes.
CPU, MEMORY = 0, 1
RESOURCES = ("cpu", "memory")
#: Results remembered of one fleet: three policies that look at every sample of a day.
REMEMBERED_COUNT = 900


@dataclass(frozen=True)
class Fleet:
    """Pods that arrive once and stay.

    Times are seconds since the start of step 0; the use in column ``s`` is the mean over ``s * step_seconds`` and one step on.

    Raises:
        WrongShape: arrays do not agree.
        InvalidValue: arrivals are out of order, or lie outside the arrival steps, or use after the first arrival is unknown.
    """

    name: str
    step_seconds: float
    history_steps: int
    """Steps before the first arrival may come."""
    judged_from_step: int
    """First step in which placements are judged; every pod has arrived by then."""
    usage: NDArray[np.float32]
    """shape (2, pods, steps), cores and bytes, >= 0. NaN only in the history: the workload did not exist, or nobody measured it."""
    requests: NDArray[np.float64]
    """shape (2, pods), cores and bytes, > 0."""
    limits: NDArray[np.float64]
    """shape (2, pods), cores and bytes, >= requests."""
    arrival_seconds: NDArray[np.float64]
    """shape (pods,), ascending."""
    workloads: NDArray[np.int32]
    """shape (pods,): pods with the same number are shifted copies of one series. Their histories hold each other's futures: no
    forecaster may pool over them."""

    def __post_init__(self) -> None:
        if self.usage.ndim != 3 or self.usage.shape[0] != len(RESOURCES) or self.usage.dtype != np.float32:
            shown = f"{self.usage.dtype} of shape {self.usage.shape}"
            raise WrongShape(shown, field="usage", expected="float32 of shape (2, pods, steps)")
        pods = self.usage.shape[1]
        for name, shape in (("requests", (2, pods)), ("limits", (2, pods)), ("arrival_seconds", (pods,)), ("workloads", (pods,))):
            if getattr(self, name).shape != shape:
                raise WrongShape(f"{name} of shape {getattr(self, name).shape}", field=name, expected=str(shape))
        if not 0 <= self.history_steps < self.judged_from_step < self.steps_count:
            steps = f"{self.history_steps}, {self.judged_from_step}, {self.steps_count}"
            raise InvalidValue(
                f"history, judged start and end at steps {steps}", field="judged_from_step", expected="in this order"
            )
        first, last = self.history_steps * self.step_seconds, self.judged_from_step * self.step_seconds
        if (
            not pods
            or np.any(np.diff(self.arrival_seconds) < 0)
            or self.arrival_seconds[0] < first
            or self.arrival_seconds[-1] >= last
        ):
            raise InvalidValue("arrivals are missing or not in order", field="arrival_seconds", expected=f"{first:g} to {last:g} s")
        if np.isnan(self.usage[:, :, self.history_steps :]).any():
            raise InvalidValue(
                "use after the first arrival is unknown", field="usage", expected="holes held by whoever builds a fleet"
            )

    @property
    def pods_count(self) -> int:
        """Number of pods."""
        return int(self.usage.shape[1])

    @property
    def steps_count(self) -> int:
        """Number of steps."""
        return int(self.usage.shape[2])

    @property
    def judged(self) -> NDArray[np.float32]:
        """shape (2, pods, judged steps): what outcomes are computed from, and what an oracle knows."""
        return self.usage[:, :, self.judged_from_step :]

    @cached_property
    def arrival_use(self) -> NDArray[np.float32]:
        """shape (steps of arrivals, 2, pods): the same use step by step, as metrics are scraped; a step lies together in memory."""
        return np.ascontiguousarray(self.usage[:, :, self.history_steps : self.judged_from_step].transpose(2, 0, 1))

    def remembered(self, key: Hashable, compute: Callable[[], Kept]) -> Kept:
        """What was computed of the pods' pasts under a key, computed once: runs on other numbers of nodes ask for the same again.

        Args:
            key: says all that the result depends on beside the fleet.
            compute: makes it; nobody may write to it.
        """
        if key not in self._memory:
            if len(self._memory) >= REMEMBERED_COUNT:
                self._memory.clear()
            self._memory[key] = compute()
        return cast(Kept, self._memory[key])

    @cached_property
    def _memory(self) -> dict[Hashable, object]:
        return {}
