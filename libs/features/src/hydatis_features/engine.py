"""The feature engine: samples and pod events in, node tables out.

THE one code path for training and serving: a replay of a trace and a live cluster drive the same object, so a model never meets a
column that was computed otherwise than the ones it learned from. It is pure: event time is passed in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from hydatis_core.nodes import Node
from hydatis_core.pods import Pod
from numpy.typing import NDArray

from hydatis_features.cluster_state import ClusterState
from hydatis_features.expected_use import ExpectedUse
from hydatis_features.profiles import ProfileBook
from hydatis_features.schema import SCHEMA
from hydatis_features.table import NodeTable

__all__ = ["FeatureEngine"]


class FeatureEngine:
    """Keeps windows, cluster state and profiles, and makes a table of them at each tick."""

    def __init__(
        self, nodes: Sequence[Node], tick_seconds: float, scrape_delay_seconds: float, metric_window_seconds: float = 900.0
    ) -> None:
        self.tick_seconds = tick_seconds
        self.scrape_delay_seconds = scrape_delay_seconds
        self.metric_window_seconds = metric_window_seconds
        self.profiles = ProfileBook()
        self.state = ClusterState(nodes)

    def bind(self, pod: Pod, node_name: str, time_seconds: float) -> ExpectedUse | None:
        """Records that a pod was bound; returns what it is expected to use, None when it was known already."""
        expected = self.profiles.expect(pod, time_seconds)
        return expected if self.state.bind(pod, node_name, time_seconds, expected) else None

    def end(self, uid: str, time_seconds: float) -> bool:
        """Records that a pod ended; False when it is not bound."""
        return self.state.end(uid, time_seconds)

    def tick(
        self,
        generation: int,
        sample_time_seconds: float,
        node_usage: NDArray[np.float32],
        pod_uids: Sequence[str],
        pod_usage: NDArray[np.float32],
    ) -> NodeTable:
        """Takes one scrape and makes the table."""
        values = np.full((len(self.state.nodes), len(SCHEMA.names)), np.nan, dtype=np.float32)
        return NodeTable(
            generation,
            tuple(node.name for node in self.state.nodes),
            SCHEMA.names,
            values,
            SCHEMA.hashes,
            tick_seconds=self.tick_seconds,
            metric_window_seconds=self.metric_window_seconds,
            scrape_delay_seconds=self.scrape_delay_seconds,
        )

    def replace_nodes(self, nodes: Sequence[Node]) -> None:
        """Sets the nodes anew, keeping the windows and pods of nodes that stay."""
        raise NotImplementedError

    def snapshot(self) -> dict[str, NDArray[np.generic]]:
        """All that is needed to go on after a restart."""
        raise NotImplementedError

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[np.generic]]) -> FeatureEngine:
        """An engine that goes on where the snapshot was taken."""
        raise NotImplementedError
