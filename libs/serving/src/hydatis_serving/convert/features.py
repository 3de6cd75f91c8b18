"""hydatis.features.v1: the node table in parts, its deltas, and the samples of a replay.

A table is streamed as a head, chunks of rows and a commit, because a message has a size limit and a half table must never be
taken for a whole one: ``TableAssembly`` is the receiver's side of that rule.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hydatis.features.v1 import features_pb2
from hydatis_core.errors import InvalidValue, WrongShape
from hydatis_core.nodes import GpuDevice
from hydatis_features.gpu_demand import GpuDemand
from hydatis_features.table import NodeTable
from numpy.typing import NDArray

from hydatis_serving.convert.cluster import gpu_device_from_proto, gpu_device_to_proto, pod_event_from_proto, pod_event_to_proto
from hydatis_serving.convert.workload import expected_use_from_proto, expected_use_to_proto
from hydatis_serving.events import BindDelta
from hydatis_serving.wire import MAX_NODE_COUNT, matrix_from_bytes, to_float32_bytes

__all__ = [
    "CHUNK_BYTES",
    "TableAssembly",
    "delta_from_proto",
    "delta_to_proto",
    "features_response_from_proto",
    "features_response_to_proto",
    "table_to_protos",
]

#: Most bytes of values in one chunk.
CHUNK_BYTES = 2**20


def table_to_protos(table: NodeTable) -> list[features_pb2.WatchTableResponse]:
    """A whole table as the steps of a stream: begin, chunks of at most 1 MiB, commit."""
    begin = features_pb2.TableBegin(
        generation=table.generation,
        tick_seconds=table.tick_seconds,
        metric_window_seconds=table.metric_window_seconds,
        scrape_delay_seconds=table.scrape_delay_seconds,
        node_names=table.node_names,
        columns=_columns(table),
        gpus=[
            features_pb2.NodeGpus(row=row, devices=[gpu_device_to_proto(device) for device in devices])
            for row, devices in sorted(table.gpus.items())
        ],
        gpu_demand=_demand_to_proto(table.gpu_demand),
    )
    steps = [features_pb2.WatchTableResponse(begin=begin)]
    steps += [features_pb2.WatchTableResponse(chunk=chunk) for chunk in _chunks(table)]
    commit = features_pb2.TableCommit(generation=table.generation, row_count=len(table.node_names))
    steps.append(features_pb2.WatchTableResponse(commit=commit))
    return steps


class TableAssembly:
    """A table being received: made of its head, fed with chunks, whole at its commit.

    Raises:
        InvalidValue: the head says something impossible.
    """

    def __init__(self, begin: features_pb2.TableBegin) -> None:
        if len(begin.node_names) > MAX_NODE_COUNT:
            raise InvalidValue(f"{len(begin.node_names)} nodes", field="node_names", expected=f"at most {MAX_NODE_COUNT}")
        for name, least in (("tick_seconds", 0.0), ("metric_window_seconds", 0.0)):
            if not getattr(begin, name) > least:
                raise InvalidValue(f"{getattr(begin, name)!r} is not a length of time", field=name, expected="seconds > 0")
        if not begin.scrape_delay_seconds >= 0:
            shown = f"{begin.scrape_delay_seconds!r} is not a delay"
            raise InvalidValue(shown, field="scrape_delay_seconds", expected="seconds >= 0")
        self._begin = begin
        self._values: NDArray[np.float32] = np.full((len(begin.node_names), len(begin.columns)), np.nan, dtype=np.float32)
        self._taken = 0

    @property
    def generation(self) -> int:
        """Generation of the table."""
        return self._begin.generation

    def take(self, chunk: features_pb2.TableChunk) -> None:
        """Takes the next chunk; chunks come in row order without gaps.

        Raises:
            InvalidValue: it belongs to another table.
            WrongShape: it does not follow the rows taken so far, or is not of the shape it claims.
        """
        if chunk.generation != self.generation:
            shown = f"a chunk of generation {chunk.generation} came within {self.generation}"
            raise InvalidValue(shown, field="chunk.generation", expected=str(self.generation))
        end = chunk.first_row + chunk.row_count
        if chunk.row_count <= 0 or chunk.first_row != self._taken or end > len(self._values):
            shown = f"rows {chunk.first_row}..{end - 1} do not follow the {self._taken} taken of {len(self._values)}"
            raise WrongShape(shown, field="chunk.first_row", expected=f"rows from {self._taken}")
        values = matrix_from_bytes(chunk.values, chunk.row_count, self._values.shape[1], field="chunk.values")
        self._values[chunk.first_row : end] = values
        self._taken = end

    def commit(self, commit: features_pb2.TableCommit) -> NodeTable:
        """The whole table.

        Raises:
            InvalidValue: the commit is of another table, or the GPU demand is out of range.
            WrongShape: rows are missing, or counts of the GPU demand.
        """
        if commit.generation != self.generation:
            shown = f"a commit of generation {commit.generation} came within {self.generation}"
            raise InvalidValue(shown, field="commit.generation", expected=str(self.generation))
        if not commit.row_count == self._taken == len(self._values):
            shown = f"{self._taken} rows came of {len(self._values)}, {commit.row_count} are committed"
            raise WrongShape(shown, field="commit.row_count", expected=str(len(self._values)))
        begin = self._begin
        return NodeTable(
            generation=begin.generation,
            node_names=tuple(begin.node_names),
            columns=tuple(column.name for column in begin.columns),
            values=self._values,
            column_hashes=tuple(column.definition_hash for column in begin.columns),
            gpus=_gpus(begin),
            tick_seconds=begin.tick_seconds,
            metric_window_seconds=begin.metric_window_seconds,
            scrape_delay_seconds=begin.scrape_delay_seconds,
            gpu_demand=_demand(begin.gpu_demand),
        )


def delta_to_proto(delta: BindDelta) -> features_pb2.PodDelta:
    """A bind delta."""
    use = None if delta.expected_use is None else expected_use_to_proto(delta.expected_use)
    return features_pb2.PodDelta(generation=delta.generation, event=pod_event_to_proto(delta.event), expected_use=use)


def delta_from_proto(message: features_pb2.PodDelta) -> BindDelta:
    """A bind delta.

    Raises:
        InvalidValue: the event is none, or a bound pod comes without its expected use.
    """
    event = pod_event_from_proto(message.event)
    if event.is_bound and not message.HasField("expected_use"):
        raise InvalidValue(f"pod {event.pod.uid!r} has no expected use", field="expected_use", expected="one for every bind")
    return BindDelta(message.generation, event, expected_use_from_proto(message.expected_use) if event.is_bound else None)


def features_response_to_proto(table: NodeTable, rows: NDArray[np.int32] | None = None) -> features_pb2.GetNodeFeaturesResponse:
    """Some rows of a table, or all of them."""
    names = table.node_names if rows is None else tuple(table.node_names[row] for row in rows)
    values = table.values if rows is None else table.values[rows]
    return features_pb2.GetNodeFeaturesResponse(
        generation=table.generation, columns=_columns(table), node_names=names, values=to_float32_bytes(values)
    )


def features_response_from_proto(message: features_pb2.GetNodeFeaturesResponse) -> NodeTable:
    """The rows as a table of their own, in the order asked for.

    Raises:
        WrongShape, InvalidValue, Duplicate: the message is not what its comments say.
    """
    return NodeTable(
        generation=message.generation,
        node_names=tuple(message.node_names),
        columns=tuple(column.name for column in message.columns),
        values=matrix_from_bytes(message.values, len(message.node_names), len(message.columns)),
        column_hashes=tuple(column.definition_hash for column in message.columns),
    )


def _columns(table: NodeTable) -> list[features_pb2.Column]:
    hashes = table.column_hashes or ("",) * len(table.columns)
    return [features_pb2.Column(name=name, definition_hash=text) for name, text in zip(table.columns, hashes, strict=True)]


def _chunks(table: NodeTable) -> Iterator[features_pb2.TableChunk]:
    step = max(1, CHUNK_BYTES // max(1, 4 * len(table.columns)))
    for first in range(0, len(table.node_names), step):
        part = table.values[first : first + step]
        yield features_pb2.TableChunk(
            generation=table.generation, first_row=first, row_count=len(part), values=to_float32_bytes(part)
        )


def _demand_to_proto(demand: GpuDemand) -> features_pb2.GpuDemand | None:
    if demand == GpuDemand():
        return None
    return features_pb2.GpuDemand(
        share_sizes=demand.sizes,
        share_counts=demand.counts,
        cpu_milli=demand.cpu_milli,
        memory_mib=demand.memory_mib,
        gpu_milli=demand.gpu_milli,
    )


def _demand(message: features_pb2.GpuDemand) -> GpuDemand:
    sizes, counts = tuple(message.share_sizes), tuple(message.share_counts)
    return GpuDemand(sizes, counts, message.cpu_milli, message.memory_mib, message.gpu_milli)


def _gpus(begin: features_pb2.TableBegin) -> dict[int, tuple[GpuDevice, ...]]:
    gpus = {}
    for entry in begin.gpus:
        if not 0 <= entry.row < len(begin.node_names):
            raise InvalidValue(f"GPUs of row {entry.row}", field="gpus.row", expected=f"0..{len(begin.node_names) - 1}")
        gpus[entry.row] = tuple(gpu_device_from_proto(device) for device in entry.devices)
    return gpus
