"""A quarter of the workloads are new when they arrive, and the rest come two days later: what resizing running pods is for.

Nobody can size a pod of which nothing is known, so new pods hold what their owners asked for. Two days later their requests can be
those that the others got at admission; what they give back is there for the second wave.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hydatis_core.event_time import DAY_SECONDS
from hydatis_core.seeds import generator
from hydatis_sizing.ours import RightSizing
from hydatis_sizing.past import Past
from numpy.typing import NDArray

from hydatis_simulator.arena.contender import REJECTED, Contender
from hydatis_simulator.arena.fleet import Fleet
from hydatis_simulator.arena.run import place
from hydatis_simulator.arena.seen import UNPLACED, Seen
from hydatis_simulator.benchmark.placement.disturbed import COLD_SECONDS

__all__ = ["NEW_RATIO", "WAIT_DAYS", "first_wave", "resized_place", "second_wave"]

#: Share of the workloads that are new.
NEW_RATIO = 0.25
#: Days from the first wave to the second, and to the resize in between.
WAIT_DAYS = 2


def second_wave(fleet: Fleet, seed: int) -> Fleet:
    """The fleet with new workloads first and the others so many days later; judged time begins as much later."""
    names = np.unique(fleet.workloads)
    chosen = generator(seed, "placement/second wave").permutation(names)[: max(round(NEW_RATIO * names.size), 1)]
    new = np.isin(fleet.workloads, chosen)
    wait = WAIT_DAYS * round(DAY_SECONDS / fleet.step_seconds)
    usage = fleet.usage.copy()
    usage[:, new, : fleet.history_steps] = np.nan
    first = fleet.history_steps * fleet.step_seconds
    window = (fleet.judged_from_step - fleet.history_steps) * fleet.step_seconds
    since = fleet.arrival_seconds - first
    arrivals = first + np.where(new, since * min(COLD_SECONDS / window, 1.0), since + WAIT_DAYS * DAY_SECONDS)
    order = np.argsort(arrivals, kind="stable")
    return Fleet(
        name=fleet.name,
        step_seconds=fleet.step_seconds,
        history_steps=fleet.history_steps,
        judged_from_step=fleet.judged_from_step + wait,
        usage=usage[:, order],
        requests=fleet.requests[:, order],
        limits=fleet.limits[:, order],
        arrival_seconds=arrivals[order],
        workloads=fleet.workloads[order],
    )


def first_wave(fleet: Fleet) -> int:
    """How many pods of ``second_wave`` come before the second."""
    return int(np.searchsorted(fleet.arrival_seconds, fleet.history_steps * fleet.step_seconds + WAIT_DAYS * DAY_SECONDS))


def resized(fleet: Fleet) -> Fleet:
    """The fleet with requests of the first wave from its own days before the second."""
    samples = round(DAY_SECONDS / fleet.step_seconds)
    count = first_wave(fleet)
    days = fleet.usage[:, :count, fleet.history_steps : fleet.history_steps + WAIT_DAYS * samples].copy()
    arrived = (fleet.arrival_seconds[:count] // fleet.step_seconds).astype(np.intp) - fleet.history_steps
    days[:, np.arange(days.shape[2]) < arrived[:, None]] = np.nan
    cpu, memory = days.reshape(2, count, WAIT_DAYS, samples)
    past = Past(cpu, memory, np.full((count, WAIT_DAYS), np.nan), fleet.requests[:, :count])
    # two days less the hours before they arrived: asking for whole ones would wait for a third
    sizes = RightSizing(least_history_days=1.0).size(past).within(past.provisioned)
    requests = fleet.requests.copy()
    requests[:, :count] = np.where(np.isnan(sizes.requests), past.provisioned, sizes.requests)
    return replace(fleet, requests=requests)


def resized_place(
    fleet: Fleet, allocatable: NDArray[np.float64], policies: tuple[Contender, Contender], *, seed: int
) -> tuple[Fleet, NDArray[np.int32]]:
    """Places the first wave as it is, resizes it where it is, and places the second.

    Args:
        fleet: of ``second_wave``.
        allocatable: shape (2, nodes), cores and bytes.
        policies: a fresh one for each wave.
        seed: of ties.

    Returns:
        The resized fleet, and shape (pods,), the node of each, UNPLACED where a pod of the first wave found none: then the second
        was not tried.
    """
    count = first_wave(fleet)
    alone = replace(
        fleet,
        usage=fleet.usage[:, :count],
        requests=fleet.requests[:, :count],
        limits=fleet.limits[:, :count],
        arrival_seconds=fleet.arrival_seconds[:count],
        workloads=fleet.workloads[:count],
    )
    settled = place(alone, allocatable, policies[0], seed=seed)
    if (settled == UNPLACED).any():
        return fleet, np.append(settled, np.full(fleet.pods_count - count, UNPLACED, dtype=np.int32))
    smaller = resized(fleet)
    return smaller, place(smaller, allocatable, _Settled(policies[1], settled), seed=seed)


class _Settled:
    """A policy for pods that come after those that are there already."""

    def __init__(self, policy: Contender, settled: NDArray[np.int32]) -> None:
        self._policy, self._settled = policy, settled

    @property
    def name(self) -> str:
        """That of the policy."""
        return self._policy.name

    def start(self, seen: Seen) -> None:
        """The policy begins."""
        self._policy.start(seen)

    def tick(self, seen: Seen) -> None:
        """The policy sees it."""
        self._policy.tick(seen)

    def scores(self, seen: Seen, pod: int) -> NDArray[np.float64]:
        """A pod that is there stays there."""
        if pod >= self._settled.size:
            return self._policy.scores(seen, pod)
        return np.where(np.arange(seen.nodes_count) == self._settled[pod], 0.0, REJECTED)

    def placed(self, seen: Seen, pod: int, node: int) -> None:
        """The policy counts it."""
        self._policy.placed(seen, pod, node)
