"""What of the past is asked for, and how it is written in PromQL: samples as the ticks would have taken them, means before them.

Everything here is arithmetic on times. A span is asked in pages from its newest end, so that whatever breaks off, what was answered
reaches back from now without a gap.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from hydatis_features.windows import BIN_COUNT, BIN_SECONDS, FINE_SECONDS
from hydatis_serving.prometheus.queries import Asking, Quantity
from numpy.typing import NDArray

__all__ = ["Past", "Span", "mean_promql", "past_between"]


@dataclass(frozen=True, slots=True)
class Span:
    """Times at equal steps."""

    first_seconds: float
    count: int
    """> 0."""
    step_seconds: float

    @property
    def times(self) -> NDArray[np.float64]:
        """shape (count,), ascending."""
        return self.first_seconds + self.step_seconds * np.arange(self.count, dtype=np.float64)

    @property
    def last_seconds(self) -> float:
        """The newest time."""
        return self.first_seconds + self.step_seconds * (self.count - 1)

    def newest(self, count: int) -> Span:
        """The newest so many times, at most all."""
        kept = min(count, self.count)
        return replace(self, first_seconds=self.first_seconds + self.step_seconds * (self.count - kept), count=kept)

    def before(self, page: Span) -> Span | None:
        """What is left when a page of its newest times was answered."""
        left = self.count - page.count
        return replace(self, count=left) if left else None


@dataclass(frozen=True, slots=True)
class Past:
    """What is missing in the windows."""

    bins: Span | None
    """Ends of bins; None: none are missing."""
    samples: Span | None


def past_between(newest_seconds: float, last_seconds: float, tick_seconds: float) -> Past:
    """The samples between two times, as far back as windows keep them, and the bins before.

    Args:
        newest_seconds: of the newest sample there is; -inf: none.
        last_seconds: of the newest sample that could be there.
        tick_seconds: time between samples.
    """
    split = (last_seconds - FINE_SECONDS) // BIN_SECONDS * BIN_SECONDS
    count = math.ceil((last_seconds - max(split, newest_seconds)) / tick_seconds - 1e-9)
    samples = Span(last_seconds - tick_seconds * (count - 1), count, tick_seconds) if count > 0 else None
    if newest_seconds >= split:
        return Past(None, samples)
    kept = BIN_COUNT - math.ceil((last_seconds - split) / BIN_SECONDS)
    missing = kept if newest_seconds == -math.inf else int((split - newest_seconds) // BIN_SECONDS) + 1
    count = min(kept, missing)
    return Past(Span(split - BIN_SECONDS * (count - 1), count, BIN_SECONDS), samples)


def mean_promql(quantity: Quantity, memory: Quantity, asking: Asking, tick_seconds: float, *, recorded: bool) -> str:
    """The mean of a quantity over the bin that ends at the time of evaluation, of the times at which a tick would have known it.

    That is where memory was measured, too: a rate looks further back than a sample may be old. Prometheus takes the times of a
    subquery at multiples of its step, as the ticks are; the first of them, on the bin's open edge, is kept out by half a tick.
    """
    known = f"({quantity.promql(asking, recorded=recorded)}) and ({memory.promql(asking, recorded=recorded)})"
    return f"avg_over_time(({known})[{round(1000 * (BIN_SECONDS - tick_seconds / 2))}ms:{tick_seconds:g}s])"
