"""What a method may look at when it sizes pods: their use so far, and the days on which memory ran out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import WrongShape
from numpy.typing import NDArray

__all__ = ["Past"]


@dataclass(frozen=True)
class Past:
    """Use of pods up to the midnight at which they are sized; days end there, the newest last.

    Raises:
        WrongShape: arrays do not agree.
    """

    cpu_cores: NDArray[np.float32]
    """shape (pods, days, samples a day), cores, >= 0; NaN: not known."""
    memory_bytes: NDArray[np.float32]
    """The same of memory."""
    killed_at_bytes: NDArray[np.float64]
    """shape (pods, days): greatest limit at which a pod was killed for want of memory that day; NaN: it was not."""
    provisioned: NDArray[np.float64]
    """shape (2, pods), cores and bytes, > 0: what their owners asked for, before anyone sized them."""

    def __post_init__(self) -> None:
        shape = self.cpu_cores.shape
        if len(shape) != 3 or self.memory_bytes.shape != shape or self.killed_at_bytes.shape != shape[:2]:
            shown = f"CPU {shape}, memory {self.memory_bytes.shape}, kills {self.killed_at_bytes.shape}"
            raise WrongShape(shown, field="past", expected="pods x days x samples, and pods x days")
        if self.provisioned.shape != (2, shape[0]):
            raise WrongShape(f"requests {self.provisioned.shape}", field="provisioned", expected=f"(2, {shape[0]})")

    @property
    def days_count(self) -> int:
        """Days."""
        return int(self.cpu_cores.shape[1])

    def newest(self, days: int) -> Past:
        """The last days of it, as many as there are."""
        cut = slice(-days, None)
        return Past(self.cpu_cores[:, cut], self.memory_bytes[:, cut], self.killed_at_bytes[:, cut], self.provisioned)

    def memory_peaks(self) -> NDArray[np.float64]:
        """shape (pods, days), bytes: the day's greatest use; NaN where nothing is known of it."""
        known = ~np.isnan(self.memory_bytes).all(axis=2)
        peaks = np.full(known.shape, np.nan)
        peaks[known] = np.nanmax(self.memory_bytes[known], axis=1)
        return peaks
