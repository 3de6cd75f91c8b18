"""Replay: a trace is played against a cluster, a scheduler and a policy, in lock-step on event time.

Nothing here reads a clock: the next event is taken from a queue, so a month passes in minutes and the same inputs give the same
placements twice. What a policy may know reaches it through observers only, late by the scrape delay, as it would in a cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from hydatis_core.nodes import Node
from hydatis_core.pods import Pod
from numpy.typing import NDArray

from hydatis_simulator.outcomes import Outcome
from hydatis_simulator.policy import Policy
from hydatis_simulator.trace import Trace

__all__ = ["Progress", "ReplayObserver", "replay"]

#: Called with (ticks done, ticks in all, a few words); for progress bars.
Progress = Callable[[int, int, str], None]


class ReplayObserver(Protocol):
    """Sees what a cluster would show: nodes, metrics (late), bindings and ends."""

    def on_nodes(self, nodes: Sequence[Node], tick_seconds: float, scrape_delay_seconds: float) -> None:
        """The cluster, once, before anything else."""
        ...

    def on_tick(
        self,
        tick_time_seconds: float,
        sample_time_seconds: float,
        node_usage: NDArray[np.float32],
        pod_uids: Sequence[str],
        pod_usage: NDArray[np.float32],
    ) -> None:
        """The metrics that are visible at a tick.

        Args:
            tick_time_seconds: the tick, Unix seconds, a multiple of the tick length.
            sample_time_seconds: when they were taken: the tick less the scrape delay.
            node_usage: shape (nodes, 6), float32, columns of ``hydatis_features.usage.METRICS``; NaN: not measured.
            pod_uids: pods that ran at the sample time, in binding order.
            pod_usage: shape (pods, 2), float32, columns of ``POD_METRICS``; NaN: not measured.
        """
        ...

    def on_bind(self, pod: Pod, node_name: str, time_seconds: float) -> None:
        """A pod was bound."""
        ...

    def on_end(self, uid: str, node_name: str, time_seconds: float) -> None:
        """A bound pod ended."""
        ...


def replay(
    trace: Trace,
    nodes: Sequence[Node],
    policy: Policy,
    observers: Sequence[ReplayObserver] = (),
    *,
    seed: int,
    tick_seconds: float = 300.0,
    scrape_delay_seconds: float = 15.0,
    until: float | None = None,
    extender_weight: int = 20,
    progress: Progress | None = None,
) -> Outcome:
    """Plays a trace.

    Args:
        trace: the pods and what they use.
        nodes: the cluster; ``trace.nodes`` or one made by ``cluster_shape``.
        policy: what stands behind the extender.
        observers: told of everything a cluster shows, in this order.
        seed: of the scheduler's tie-breaks.
        tick_seconds: length of a tick, whole seconds >= 1.
        scrape_delay_seconds: age of the metrics when they are seen, >= 0.
        until: when to stop, Unix seconds; None: the end of the trace.
        extender_weight: weight of the extender in kube-scheduler's configuration, >= 1.
        progress: told after each tick.

    Raises:
        InvalidValue: no nodes, or a time or weight out of range.
        Duplicate: two nodes share a name.
        UnknownNode: the policy kept or scored a node it was not asked about.
    """
    raise NotImplementedError
