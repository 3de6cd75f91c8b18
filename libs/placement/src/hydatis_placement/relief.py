"""Which nodes are closed to new pods because they are forecast to stay hot, and when they are opened again.

A node that is hot for a moment needs no relief: by the time anyone acts the moment is over, and a pod that was moved comes back
with the next wave. So a forecast has to speak for a change several times in a row, and by another threshold on the way out than on
the way in. Relief is for single nodes: where few nodes are cool there is nowhere to go, and closing more of them would only crowd
the rest. What is not known changes nothing, until it has not been known for so long that an old taint rests on nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from hydatis_core.errors import InvalidValue

__all__ = ["NodeRelief", "Relief", "ReliefAction", "ReliefRules", "handed_ratio", "relieve"]


@dataclass(frozen=True, slots=True)
class ReliefRules:
    """When a node is hot, and how much relief there may be.

    Ratios of forecasts are the greater of CPU and memory, p95 of the highest use within the coming hour over allocatable.

    Raises:
        InvalidValue: a number is out of range.
    """

    enter_ratio: float = 0.90
    """A node is hot from here on."""
    leave_ratio: float = 0.75
    """It is cool below."""
    dwell_ticks: int = 3
    """Forecasts in a row that must say so, >= 1."""
    tainted_nodes_ratio_max: float = 0.10
    """Nodes that may be closed at once, over all; at least one may."""
    cool_nodes_ratio_min: float = 0.20
    """Fewer cool nodes than this: none is closed, since there is nowhere to go."""
    fresh_seconds: float = 180.0
    """A forecast older than this is not known."""
    forgotten_seconds: float = 900.0
    """A closed node is opened when its forecast was not known for so long."""

    def __post_init__(self) -> None:
        if not 0.0 < self.leave_ratio < self.enter_ratio <= 1.0:
            shown = f"{self.leave_ratio:g} and {self.enter_ratio:g}"
            raise InvalidValue(f"leave and enter ratio are {shown}", field="enter_ratio", expected="leave below enter, within 0..1")
        if self.dwell_ticks < 1:
            raise InvalidValue(f"dwell of {self.dwell_ticks} ticks", field="dwell_ticks", expected="1 or more")
        for name in ("tainted_nodes_ratio_max", "cool_nodes_ratio_min"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise InvalidValue(f"{name} is {getattr(self, name)!r}", field=name, expected="0 to 1")


@dataclass(frozen=True, slots=True)
class NodeRelief:
    """What is remembered of a node from one forecast to the next. A node never seen starts as the default."""

    tainted: bool = False
    ticks: int = 0
    """Forecasts in a row that spoke for the other state, >= 0."""
    known_seconds: float = -math.inf
    """When its forecast was last known."""


@dataclass(frozen=True, slots=True)
class ReliefAction:
    """One change."""

    node: str
    tainted: bool
    """Closed; False: opened."""
    forecast_ratio: float
    """NaN: not known."""
    reason: str
    """A sentence for events and the audit."""


@dataclass(frozen=True, slots=True)
class Relief:
    """What a forecast came to."""

    nodes: dict[str, NodeRelief]
    """By name, of all nodes there are."""
    actions: tuple[ReliefAction, ...]
    held_back: dict[str, str]
    """Nodes that are hot for long enough and stay open: why."""


def relieve(
    rules: ReliefRules,
    nodes: Mapping[str, NodeRelief],
    forecasts: Mapping[str, float],
    *,
    made_at_seconds: float,
    now_seconds: float,
) -> Relief:
    """Decides once for every new forecast.

    Args:
        rules: thresholds and bounds.
        nodes: from the decision before; after a restart: what taints say.
        forecasts: ratio by node, of all nodes there are; NaN: not known.
        made_at_seconds: Unix seconds of the forecasts.
        now_seconds: Unix seconds.
    """
    fresh = now_seconds - made_at_seconds <= rules.fresh_seconds
    known = {node: ratio for node, ratio in forecasts.items() if fresh and not math.isnan(ratio)}
    before = {node: nodes.get(node, NodeRelief(known_seconds=now_seconds)) for node in forecasts}
    after = {node: _observed(rules, state, known.get(node, math.nan), now_seconds) for node, state in before.items()}
    actions = []
    for node, state in after.items():
        why = _why_open(rules, state, node in known, now_seconds) if state.tainted else ""
        if why:
            actions.append(ReliefAction(node, False, known.get(node, math.nan), why))
            after[node] = NodeRelief(False, 0, state.known_seconds)
    wanted = [node for node, state in after.items() if not state.tainted and state.ticks >= rules.dwell_ticks]
    held_back = {}
    cool = sum(ratio < rules.leave_ratio for ratio in known.values())
    free = max(int(rules.tainted_nodes_ratio_max * len(after)), 1) - sum(state.tainted for state in after.values())
    for node in sorted(wanted, key=lambda node: (-known[node], node)):
        if cool < max(rules.cool_nodes_ratio_min * len(after), 1.0):
            held_back[node] = (
                f"only {cool} of {len(after)} nodes are forecast below {rules.leave_ratio:.0%}: there is nowhere to go"
            )
        elif free <= 0:
            held_back[node] = f"{rules.tainted_nodes_ratio_max:.0%} of the nodes are closed already"
        else:
            free -= 1
            why = f"forecast at or above {rules.enter_ratio:.0%} {after[node].ticks} times in a row, now {known[node]:.0%}"
            actions.append(ReliefAction(node, True, known[node], why))
            after[node] = NodeRelief(True, 0, after[node].known_seconds)
    return Relief(after, tuple(actions), held_back)


def handed_ratio(rules: ReliefRules, state: NodeRelief, forecast_ratio: float) -> float:
    """What the descheduler is told of a node, so that it never acts on more than the taints do.

    Only a closed node that is hot right now is above ``enter_ratio`` (pods may leave it), only an open one that is cool is below
    ``leave_ratio`` (pods may come); all others, and those not known, lie between. The descheduler itself has no memory, and refuses
    to work at all when a node has no figure.

    Returns:
        0..1.
    """
    between = (rules.leave_ratio + rules.enter_ratio) / 2.0
    hot, cool = forecast_ratio >= rules.enter_ratio, forecast_ratio < rules.leave_ratio
    if (hot and state.tainted) or (cool and not state.tainted):
        return min(max(forecast_ratio, 0.0), 1.0)
    return forecast_ratio if rules.leave_ratio <= forecast_ratio < rules.enter_ratio else between


def _observed(rules: ReliefRules, state: NodeRelief, ratio: float, now_seconds: float) -> NodeRelief:
    """The state after a look at the forecast; unknown breaks a row and nothing else."""
    if math.isnan(ratio):
        return NodeRelief(state.tainted, 0, state.known_seconds)
    against = ratio < rules.leave_ratio if state.tainted else ratio >= rules.enter_ratio
    return NodeRelief(state.tainted, state.ticks + 1 if against else 0, now_seconds)


def _why_open(rules: ReliefRules, state: NodeRelief, known: bool, now_seconds: float) -> str:
    """Why a closed node is opened; empty: it is not."""
    if state.ticks >= rules.dwell_ticks:
        return f"forecast below {rules.leave_ratio:.0%} {state.ticks} times in a row"
    unknown_seconds = now_seconds - state.known_seconds
    if not known and unknown_seconds >= rules.forgotten_seconds:
        return f"no fresh forecast for {unknown_seconds:.0f} s"
    return ""
