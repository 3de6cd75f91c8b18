"""What a model is worth to the one who pays for the nodes: one number, from a simulated placement with it.

A forecaster with smaller errors is no aim in itself; fewer nodes at the same quality of service are. So a search maximises, and a
candidate has to hold, the node-hours that a placement saves against a baseline, with service that got worse paid for in node-hours:

    score = (H0 - H) / H0  -  p_v (v H - v0 H0) / H0  -  p_u (u - u0)

H node-hours of nodes that held pods; v share of them in violation, so v H are violated node-hours; u = 1 - availability, the share
of the pod-time asked for that was not served; 0 marks the baseline on the same pods, hours and cluster. Without unit, high =
better: 0 is as good as the baseline, 0.1 is worth a tenth of its node-hours. At equal violation and availability it is the saving.

**The price of violation** is what it costs to buy violation off with nodes, where that is done to 1 % of node-time. Nodes needed
fall with the violation allowed about as N ~ v^-a, a = 0.2 (``docs/benchmarks/placement.md``, E1: 54.3, 75.7 and 116.6 nodes at 5, 1
and 0.1 % give 0.21 and 0.19; the stock scheduler's 61.6, 85.5 and 162.1 give 0.20 and 0.28). Violated node-hours then go as
v N ~ v^(1-a), and

    p_v = -dN / d(v N) = a / ((1 - a) v) = 0.2 / (0.8 x 0.01) = 25 node-hours per violated node-hour.

A placement that is cheapest under this price is the one with 1 % violation: this is the Lagrangian of "fewest node-hours at equal
violation". **The price of time not served** is twice that: the reward of the placement policy holds a kill for twice as bad as
being slowed down (``hydatis_placement.reward.RewardWeights``).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from hydatis_core.errors import InvalidValue

__all__ = ["DEFAULT_PRICES", "Outcome", "Prices", "business_roi_score"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a simulated placement came to.

    Raises:
        InvalidValue: a figure of the formula is not finite or out of its range.
    """

    node_hours: float
    """H, hours of nodes that held pods, > 0: the cost."""
    violation_ratio: float
    """v, share of those hours above a limit of CPU or memory (``hydatis_simulator.limits``), 0..1."""
    availability_ratio: float
    """Share of the pod-time asked for in which the pod was bound and not restarting after a kill, 0..1."""
    cpu_accuracy_ratio: float = math.nan
    """1 - WAPE of the CPU forecast that it was placed by, at most 1; NaN: not measured. Recorded, not in the score."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.node_hours) and self.node_hours > 0):
            raise InvalidValue(f"{self.node_hours!r} node-hours", field="node_hours", expected="a finite number > 0")
        for name in ("violation_ratio", "availability_ratio"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise InvalidValue(f"{getattr(self, name)!r} is no share", field=name, expected="0 to 1")

    def to_json(self) -> dict[str, float | None]:
        """By name, NaN as null."""
        return {name: value if math.isfinite(value) else None for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Prices:
    """What worse service costs, in node-hours; see the module for where the numbers come from.

    Raises:
        InvalidValue: a price is negative or not finite.
    """

    violated_node_hour: float = 25.0
    """p_v, node-hours for each node-hour in violation."""
    unserved_node_hour: float = 50.0
    """p_u, node-hours for pods that did not run for what would have been a node-hour of the baseline."""

    def __post_init__(self) -> None:
        for name in ("violated_node_hour", "unserved_node_hour"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise InvalidValue(f"{getattr(self, name)!r} is no price", field=name, expected="node-hours >= 0")


DEFAULT_PRICES = Prices()


def business_roi_score(outcome: Outcome, baseline: Outcome, prices: Prices = DEFAULT_PRICES) -> float:
    """(H0 - H) / H0 - p_v (v H - v0 H0) / H0 - p_u (u - u0): share of the baseline's node-hours, high = better, 0 = as good.

    Args:
        outcome: of the model that is judged.
        baseline: of what it is compared with, on the same pods, hours and cluster.
        prices: of worse service.

    >>> business_roi_score(Outcome(90, 0.01, 1.0), Outcome(100, 0.01, 1.0), Prices(violated_node_hour=0))
    0.1
    """
    saved = baseline.node_hours - outcome.node_hours
    violated = outcome.violation_ratio * outcome.node_hours - baseline.violation_ratio * baseline.node_hours
    unserved = baseline.availability_ratio - outcome.availability_ratio
    return (saved - prices.violated_node_hour * violated) / baseline.node_hours - prices.unserved_node_hour * unserved
