"""How much may be taken away from a whole cluster within a while, whatever the advice says.

A bound for each container does not help against a recommender that halves everything at once: each step is small, their sum is an
outage. So what is taken is summed up over a sliding window, and what would pass the stated share of the cluster's requests waits.
"""

from __future__ import annotations

from collections import deque

from hydatis_core.errors import InvalidValue

from hydatis_sizing.recommendation import Amounts

__all__ = ["BlastRadius"]


class BlastRadius:
    """What was taken within the window. Not for several threads at once.

    Args:
        share: of the cluster's requests that may be taken within a window, 0..1.
        window_seconds: > 0.

    Raises:
        InvalidValue: one of them is out of range.
    """

    def __init__(self, share: float, window_seconds: float) -> None:
        if not 0.0 <= share <= 1.0:
            raise InvalidValue(f"share is {share!r}", field="share", expected="0 to 1")
        if not window_seconds > 0:
            raise InvalidValue(f"window is {window_seconds!r}", field="window_seconds", expected="> 0")
        self.share = share
        self.window_seconds = window_seconds
        self._taken: deque[tuple[float, float, float]] = deque()
        self.refused_count = 0
        """Times that something had to wait."""

    def taken(self, now_seconds: float) -> Amounts:
        """What was taken within the window that ends now."""
        while self._taken and self._taken[0][0] <= now_seconds - self.window_seconds:
            self._taken.popleft()
        return Amounts(sum(cpu for _, cpu, _ in self._taken), sum(memory for _, _, memory in self._taken))

    def take(self, amounts: Amounts, requested: Amounts, now_seconds: float) -> bool:
        """Takes if both resources stay within the share.

        Args:
            amounts: to be taken away, each >= 0; what is given back instead counts as 0, for it makes no room for others.
            requested: by the cluster's pods, as their owners wrote it, each >= 0.
            now_seconds: event time, not before the last one.

        Returns:
            Whether it may be taken; if so it is counted.
        """
        before = self.taken(now_seconds)
        cpu, memory = max(amounts.cpu_cores, 0.0), max(amounts.memory_bytes, 0.0)
        # NaN compares false: what is not known is not taken.
        fits = (
            before.cpu_cores + cpu <= self.share * requested.cpu_cores
            and before.memory_bytes + memory <= self.share * requested.memory_bytes
        )
        if not fits:
            self.refused_count += 1
        elif cpu or memory:
            self._taken.append((now_seconds, cpu, memory))
        return fits
