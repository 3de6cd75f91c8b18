"""A replay, kept as what its observers were told, so that it can be told again with faults in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import InvalidValue
from hydatis_core.nodes import Node
from hydatis_core.pods import Pod
from numpy.typing import NDArray

from hydatis_simulator.replay import ReplayObserver

__all__ = ["Observed"]


@dataclass(frozen=True)
class _Tick:
    time_seconds: float
    sample_seconds: float
    pod_uids: tuple[str, ...]
    pod_usage: NDArray[np.float32]


class Observed:
    """Keeps what a replay shows (a ``ReplayObserver``)."""

    def __init__(self) -> None:
        self.nodes: tuple[Node, ...] = ()
        self.tick_seconds = 0.0
        self._delay_seconds = 0.0
        self._usage: list[NDArray[np.float32]] = []
        self._told: list[_Tick | tuple[Pod, str, float] | tuple[str, str, float]] = []

    @property
    def usage(self) -> NDArray[np.float32]:
        """shape (ticks, nodes, 6), float32: the nodes' measurements.

        Raises:
            InvalidValue: the replay had no tick.
        """
        if not self._usage:
            raise InvalidValue("the replay had no tick", field="trace", expected="a trace of one tick or more")
        return np.stack(self._usage)

    def on_nodes(self, nodes: Sequence[Node], tick_seconds: float, scrape_delay_seconds: float) -> None:
        """The cluster."""
        self.nodes, self.tick_seconds, self._delay_seconds = tuple(nodes), tick_seconds, scrape_delay_seconds

    def on_tick(
        self,
        tick_time_seconds: float,
        sample_time_seconds: float,
        node_usage: NDArray[np.float32],
        pod_uids: Sequence[str],
        pod_usage: NDArray[np.float32],
    ) -> None:
        """A tick."""
        self._usage.append(node_usage.copy())
        self._told.append(_Tick(tick_time_seconds, sample_time_seconds, tuple(pod_uids), pod_usage.copy()))

    def on_bind(self, pod: Pod, node_name: str, time_seconds: float) -> None:
        """A pod was bound."""
        self._told.append((pod, node_name, time_seconds))

    def on_end(self, uid: str, node_name: str, time_seconds: float) -> None:
        """A pod ended."""
        self._told.append((uid, node_name, time_seconds))

    def tell(self, observer: ReplayObserver, usage: NDArray[np.float32]) -> None:
        """Tells another observer the same, with these measurements of the nodes (shape of ``usage``)."""
        observer.on_nodes(self.nodes, self.tick_seconds, self._delay_seconds)
        tick = 0
        for event in self._told:
            if isinstance(event, _Tick):
                observer.on_tick(event.time_seconds, event.sample_seconds, usage[tick], event.pod_uids, event.pod_usage)
                tick += 1
            elif isinstance(event[0], Pod):
                observer.on_bind(event[0], event[1], event[2])
            else:
                observer.on_end(event[0], event[1], event[2])
