"""The levers side by side: whose requests, who places, and whether requests bind; and what they are measured against."""

from __future__ import annotations

from dataclasses import dataclass

from hydatis_simulator.arena_policy.greedy import HydatisGreedy
from hydatis_simulator.benchmark.placement.policies import BOUND, OURS, RIVALS
from hydatis_simulator.peers.spec import PeerSpec

__all__ = ["AUTOSCALER", "HYDATIS", "LEVERS", "OWNERS", "POLICIES", "TODAY", "Lever"]

TODAY = "today"
_GREEDY = PeerSpec("hydatis-greedy", "the bound of HYDATIS on overload, nothing learned", OURS, HydatisGreedy)
#: Who may place, by name.
POLICIES: dict[str, PeerSpec] = {_GREEDY.name: _GREEDY, **RIVALS}
#: Names of the ways to size.
OWNERS, HYDATIS, AUTOSCALER = "owners", "hydatis", "autoscaler"


@dataclass(frozen=True, slots=True)
class Lever:
    """One way to run the cluster."""

    name: str
    text: str
    """For readers."""
    family: str
    """today, ours, peer or bound."""
    policy: str
    """A name of ``POLICIES``."""
    requests: str = OWNERS
    """Whose requests: owners, hydatis or autoscaler (the Vertical Pod Autoscaler's method)."""
    requests_bind: bool = True
    """A node takes no more pods than its requests allow, as every scheduler of Kubernetes demands."""
    is_tuned: bool = False
    """Knobs are tuned inside the history."""


#: In the order in which they are shown.
LEVERS: tuple[Lever, ...] = (
    Lever(TODAY, "today's requests, LeastAllocated", "today", "least-allocated"),
    Lever("placement", "HYDATIS places, today's requests bind", OURS, _GREEDY.name),
    Lever("right-sizing", "HYDATIS sizes, LeastAllocated places", OURS, "least-allocated", HYDATIS),
    Lever("both", "HYDATIS sizes and places", OURS, _GREEDY.name, HYDATIS),
    Lever("placement-unbound", "HYDATIS places, requests do not bind", OURS, _GREEDY.name, requests_bind=False),
    Lever("autoscaler", "Vertical Pod Autoscaler sizes, LeastAllocated places", "peer", "least-allocated", AUTOSCALER),
    Lever("both-gpa", "HYDATIS sizes, GPA places", "peer", "gpa-lowest", HYDATIS),
    Lever("least-allocated", "LeastAllocated, overcommitted, tuned", "peer", "least-allocated", requests_bind=False, is_tuned=True),
    Lever("gpa", "GPA (mean + z deviations), tuned", "peer", "gpa-lowest", requests_bind=False, is_tuned=True),
    Lever(
        "week-percentile",
        "sum of week-long percentiles, tuned",
        "peer",
        "week-percentile-lowest",
        requests_bind=False,
        is_tuned=True,
    ),
    Lever(
        "trimaran", "Trimaran TargetLoadPacking, tuned", "peer", "trimaran-target-load-packing", requests_bind=False, is_tuned=True
    ),
    Lever("oracle", "oracle: knows all use to come", BOUND, "oracle", requests_bind=False),
)
