"""What a method says of pods, and what all methods look like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hydatis_sizing.past import Past

__all__ = ["FLOORS", "Method", "Sizes"]

#: Nobody is given less, cores and bytes, unless the owner asked for less: some promise of CPU is left when all want it at once.
FLOORS = np.array([0.025, 32.0 * 2**20])


@dataclass(frozen=True, slots=True)
class Sizes:
    """Requests, and the limits of memory. CPU has no limit: what nobody else wants may be used."""

    requests: NDArray[np.float64]
    """shape (2, pods), cores and bytes; NaN: too little is known."""
    memory_limits: NDArray[np.float64]
    """shape (pods,), bytes, >= the request; NaN as there."""

    def within(self, provisioned: NDArray[np.float64]) -> Sizes:
        """The same, not below ``FLOORS`` and not above what was provisioned.

        Args:
            provisioned: shape (2, pods), cores and bytes.
        """
        floors = np.minimum(FLOORS[:, None], provisioned)
        return Sizes(np.clip(self.requests, floors, provisioned), np.clip(self.memory_limits, floors[1], provisioned[1]))


class Method(Protocol):
    """Anything that sizes pods."""

    def size(self, past: Past) -> Sizes:
        """From what was seen of them."""
        ...
