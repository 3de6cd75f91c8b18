"""What an experiment must know of a peer to run and tune it: how it is made, and which knobs it has."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

from hydatis_simulator.arena.contender import Contender

__all__ = ["Knob", "PeerSpec"]


@dataclass(frozen=True, slots=True)
class Knob:
    """A setting of a peer."""

    name: str
    default: float
    """As published."""
    values: tuple[float, ...]
    """What tuning tries; holds the default."""
    source: str
    """Where the default is published."""


@dataclass(frozen=True, slots=True)
class PeerSpec:
    """A peer by name."""

    name: str
    text: str
    """What it does, one line for tables."""
    family: str
    """floor, requests, usage or prediction: what it looks at; or ours, or bound."""
    make: Callable[..., Contender]
    """A fresh contender; settings by the names of the knobs, the published defaults for those left out."""
    knobs: tuple[Knob, ...] = ()

    @property
    def reads_metrics(self) -> bool:
        """Whether it looks at metrics of nodes, as ours do; the others know pods, by their requests or by their own past."""
        return self.family in ("usage", "ours")

    def settings(self) -> tuple[dict[str, float], ...]:
        """Every combination that tuning tries, at most 12, the published one first."""
        published = {knob.name: knob.default for knob in self.knobs}
        every = (dict(zip(published, values, strict=True)) for values in itertools.product(*(knob.values for knob in self.knobs)))
        return (published, *(setting for setting in every if setting != published))
