"""Clients of feature-service: rows of the node table for people and tools, and the source of a replay.

Services that decide by the table do not ask for it; they subscribe (``hydatis_serving.subscriber``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hydatis.features.v1 import features_pb2, features_pb2_grpc
from hydatis_core.nodes import Node
from hydatis_features.table import NodeTable
from hydatis_features.usage import METRICS
from numpy.typing import NDArray

from hydatis_serving.channels import DEFAULT_MAX_MESSAGE_BYTES, call_unary
from hydatis_serving.clients.service_client import ServiceClient
from hydatis_serving.convert.cluster import node_to_proto, pod_event_to_proto
from hydatis_serving.convert.features import features_response_from_proto
from hydatis_serving.events import PodEvent
from hydatis_serving.transport_security import PLAIN, TransportSecurity
from hydatis_serving.wire import to_float32_bytes

__all__ = ["FeatureClient", "ReplaySourceClient"]


class FeatureClient(ServiceClient):
    """Reads rows of the node table."""

    def __init__(
        self, address: str, max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES, *, security: TransportSecurity = PLAIN
    ) -> None:
        super().__init__(address, max_message_bytes, security=security)
        self._stub = features_pb2_grpc.FeatureServiceStub(self.channel)

    async def node_features(self, node_names: Sequence[str] = (), *, generation: int = 0, timeout_seconds: float) -> NodeTable:
        """Rows of one generation, in the order asked for.

        Args:
            node_names: which nodes; empty: all.
            generation: which; 0: the newest.
            timeout_seconds: how long it may take.

        Raises:
            UnknownNode: a node is not in the table.
            GenerationUnavailable: the generation is not held.
        """
        request = features_pb2.GetNodeFeaturesRequest(node_names=node_names, generation=generation)
        return await self.call(self._stub.GetNodeFeatures, request, timeout_seconds, features_response_from_proto)


class ReplaySourceClient(ServiceClient):
    """Tells a feature-service with the replay source what Prometheus and the API server would tell it.

    ``token``: a bearer token, for a service whose ``admin_access`` is "kubernetes"; empty: none.
    """

    def __init__(
        self,
        address: str,
        max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
        *,
        security: TransportSecurity = PLAIN,
        token: str = "",
    ) -> None:
        super().__init__(address, max_message_bytes, security=security)
        stub = features_pb2_grpc.ReplaySourceServiceStub(self.channel)
        self._load_cluster, self._report_pod_events, self._advance_tick = (
            _authorized(method, token) for method in (stub.LoadCluster, stub.ReportPodEvents, stub.AdvanceTick)
        )

    async def load_cluster(
        self, nodes: Sequence[Node], tick_seconds: float, scrape_delay_seconds: float, *, timeout_seconds: float
    ) -> int:
        """Sets the cluster and forgets all pods, samples and profiles; returns how many nodes there are."""
        request = features_pb2.LoadClusterRequest(
            nodes=[node_to_proto(node) for node in nodes], tick_seconds=tick_seconds, scrape_delay_seconds=scrape_delay_seconds
        )
        answer: features_pb2.LoadClusterResponse = await call_unary(self._load_cluster, request, timeout_seconds, self.address)
        return answer.node_count

    async def report_pod_events(self, events: Sequence[PodEvent], *, timeout_seconds: float) -> int:
        """Reports pods bound and ended, in order of event time; returns the newest generation, 0 before the first tick."""
        request = features_pb2.ReportPodEventsRequest(events=[pod_event_to_proto(event) for event in events])
        answer: features_pb2.ReportPodEventsResponse = await call_unary(
            self._report_pod_events, request, timeout_seconds, self.address
        )
        return answer.generation

    async def advance_tick(
        self,
        tick_time_seconds: int,
        sample_time_seconds: float,
        node_usage: NDArray[np.float32],
        pod_uids: Sequence[str],
        pod_usage: NDArray[np.float32],
        *,
        timeout_seconds: float,
        usage_metrics: Sequence[str] = METRICS,
    ) -> int:
        """Gives the samples that a scrape would have seen by this tick; returns when the table is published.

        Args:
            tick_time_seconds: the tick, a multiple of the tick length.
            sample_time_seconds: when the samples were taken, event time, <= the tick.
            node_usage: shape (nodes, usage_metrics), rows in the order of ``load_cluster``; NaN: not scraped.
            pod_uids: pods that were scraped.
            pod_usage: shape (pod_uids, 2): CPU cores, memory bytes.
            timeout_seconds: how long it may take.
            usage_metrics: what the columns of ``node_usage`` are.

        Returns:
            The generation: the tick.
        """
        request = features_pb2.AdvanceTickRequest(
            tick_time_seconds=tick_time_seconds,
            sample_time_seconds=sample_time_seconds,
            node_usage=to_float32_bytes(node_usage),
            usage_metrics=usage_metrics,
            pod_uids=pod_uids,
            pod_usage=to_float32_bytes(pod_usage),
        )
        answer: features_pb2.AdvanceTickResponse = await call_unary(self._advance_tick, request, timeout_seconds, self.address)
        return answer.generation


def _authorized(method: Any, token: str) -> Any:
    if not token:
        return method
    own = (("authorization", f"Bearer {token}"),)

    def call(request: Any, *, timeout: float, metadata: tuple[tuple[str, str], ...] | None) -> Any:
        return method(request, timeout=timeout, metadata=(*(metadata or ()), *own))

    return call
