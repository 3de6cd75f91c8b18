"""What each kind of model is for, what it is not for, and where it ends: the part of a card that no figure can say."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PURPOSES", "Purpose"]


@dataclass(frozen=True, slots=True)
class Purpose:
    """Words about a kind of model."""

    method: str
    intended: str
    not_intended: str
    limits: tuple[str, ...]


#: By kind of model, ``hydatis_lifecycle.manifest.KINDS``.
PURPOSES: dict[str, Purpose] = {
    "xgboost_quantile": Purpose(
        method="Gradient-boosted trees with the quantile objective, on the change from the newest use; calibrated offsets.",
        intended="Forecasts of a node's use of one resource, median and 95th percentile, 5 to 60 minutes ahead, where pods are "
        "placed and nodes are judged.",
        not_intended="Billing, capacity bought months ahead, or the use of single pods.",
        limits=(
            "It knows what it was trained on: another cluster, another load or another sampling interval needs its own evaluation.",
            "Coverage is that of the judged period as a whole; within an hour or on one node it may be far from it.",
            "What begins without a sign beforehand (a deployment, an incident elsewhere) is not forecast.",
        ),
    ),
    "isolation_forest": Purpose(
        method="Isolation forest over deviations of engineered windows, with a rolling threshold and confirmation over ticks.",
        intended="A risk per node, by which placements avoid nodes that behave unlike themselves.",
        not_intended="Finding the cause, alerting people by itself, or evicting what runs.",
        limits=(
            "It learns without labels: what is frequent counts as normal, whether it is healthy or not.",
            "A node with too many unknown inputs gets no risk.",
        ),
    ),
    "q_function": Purpose(
        method="Q-learning over after-states, one network for all nodes, added to the greedy value of a placement.",
        intended="Ranking the candidates of a pod that kube-scheduler found feasible.",
        not_intended="Deciding feasibility, priority or preemption: those stay kube-scheduler's.",
        limits=(
            "It was trained in a simulator: what the simulator does not know (networks, disks, licences) it does not weigh.",
            "Where it corrects nothing (`prefer_learned` 0), what is served is the greedy value alone.",
        ),
    ),
}
