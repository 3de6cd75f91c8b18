"""The node table and the samples of a replay between the wire and this service's values.

Beyond ``hydatis_serving.convert``: the steps of the table stream, the requests of a replay's driver, and the table as bytes for the
warm blob.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from google.protobuf.message import DecodeError
from hydatis.features.v1 import features_pb2
from hydatis_core.errors import ArtifactRefused, HydatisError, InvalidValue
from hydatis_features.profile_summaries import ProfileChange
from hydatis_features.table import NodeTable
from hydatis_features.usage import POD_METRICS
from hydatis_serving.convert.cluster import node_from_proto, pod_event_from_proto
from hydatis_serving.convert.features import TableAssembly, delta_to_proto, table_to_protos
from hydatis_serving.convert.workload import profile_update_to_proto
from hydatis_serving.events import BindDelta, PodEvent
from hydatis_serving.wire import matrix_from_bytes
from numpy.typing import NDArray

from hydatis_feature_service.scrape import Scrape, in_metric_order
from hydatis_feature_service.sources import Cluster

__all__ = [
    "Step",
    "cluster_from_proto",
    "delta_step",
    "events_from_proto",
    "profiles_step",
    "rows_asked",
    "scrape_from_proto",
    "table_from_bytes",
    "table_steps",
    "table_to_bytes",
]

#: One message of the table stream.
Step: TypeAlias = features_pb2.WatchTableResponse


def cluster_from_proto(request: features_pb2.LoadClusterRequest) -> Cluster:
    """The cluster of a replay.

    Raises:
        InvalidValue: there is no node, or a node or a length of time is none.
        Duplicate: a node stands twice.
    """
    if not request.nodes:
        raise InvalidValue("there is no node", field="nodes", expected="at least one")
    nodes = tuple(node_from_proto(node) for node in request.nodes)
    return Cluster(nodes, request.tick_seconds, request.scrape_delay_seconds)


def events_from_proto(request: features_pb2.ReportPodEventsRequest) -> list[PodEvent]:
    """Pods bound and ended.

    Raises:
        InvalidValue: an event is none.
    """
    return [pod_event_from_proto(event) for event in request.events]


def scrape_from_proto(request: features_pb2.AdvanceTickRequest) -> Scrape:
    """One tick's samples.

    Raises:
        WrongShape: the bytes are not whole rows.
        InvalidValue: a value is infinite, no metric is named, or a pod has no uid.
        UnknownColumn: a metric is not known.
        Duplicate: a metric or pod stands twice.
    """
    metrics = tuple(request.usage_metrics)
    if not metrics:
        raise InvalidValue("no metric is named", field="usage_metrics", expected="what each column of node_usage is")
    # Whatever is left over from whole rows is found by the shape check.
    row_count = len(request.node_usage) // (4 * len(metrics))
    node_usage = matrix_from_bytes(request.node_usage, row_count, len(metrics), field="node_usage")
    pod_uids = tuple(request.pod_uids)
    pod_usage = matrix_from_bytes(request.pod_usage, len(pod_uids), len(POD_METRICS), field="pod_usage")
    return Scrape(request.tick_time_seconds, request.sample_time_seconds, in_metric_order(node_usage, metrics), pod_uids, pod_usage)


def rows_asked(request: features_pb2.GetNodeFeaturesRequest, table: NodeTable) -> NDArray[np.int32] | None:
    """Rows of the nodes asked for; None: all.

    Raises:
        UnknownNode: a name is not in the table.
        Duplicate: a name stands twice.
    """
    return table.rows_of(list(request.node_names)) if request.node_names else None


def table_steps(table: NodeTable) -> list[Step]:
    """A whole table: begin, chunks, commit."""
    return table_to_protos(table)


def delta_step(delta: BindDelta) -> Step:
    """A pod bound or ended."""
    return Step(delta=delta_to_proto(delta))


def profiles_step(change: ProfileChange, generation: int, *, replace_all: bool) -> Step:
    """Profiles that changed, or all of them."""
    return Step(profiles=profile_update_to_proto(change, generation, replace_all=replace_all))


def table_to_bytes(table: NodeTable | None) -> tuple[bytes, ...]:
    """A table as the steps of its stream; nothing for no table."""
    return () if table is None else tuple(step.SerializeToString() for step in table_steps(table))


def table_from_bytes(steps: Sequence[bytes]) -> NodeTable | None:
    """The inverse.

    Raises:
        ArtifactRefused: the bytes are not a table.
    """
    if not steps:
        return None
    try:
        messages = [Step.FromString(step) for step in steps]
        assembly = TableAssembly(messages[0].begin)
        for message in messages[1:-1]:
            assembly.take(message.chunk)
        return assembly.commit(messages[-1].commit)
    except (DecodeError, HydatisError) as damage:
        raise ArtifactRefused(f"the table is damaged: {damage}", field="warm_store") from None
