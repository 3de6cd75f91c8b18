"""Who takes part, and the knobs that draw a curve: more savings for more harm."""

from __future__ import annotations

from dataclasses import dataclass

from hydatis_sizing.ours import LawOfUse
from hydatis_sizing.rivals.autopilot import Autopilot
from hydatis_sizing.rivals.vertical_pod_autoscaler import VerticalPodAutoscaler
from hydatis_sizing.sizes import Method

__all__ = ["OURS", "Contender", "contenders"]

OURS = "hydatis"


@dataclass(frozen=True)
class Contender:
    """A method with its knobs."""

    family: str
    """Points of one curve."""
    knobs: str
    """As tables show them."""
    method: Method
    is_default: bool = False
    """As published, or as shipped."""

    @property
    def name(self) -> str:
        """Of this point."""
        return f"{self.family} {self.knobs}"


def contenders(allocatable_cores: float) -> list[Contender]:
    """All points of all curves.

    Args:
        allocatable_cores: of the nodes, for the method that looks at it.
    """
    found = []
    for chance, margins in ((0.1, (0.1, 0.3)), (0.01, (0.2, 0.5)), (0.001, (0.2, 1.0))):
        law = LawOfUse(allocatable_cores, chance, *margins)
        found.append(Contender(OURS, f"{chance:g}, +{margins[0]:.0%}/{margins[1]:.0%}", law, chance == 0.01))
    for percent, margin in ((90.0, 0.15), (98.0, 0.15), (98.0, 0.5), (99.0, 1.0)):
        autoscaler = VerticalPodAutoscaler(percent, margin)
        found.append(Contender("autoscaler", f"p{percent:g} +{margin:.0%}", autoscaler, (percent, margin) == (90.0, 0.15)))
    for cpu, memory, margin in ((95.0, 98.0, 0.15), (95.0, 100.0, 0.15), (99.0, 100.0, 0.5)):
        autopilot = Autopilot(cpu, memory, margin)
        found.append(Contender("autopilot", f"p{cpu:g}/p{memory:g} +{margin:.0%}", autopilot, (cpu, memory) == (95.0, 98.0)))
    return found
