"""Who takes part, and the knobs that draw a curve: more savings for more harm."""

from __future__ import annotations

from dataclasses import dataclass

from hydatis_sizing.ours import CHOICES, RightSizing
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


def contenders() -> list[Contender]:
    """All points of all curves."""
    found = []
    for ours in (RightSizing(90.0, request_margin_ratio=0.0, limit_margin_ratio=0.2), *CHOICES.values()):
        knobs = f"p{ours.cpu_percent:g}/max +{ours.request_margin_ratio:.0%}/{ours.limit_margin_ratio:.0%}"
        found.append(Contender(OURS, knobs, ours, ours == RightSizing()))
    for percent, margin in ((90.0, 0.15), (95.0, 0.15), (98.0, 0.15), (98.0, 0.5), (99.0, 1.0)):
        autoscaler = VerticalPodAutoscaler(percent, margin)
        found.append(Contender("autoscaler", f"p{percent:g} +{margin:.0%}", autoscaler, (percent, margin) == (90.0, 0.15)))
    for cpu, memory, margin in ((95.0, 98.0, 0.15), (95.0, 100.0, 0.15), (98.0, 100.0, 0.3), (99.0, 100.0, 0.5)):
        autopilot = Autopilot(cpu, memory, margin)
        found.append(
            Contender("autopilot", f"p{cpu:g}/p{memory:g} +{margin:.0%}", autopilot, (cpu, memory, margin) == (95.0, 100.0, 0.15))
        )
    return found
