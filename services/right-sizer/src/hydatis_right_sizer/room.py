"""Whether a sized pod would find a place, so that no pod waits because of us.

A pod that is sized asks for less, and for as much more of the cap's resources as it gave up. If no node has that much of them, or
nodes do not advertise them at all, it would wait where its owner's pod would not: so it is left as it is. kube-scheduler's other
filters are not repeated here, but for the node's selector and what keeps every pod off; pods on their way count as if they were
where room is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hydatis_sizing.node_cap import RECLAIMED_CPU, RECLAIMED_MEMORY, Reclaimed
from hydatis_sizing.recommendation import Amounts

from hydatis_right_sizer.node_accounts import NodeAccounts
from hydatis_right_sizer.objects import NodeObject, amounts_of

__all__ = ["has_room"]


def has_room(
    nodes: Iterable[NodeObject],
    accounts: NodeAccounts,
    selector: Mapping[str, str],
    asked: Amounts,
    excess: Reclaimed,
) -> bool:
    """Whether some node takes the sized pod, and all of them together what waits already besides.

    Args:
        nodes: of the cluster.
        accounts: what is taken on them.
        selector: labels that the pod needs.
        asked: sums of its requests, sized.
        excess: what it asks for of the cap's resources.
    """
    waiting = accounts.waiting.reclaimed
    found, left = False, waiting + excess
    for node in nodes:
        if not node.takes_pods or not selector.items() <= (node.metadata.labels or {}).items():
            continue
        allocatable, taken = amounts_of(node.status.allocatable), accounts.of(node.metadata.name)
        advertised = Reclaimed(int(allocatable.get(RECLAIMED_CPU, 0)), int(allocatable.get(RECLAIMED_MEMORY, 0)))
        room = advertised.less(taken.reclaimed)
        fits = (
            taken.cpu_cores + asked.cpu_cores <= allocatable.get("cpu", 0.0)
            and taken.memory_bytes + asked.memory_bytes <= allocatable.get("memory", 0.0)
            and excess.fits(room)
        )
        found = found or fits
        left = left.less(room)
        if found and left == Reclaimed():
            return True
    return False
