"""The time one decision may take, and what is left of it.

kube-scheduler waits httpTimeout for each pod in a serial loop; our own budget is shorter, and every call inside gets a part of
what is left, so that a late peer costs a rung and never a timeout.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Deadline"]


class Deadline:
    """A budget that runs from now.

    Args:
        budget_seconds: how long the whole may take, > 0.
        clock: monotonic seconds.
    """

    def __init__(self, budget_seconds: float, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._budget_seconds = budget_seconds
        self.started = clock()
        """When it began to run."""

    @property
    def passed_seconds(self) -> float:
        """Since it began."""
        return self._clock() - self.started

    @property
    def left_seconds(self) -> float:
        """Until it is over; below 0: it is over."""
        return self._budget_seconds - self.passed_seconds

    def share_seconds(self, share_ratio: float) -> float:
        """A part of the whole budget, at most what is left."""
        return min(self._budget_seconds * share_ratio, self.left_seconds)
