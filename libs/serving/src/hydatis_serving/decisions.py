"""The decision log: every decision kept, none waited for.

A decision must not wait for a disk, so records go into a bounded queue (what does not fit is dropped and counted) and a
thread of its own writes them to segment files, whose total size is limited by removing the oldest. Where the pod was bound
comes later, as a small record of its own: ``bound_node`` with the pod's uid and no decision id. It joins the newest decision
on that pod written before it.

Records reach the operating system with every batch: a killed process loses what was in its queue, a killed machine a little
more.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from hydatis.cluster.v1 import cluster_pb2
from hydatis.decision.v1 import decision_pb2
from hydatis_core.errors import DependencyUnavailable, HydatisError

from hydatis_serving.convert.decision import decision_from_proto, decision_to_proto
from hydatis_serving.decision_record import DecisionRecord
from hydatis_serving.decision_segments import delimited, read_segment, segment_path, segments
from hydatis_serving.logs import get_logger

__all__ = ["DecisionLog", "DecisionReader"]

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Bound:
    """Where a pod was bound."""

    pod_uid: str
    node_name: str


class _Flush(threading.Event):
    """Set when everything queued before it is written."""


_Entry = DecisionRecord | Callable[[], DecisionRecord] | _Bound | _Flush | None


class DecisionReader:
    """Reads the segment files of a folder; the log may be written meanwhile, by this or another process.

    Args:
        folder: where the segments are; it need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.torn_count = 0
        """Segments found with a torn end, over all readings."""

    def newest(self, limit: int = 20) -> list[DecisionRecord]:
        """The newest decisions, newest first."""
        return self._take(lambda _: True, limit)

    def of_pod(self, pod: str, limit: int = 20) -> list[DecisionRecord]:
        """Decisions on a pod, newest first.

        Args:
            pod: its uid, or ``namespace/name``.
            limit: how many at most.
        """
        namespace, _, name = pod.rpartition("/")
        if not namespace:
            return self._take(lambda message: message.pod.uid == pod, limit)
        return self._take(lambda message: (message.pod.namespace, message.pod.name) == (namespace, name), limit)

    def by_id(self, decision_id: str) -> DecisionRecord | None:
        """One decision; None: it is not here (any more)."""
        found = self._take(lambda message: message.decision_id == decision_id, 1)
        return found[0] if found else None

    def _take(self, wanted: Callable[[decision_pb2.DecisionRecord], bool], limit: int) -> list[DecisionRecord]:
        found: list[DecisionRecord] = []
        if limit <= 0:
            return found
        for message in self._backwards():
            if not wanted(message):
                continue
            try:
                found.append(decision_from_proto(message))
            except HydatisError:
                self.torn_count += 1  # bytes that parse and make no sense
            if len(found) >= limit:
                break
        return found

    def _backwards(self) -> Iterator[decision_pb2.DecisionRecord]:
        """Decisions from the newest to the oldest, joined with their binds."""
        bound: dict[str, str] = {}
        for _, path in reversed(segments(self.folder)):
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                continue  # removed for its age since it was listed
            messages, torn = read_segment(data)
            self.torn_count += torn
            for message in reversed(messages):
                uid = message.pod.uid
                if not message.decision_id:
                    bound.setdefault(uid, message.bound_node)
                    continue
                node = bound.pop(uid, "")
                if node:
                    message.bound_node = node
                yield message


class DecisionLog(DecisionReader):
    """Writes decision records, and reads them back.

    Args:
        folder: where the segments are; made when missing.
        queue_limit_count: records that may wait to be written.
        segment_bytes: size at which a new segment begins.
        total_bytes: size that all segments together may have; the oldest are removed.

    Raises:
        DependencyUnavailable: the folder cannot be written.
    """

    def __init__(
        self, folder: Path, *, queue_limit_count: int = 4096, segment_bytes: int = 8 * 2**20, total_bytes: int = 256 * 2**20
    ) -> None:
        super().__init__(folder)
        self._segment_bytes = segment_bytes
        self._total_bytes = total_bytes
        self._queue: queue.Queue[_Entry] = queue.Queue(queue_limit_count)
        self.dropped_count = 0
        """Records dropped because the queue was full, or because the disk refused them."""
        self.written_count = 0
        """Records written."""
        self._file: IO[bytes] | None = None
        self._failing = False
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._open_next()
        except OSError as refused:
            shown = f"decisions cannot be written to {folder}: {refused.strerror}"
            raise DependencyUnavailable(shown, field="folder", expected="a folder that can be written") from None
        self._thread = threading.Thread(target=self._write_all, name="decision-log", daemon=True)
        self._thread.start()

    def append(self, record: DecisionRecord | Callable[[], DecisionRecord]) -> bool:
        """Takes a record, or what makes it (called in the log's thread, so that a decision need not wait for its record).

        Returns:
            False when the queue is full: the record is dropped and counted.
        """
        return self._put(record)

    def bound(self, pod_uid: str, node_name: str) -> bool:
        """Says where a pod was bound: joins the newest decision on it so far. False: dropped, as in ``append``."""
        return self._put(_Bound(pod_uid, node_name))

    def flush(self, timeout_seconds: float = 5.0) -> bool:
        """Waits until all that was taken so far is written; blocks. False: not in that time."""
        mark = _Flush()
        try:
            self._queue.put(mark, timeout=timeout_seconds)
        except queue.Full:
            return False
        return mark.wait(timeout_seconds)

    def close(self, timeout_seconds: float = 5.0) -> None:
        """Writes what is queued and ends the thread; blocks."""
        try:
            self._queue.put(None, timeout=timeout_seconds)
        except queue.Full:
            return
        self._thread.join(timeout_seconds)

    def _put(self, entry: _Entry) -> bool:
        try:
            self._queue.put_nowait(entry)
        except queue.Full:
            self.dropped_count += 1
            return False
        return True

    def _write_all(self) -> None:
        while (entry := self._queue.get()) is not None:
            if isinstance(entry, _Flush):
                self._flush_file()
                entry.set()
                continue
            try:
                self._write(delimited(_message(entry)))
                self.written_count += 1
                self._failing = False
            except Exception:  # whatever is wrong with one record, the next must be written
                self._failed(1)
            if self._queue.empty():
                self._flush_file()
        self._close_file()

    def _write(self, data: bytes) -> None:
        if self._file is None or self._file.tell() + len(data) > self._segment_bytes:
            self._open_next()
        assert self._file is not None
        self._file.write(data)

    def _open_next(self) -> None:
        self._close_file()
        there = segments(self.folder)
        self._file = segment_path(self.folder, there[-1][0] + 1 if there else 1).open("xb")
        # The new segment may grow to its full size: room for it is made now.
        size = sum(path.stat().st_size for _, path in there)
        for _, path in there:
            if size <= self._total_bytes - self._segment_bytes:
                break
            size -= path.stat().st_size
            path.unlink()

    def _flush_file(self) -> None:
        if self._file is not None:
            try:
                self._file.flush()
            except OSError:
                self._failed(0)

    def _close_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):  # said by the write before it
                file.close()

    def _failed(self, dropped_count: int) -> None:
        self.dropped_count += dropped_count
        # What was written in part must stay the last of its segment.
        self._close_file()
        if not self._failing:
            _log.exception("decision records are not being written")
        self._failing = True


def _message(entry: DecisionRecord | Callable[[], DecisionRecord] | _Bound) -> decision_pb2.DecisionRecord:
    if isinstance(entry, _Bound):
        return decision_pb2.DecisionRecord(pod=cluster_pb2.Pod(uid=entry.pod_uid), bound_node=entry.node_name)
    return decision_to_proto(entry() if callable(entry) else entry)
