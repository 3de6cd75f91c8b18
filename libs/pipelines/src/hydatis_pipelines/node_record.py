"""What the node table said at every tick of a replay, beside what was then used: what forecasters and detectors are trained on.

The record is made by the very engine that serves (``hydatis_features.engine``), watching a replay as it would watch a cluster; so a
model never meets a column in service that was computed otherwise than in training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hydatis_core.errors import ArtifactRefused, HydatisError, InvalidValue
from hydatis_core.nodes import Node
from hydatis_core.pods import Pod
from hydatis_features.engine import FeatureEngine
from hydatis_features.table import NodeTable
from hydatis_forecasting.inputs import use_column
from hydatis_forecasting.use_history import UseHistory
from numpy.typing import NDArray

from hydatis_pipelines.whole_files import read_arrays, write_arrays

__all__ = ["NodeRecord", "NodeRecorder", "read_record", "write_record"]


@dataclass(frozen=True)
class NodeRecord:
    """Sampled tables and the use of every tick."""

    tables: tuple[NodeTable, ...]
    """Every k-th table, of rising generation, all of the same nodes."""
    history: UseHistory
    """Use of all nodes at all ticks."""

    @property
    def rows_count(self) -> int:
        """Rows of all tables."""
        return sum(len(table.node_names) for table in self.tables)

    @property
    def generations(self) -> NDArray[np.int64]:
        """shape (tables,): the tick of each table."""
        return np.array([table.generation for table in self.tables], dtype=np.int64)

    def rows(self, columns: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        """shape (tables, nodes, columns), float32: some columns (name, definition hash) of all tables."""
        names = [name for name, _ in columns]
        return np.stack([table.values[:, [table.column_index[name] for name in names]] for table in self.tables])


class NodeRecorder:
    """Watches a replay (a ``ReplayObserver``) and keeps the record.

    Args:
        sample_every: keeps one table in so many ticks, >= 1; use is kept at every tick.
    """

    def __init__(self, sample_every: int = 1) -> None:
        if sample_every < 1:
            raise InvalidValue(f"{sample_every} is not a number of ticks", field="sample_every", expected="1 or more")
        self._sample_every = sample_every
        self._engine: FeatureEngine | None = None
        self._tables: list[NodeTable] = []
        self._times: list[float] = []
        self._used: dict[str, list[NDArray[np.float32]]] = {"cpu": [], "memory": []}

    def on_nodes(self, nodes: Sequence[Node], tick_seconds: float, scrape_delay_seconds: float) -> None:
        """Begins with a cluster."""
        self._engine = FeatureEngine(nodes, tick_seconds, scrape_delay_seconds)

    def on_tick(
        self,
        tick_time_seconds: float,
        sample_time_seconds: float,
        node_usage: NDArray[np.float32],
        pod_uids: Sequence[str],
        pod_usage: NDArray[np.float32],
    ) -> None:
        """Computes the table of the tick and keeps what is wanted of it."""
        table = self._started().tick(int(tick_time_seconds), sample_time_seconds, node_usage, pod_uids, pod_usage)
        fresh = table.column("usage_age_seconds") <= table.tick_seconds + table.scrape_delay_seconds
        for resource, kept in self._used.items():
            kept.append(np.where(fresh, table.column(use_column(resource)), np.float32(np.nan)).astype(np.float32))
        if len(self._times) % self._sample_every == 0:
            self._tables.append(table)
        self._times.append(tick_time_seconds)

    def on_bind(self, pod: Pod, node_name: str, time_seconds: float) -> None:
        """A pod was bound."""
        self._started().bind(pod, node_name, time_seconds)

    def on_end(self, uid: str, node_name: str, time_seconds: float) -> None:
        """A pod ended."""
        self._started().end(uid, time_seconds)

    def record(self) -> NodeRecord:
        """What was seen so far.

        Raises:
            InvalidValue: no tick was seen.
        """
        if not self._tables:
            raise InvalidValue("no tick was seen", field="trace", expected="a trace of one tick or more")
        engine = self._started()
        names = tuple(node.name for node in engine.nodes)
        cpu, memory = (np.stack(self._used[resource]) for resource in ("cpu", "memory"))
        history = UseHistory(np.array(self._times, dtype=np.float64), names, cpu, memory, engine.tick_seconds)
        return NodeRecord(tuple(self._tables), history)

    def _started(self) -> FeatureEngine:
        if self._engine is None:
            raise InvalidValue("the replay was not observed from its start", field="observers")
        return self._engine


def write_record(path: Path, record: NodeRecord) -> str:
    """Writes a record; returns the digest of the file: the version of the dataset."""
    first, history = record.tables[0], record.history
    return write_arrays(
        path,
        {
            "generations": record.generations,
            "values": np.stack([table.values for table in record.tables]),
            "node_names": np.array(first.node_names),
            "columns": np.array(first.columns),
            "column_hashes": np.array(first.column_hashes),
            "timing_seconds": np.array([first.tick_seconds, first.metric_window_seconds, first.scrape_delay_seconds]),
            "times_seconds": history.times_seconds,
            "cpu": history.cpu,
            "memory": history.memory,
        },
    )


def read_record(path: Path) -> NodeRecord:
    """The record of a file.

    Raises:
        ArtifactRefused: the file is not a record.
    """
    arrays = read_arrays(path, "dataset")
    try:
        tick, window, delay = (float(value) for value in arrays["timing_seconds"].astype(np.float64))
        names = tuple(str(name) for name in arrays["node_names"])
        columns = tuple(str(name) for name in arrays["columns"])
        hashes = tuple(str(definition) for definition in arrays["column_hashes"])
        values = arrays["values"].astype(np.float32, copy=False)
        tables = tuple(
            NodeTable(int(generation), names, columns, values[i], hashes, {}, tick, window, delay)
            for i, generation in enumerate(arrays["generations"].astype(np.int64))
        )
        used = [arrays[resource].astype(np.float32, copy=False) for resource in ("cpu", "memory")]
        return NodeRecord(tables, UseHistory(arrays["times_seconds"].astype(np.float64), names, used[0], used[1], tick))
    except (KeyError, ValueError, TypeError, IndexError, HydatisError) as cause:
        shown = f"{path} is not a dataset: {str(cause)[:200]}"
        raise ArtifactRefused(shown, field="dataset", expected="a file that build-dataset wrote") from cause
