"""A bound on original over reduced requests of every node that the stock scheduler holds when we are dead.

Each node advertises two extended resources, and each pod with reduced requests asks for what it gave up (its excess):

    advertised  =  (cap ratio - 1) x allocatable  -  excess of pods that were resized in place
    excess      =  original request - reduced request

kube-scheduler's NodeResourcesFit keeps both sums, and the two make

    sum(reduced) <= allocatable,  sum(excess) <= (cap ratio - 1) x allocatable   =>   sum(original) <= cap ratio x allocatable

whoever is alive. A running pod cannot be given an extended resource, so a pod resized in place lowers what its node advertises
instead, before it is resized. Whole numbers throughout, as Kubernetes wants of extended resources: milli-cores and MiB, each
rounded to the safe side.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from hydatis_core.errors import InvalidValue

from hydatis_sizing.recommendation import Amounts

__all__ = ["RECLAIMED_CPU", "RECLAIMED_MEMORY", "NodeCap", "Reclaimed", "cap_capacity", "excess"]

#: Names of the extended resources: milli-cores, MiB.
RECLAIMED_CPU, RECLAIMED_MEMORY = "hydatis.io/reclaimed-cpu", "hydatis.io/reclaimed-memory"
_MILLI, _MIB = 1000.0, 2.0**20
#: Digits behind the point that count when cores become milli-cores: 0.3 cores are 300, not 301.
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Reclaimed:
    """Requests given up, or the room for them."""

    cpu_milli: int = 0
    memory_mib: int = 0

    def __add__(self, other: Reclaimed) -> Reclaimed:
        return Reclaimed(self.cpu_milli + other.cpu_milli, self.memory_mib + other.memory_mib)

    def less(self, other: Reclaimed) -> Reclaimed:
        """What is left, never below 0."""
        return Reclaimed(max(self.cpu_milli - other.cpu_milli, 0), max(self.memory_mib - other.memory_mib, 0))

    def fits(self, room: Reclaimed) -> bool:
        """Whether both are within the room."""
        return self.cpu_milli <= room.cpu_milli and self.memory_mib <= room.memory_mib


def excess(containers: Iterable[tuple[Amounts, Amounts]]) -> Reclaimed:
    """What a pod gives up, rounded up.

    Args:
        containers: (original, reduced) requests of each; NaN in either: nothing is given up. Never below 0.

    >>> excess([(Amounts(1.0, 2.0**31), Amounts(0.12, 700 * 2.0**20)), (Amounts(0.1, float("nan")), Amounts(0.1, float("nan")))])
    Reclaimed(cpu_milli=880, memory_mib=1348)
    """
    pairs = list(containers)
    cpu = math.fsum(_given_up(owned.cpu_cores, reduced.cpu_cores) for owned, reduced in pairs)
    memory = math.fsum(_given_up(owned.memory_bytes, reduced.memory_bytes) for owned, reduced in pairs)
    return Reclaimed(math.ceil(round(cpu * _MILLI, _DIGITS)), math.ceil(memory / _MIB))


def _given_up(owned: float, reduced: float) -> float:
    given = owned - reduced
    return given if given > 0 else 0.0


def cap_capacity(allocatable: Amounts, cap_ratio: float) -> Reclaimed:
    """What an empty node advertises, rounded down.

    Args:
        allocatable: CPU and memory of the node, >= 0; NaN: nothing is known of it, nothing is advertised.
        cap_ratio: sum of original requests over allocatable that is never passed, >= 1.

    Raises:
        InvalidValue: the ratio is below 1.

    >>> cap_capacity(Amounts(4.0, 16 * 2.0**30), 1.5)
    Reclaimed(cpu_milli=2000, memory_mib=8192)
    """
    if not cap_ratio >= 1.0 or math.isinf(cap_ratio):
        raise InvalidValue(f"cap is {cap_ratio!r}", field="cap_ratio", expected="a ratio >= 1")
    over = cap_ratio - 1.0
    return Reclaimed(_down(over * allocatable.cpu_cores * _MILLI), _down(over * allocatable.memory_bytes / _MIB))


def _down(amount: float) -> int:
    return math.floor(round(amount, _DIGITS)) if amount > 0 else 0


@dataclass(frozen=True, slots=True)
class NodeCap:
    """The account of one node."""

    full: Reclaimed
    """``cap_capacity``."""
    held: Reclaimed = Reclaimed()
    """Asked for by the pods that are bound there, as extended resources."""
    in_place: Reclaimed = Reclaimed()
    """Given up by pods there beyond what they ask for as extended resources."""

    @property
    def advertised(self) -> Reclaimed:
        """What the node's status has to say."""
        return self.full.less(self.in_place)

    @property
    def room(self) -> Reclaimed:
        """What a new pod may still ask for."""
        return self.advertised.less(self.held)

    def takes_in_place(self, more: Reclaimed) -> bool:
        """Whether a running pod may give up so much more."""
        return (self.held + self.in_place + more).fits(self.full)
