"""The book of targets of a cluster as it is now: made anew when nodes, or what is known of targets, have changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydatis_features.cluster_state import BoundPod

from hydatis_feature_service.prometheus_asker import Facts
from hydatis_feature_service.prometheus_directory import Directory
from hydatis_feature_service.prometheus_targets import TargetBook
from hydatis_feature_service.sources import Cluster

__all__ = ["TargetBooks"]


class TargetBooks:
    """Keeps the newest book: it remembers each target that was looked up."""

    def __init__(self) -> None:
        self._book = TargetBook()
        self._basis: tuple[Any, ...] = ()

    def of(self, cluster: Cluster, pods: Sequence[BoundPod], facts: Facts) -> TargetBook:
        """The book of a cluster, its bound pods, and what exporters say of themselves."""
        basis = (cluster.nodes, cluster.addresses, facts)
        if not self._basis or any(new is not old for new, old in zip(basis, self._basis, strict=True)):
            self._book = TargetBook(Directory.of(cluster, facts.node_infos, pods), facts.unames, facts.product_uuids)
            self._basis = basis
        return self._book
