"""The feature engine: samples and pod events in, node tables out.

THE one code path for training and serving: a replay of a trace and a live cluster drive the same object, so a model never meets a
column that was computed otherwise than the ones it learned from. It is pure: event time is passed in.

Input is checked before anything is stored: a refused call leaves the engine as it was.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from hydatis_core.errors import Duplicate, InvalidValue
from hydatis_core.nodes import Node
from hydatis_core.pods import Pod
from numpy.typing import NDArray

from hydatis_features import warm_blob
from hydatis_features.cluster_state import BoundPod, ClusterState, check_time
from hydatis_features.commitment_transforms import capacity_columns, expected_sums, load_sums
from hydatis_features.enrolment import EnrolledPods
from hydatis_features.expected_use import ExpectedUse
from hydatis_features.history import History
from hydatis_features.profiles import ProfileBook
from hydatis_features.schema import SCHEMA
from hydatis_features.table import NodeTable
from hydatis_features.tick_columns import DailyColumns, tick_columns
from hydatis_features.usage import METRICS, POD_METRICS, check_usage
from hydatis_features.windows import NodeWindows

__all__ = ["FeatureEngine"]


class FeatureEngine:
    """Keeps windows, cluster state and profiles, and makes a table of them at each tick.

    Args:
        nodes: the nodes, in row order; there may be none yet.
        tick_seconds: time between ticks, 1 to 300.
        scrape_delay_seconds: time between a sample's being taken and its being seen, >= 0; told to the users of the table.
        metric_window_seconds: seconds until the measured windows show all of a new pod, > 0; a node whose pods have run for that
            long cannot honestly read zero.

    Raises:
        Duplicate: a node stands twice.
        InvalidValue: a time is out of range.
    """

    def __init__(
        self, nodes: Sequence[Node], tick_seconds: float, scrape_delay_seconds: float, metric_window_seconds: float = 900.0
    ) -> None:
        if not (scrape_delay_seconds >= 0 and metric_window_seconds > 0):
            raise InvalidValue("a time is out of range", field="scrape_delay_seconds", expected="delay >= 0, window > 0")
        self.tick_seconds = tick_seconds
        self.scrape_delay_seconds = scrape_delay_seconds
        self.metric_window_seconds = metric_window_seconds
        self.profiles = ProfileBook()
        self.state = ClusterState(nodes)
        self.windows = NodeWindows(len(nodes), tick_seconds)
        #: The newest table; None before the first tick and after a restore.
        self.table: NodeTable | None = None
        self._generation = 0
        self._first_seen_seconds = np.full(len(nodes), np.nan)
        self._capacity = capacity_columns(self.state.nodes)
        self._daily = DailyColumns()
        self._enrolled = EnrolledPods.empty(0)  # by slot of the state

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes, in row order."""
        return self.state.nodes

    @property
    def generation(self) -> int:
        """Generation of the newest tick; 0: none yet."""
        return self._generation

    def bind(self, pod: Pod, node_name: str, time_seconds: float) -> ExpectedUse | None:
        """Records that a pod was bound.

        Args:
            pod: the pod.
            node_name: where it is.
            time_seconds: event time.

        Returns:
            What it is expected to use; None when the bind was known already, or the pod has ended since.

        Raises:
            UnknownNode: there is no such node.
            InvalidValue: the time is not one.
        """
        check_time(time_seconds)
        expected = self.profiles.expect(pod, time_seconds)
        if not self.state.bind(pod, node_name, time_seconds, expected):
            return None
        bound = self.state.pod(pod.uid)
        self._enrol([bound] if bound else [])
        return expected

    def end(self, uid: str, time_seconds: float) -> bool:
        """Records that a pod ended, failed or was evicted. False: it is not bound.

        Raises:
            InvalidValue: the time is not one.
        """
        return self.state.end(uid, time_seconds)

    def replace_nodes(self, nodes: Sequence[Node]) -> list[str]:
        """Sets the nodes anew: windows, age and pods of nodes that stay (by name) are kept, also when their order or size changed.

        Returns:
            uids of the pods that went with their node.

        Raises:
            Duplicate: a node stands twice; nothing changed.
        """
        old_index = self.state.node_index
        gone = self.state.replace_nodes(nodes)
        old_rows = np.array([old_index.get(node.name, -1) for node in nodes], dtype=np.intp)
        self.windows.keep_nodes(old_rows)
        padded = np.append(self._first_seen_seconds, np.nan)
        self._first_seen_seconds = padded[old_rows]
        self._capacity = capacity_columns(self.state.nodes)
        return gone

    def recall(self, history: History) -> int:
        """Fills the windows with what was measured since the newest sample here, as if it had been here: before the next tick.

        Profiles learn nothing of it, and a node that was not seen before is as old as its first measurement.

        Args:
            history: from before the next tick; what is not newer than what is here is left out.

        Returns:
            How many bins and samples were taken.
        """
        known = history.of_nodes(tuple(self.state.node_index))
        if not math.isfinite(self.windows.last_sample_seconds):
            known = known.since_known
        count = 0
        for end_seconds, usage in zip(known.bin_ends_seconds.tolist(), known.bin_usage, strict=True):
            if self.windows.push_bin(end_seconds, usage):
                count += 1
                self._see(usage, end_seconds)
        for time_seconds, usage in zip(known.sample_times_seconds.tolist(), known.sample_usage, strict=True):
            settled = self.state.pod_counts(time_seconds - self.metric_window_seconds) > 0
            if self.windows.push(time_seconds, usage, settled):
                count += 1
                self._see(usage, time_seconds + self.scrape_delay_seconds)
        return count

    def tick(
        self,
        generation: int,
        sample_time_seconds: float,
        node_usage: NDArray[np.float32],
        pod_uids: Sequence[str],
        pod_usage: NDArray[np.float32],
    ) -> NodeTable:
        """Takes one scrape and makes the table of that tick.

        A scrape that is not newer than the last one teaches nothing again: the windows grow older without it. When a scrape failed,
        pass NaN.

        Args:
            generation: tick time, Unix seconds, > 0, above the last one. The last one again gives the same table again.
            sample_time_seconds: when the samples were taken, event time, <= generation.
            node_usage: shape (nodes, 6), float32, columns ``usage.METRICS``; NaN: not measured.
            pod_uids: pods that were scraped, in any order, without repeats; pods that are not bound are left out.
            pod_usage: shape (pod_uids, 2), float32, columns ``usage.POD_METRICS``; NaN: not measured.

        Returns:
            A table of all columns of ``SCHEMA``.

        Raises:
            WrongShape, InvalidValue, Duplicate: the input is not as said above; nothing was taken.
        """
        if generation == self._generation and self.table is not None:
            return self.table
        slots = self._check_tick(generation, sample_time_seconds, node_usage, pod_uids, pod_usage)
        settled = self.state.pod_counts(sample_time_seconds - self.metric_window_seconds) > 0
        if self.windows.push(sample_time_seconds, node_usage, settled):
            self._learn(slots, pod_usage, sample_time_seconds)
        self._first_seen_seconds[np.isnan(self._first_seen_seconds)] = generation
        self.state.forget_before(generation)
        expected, effective = self._sums(generation)
        columns = tick_columns(
            windows=self.windows,
            daily=self._daily,
            state=self.state,
            expected=expected,
            effective=effective,
            capacity=self._capacity,
            first_seen_seconds=self._first_seen_seconds,
            now_seconds=generation,
        )
        self._generation = generation
        self.table = self._table(columns)
        return self.table

    def snapshot(self) -> dict[str, NDArray[np.generic]]:
        """All that is needed to go on after a restart: named arrays without objects, as ``numpy.savez`` takes them."""
        metadata = {
            "tick_seconds": self.tick_seconds,
            "scrape_delay_seconds": self.scrape_delay_seconds,
            "metric_window_seconds": self.metric_window_seconds,
            "generation": self._generation,
        }
        own: dict[str, NDArray[np.generic]] = {"first_seen_seconds": self._first_seen_seconds.copy()}
        return warm_blob.pack(metadata, own, self.windows, self.state, self.profiles)

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[np.generic]]) -> FeatureEngine:
        """An engine that goes on where ``snapshot`` was taken: its next table is the same to the last bit.

        Raises:
            ArtifactRefused: it is not such a snapshot, or of another format.
        """
        blob = warm_blob.unpack(arrays)
        with warm_blob.refusing():
            metadata = blob.metadata
            engine = cls(
                blob.state.nodes, metadata["tick_seconds"], metadata["scrape_delay_seconds"], metadata["metric_window_seconds"]
            )
            engine.state, engine.windows, engine.profiles = blob.state, blob.windows, blob.profiles
            engine._generation = int(metadata["generation"])
            engine._first_seen_seconds = blob.own["first_seen_seconds"].astype(np.float64)
            if {len(engine._first_seen_seconds), engine.windows.node_count} != {len(engine.nodes)}:
                raise InvalidValue("windows and nodes are not of one cluster", field="windows", expected="one row per node")
            engine._enrol(engine.state.bound_pods())
        return engine

    def _see(self, usage: NDArray[np.float32], time_seconds: float) -> None:
        """Dates nodes that were measured at a time and not seen before."""
        is_new = np.isnan(self._first_seen_seconds) & ~np.isnan(usage).all(axis=1)
        self._first_seen_seconds[is_new] = time_seconds

    def _enrol(self, bound: Sequence[BoundPod]) -> None:
        if len(self._enrolled.workload_rows) < len(self.state.node_rows):
            self._enrolled = self._enrolled.grown(len(self.state.node_rows))
        self._enrolled.write([one.slot for one in bound], self.profiles.enrol([one.pod for one in bound]))

    def _check_tick(
        self,
        generation: int,
        sample_time_seconds: float,
        node_usage: NDArray[np.float32],
        pod_uids: Sequence[str],
        pod_usage: NDArray[np.float32],
    ) -> NDArray[np.intp]:
        """Refuses bad input; returns the slots of the pods, -1: not bound."""
        if generation <= 0 or generation < self._generation:
            raise InvalidValue(f"{generation} is not the next tick", field="generation", expected=f"> {self._generation}")
        if not 0 <= sample_time_seconds <= generation:
            shown = f"samples of {sample_time_seconds!r} cannot be seen at {generation}"
            raise InvalidValue(shown, field="sample_time_seconds", expected="0 <= sample time <= tick time")
        check_usage(node_usage, tuple(self.state.node_index), METRICS, field="node_usage")
        check_usage(pod_usage, pod_uids, POD_METRICS, field="pod_usage")
        slots = self.state.slots_of(pod_uids)
        if np.bincount(slots + 1, minlength=1)[1:].max(initial=0) > 1:
            raise Duplicate("a pod stands twice", field="pod_uids", expected="uids without repeats")
        return slots

    def _learn(self, slots: NDArray[np.intp], pod_usage: NDArray[np.float32], time_seconds: float) -> None:
        """Teaches the profiles, in the order of slots: the order of the samples must not show in the last bit."""
        positions = np.argsort(slots, kind="stable")[np.count_nonzero(slots < 0) :]
        self.profiles.observe_enrolled(self._enrolled.take(slots[positions]), pod_usage[positions], time_seconds)
        in_use = self._enrolled.workload_rows[np.flatnonzero(self.state.node_rows >= 0)]
        self.profiles.forget_idle(in_use, time_seconds)

    def _sums(self, now_seconds: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Expected use and loads of the bound pods, by node."""
        held = np.flatnonzero(self.state.node_rows >= 0)
        rows, pods = self.state.node_rows[held], self._enrolled.take(held)
        expected = self.profiles.expect_enrolled(pods, now_seconds)
        effective = load_sums(rows, self.profiles.laws_enrolled(pods), pods.base_amounts, self._capacity)
        return expected_sums(rows, expected, len(self.state.nodes)), effective

    def _table(self, columns: Mapping[str, NDArray[np.floating] | float]) -> NodeTable:
        by_column = np.empty((len(SCHEMA.names), len(self.state.nodes)), dtype=np.float32)
        for position, name in enumerate(SCHEMA.names):
            by_column[position] = columns[name]
        return NodeTable(
            generation=self._generation,
            node_names=tuple(self.state.node_index),
            columns=SCHEMA.names,
            values=np.ascontiguousarray(by_column.T),
            column_hashes=SCHEMA.hashes,
            gpus=self.state.gpus.devices(),
            tick_seconds=self.tick_seconds,
            metric_window_seconds=self.metric_window_seconds,
            scrape_delay_seconds=self.scrape_delay_seconds,
            gpu_demand=self.state.gpu_demand.publish(),
        )
