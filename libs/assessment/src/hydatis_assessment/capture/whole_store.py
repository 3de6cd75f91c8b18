"""The whole of a capture in its folder: ``use.npy`` is mapped, ``days.npz`` and ``cluster.json`` are read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
from hydatis_core.errors import ArtifactRefused
from hydatis_core.nodes import Node
from hydatis_core.resources import Resources
from hydatis_pipelines.whole_files import read_arrays, write_arrays
from hydatis_pipelines.whole_files import write_whole as write_file
from hydatis_sizing.recommendation import Amounts, ContainerName
from numpy.typing import NDArray

from hydatis_assessment.capture.folder import CaptureFolder
from hydatis_assessment.cluster_use import ClusterUse, ContainerRow, Gap

__all__ = ["Head", "open_whole", "use_file", "write_whole"]

_USE, _DAYS, _CLUSTER = "use.npy", "days.npz", "cluster.json"


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What is said once of a whole."""

    source: str
    start_seconds: float
    step_seconds: float
    gaps: tuple[Gap, ...] = ()
    notes: tuple[str, ...] = ()


class _Amounts(msgspec.Struct, frozen=True):
    """JSON knows no NaN."""

    cpu_cores: float | None
    memory_bytes: float | None


class _Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    name: ContainerName
    pod: str
    running: bool
    requests: _Amounts
    limits: _Amounts
    qos: str
    hpa_resources: list[str] = []
    vpa: bool = False
    is_sidecar: bool = False
    right_size: str = ""


class _Cluster(msgspec.Struct, frozen=True):
    head: Head
    nodes: list[tuple[str, float, float, int]]
    """Name, allocatable cores and bytes, pods."""
    rows: list[_Row]


@contextmanager
def use_file(folder: Path, shape: tuple[int, int, int]) -> Iterator[Callable[[int, NDArray[np.float32]], None]]:
    """Writes use step by step; the file has its name when the block ends well.

    Yields:
        Puts an array, shape (2, rows, steps), at a first step. Each call maps the file anew, so that no more than what it writes
        is ever in memory.
    """
    temporary = folder / f".{_USE}"
    try:
        np.lib.format.open_memmap(temporary, mode="w+", dtype=np.float32, shape=shape)

        def put(first: int, use: NDArray[np.float32]) -> None:
            mapped = np.load(temporary, mmap_mode="r+")
            mapped[:, :, first : first + use.shape[2]] = use
            mapped.flush()

        yield put
        temporary.replace(folder / _USE)
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(
    folder: CaptureFolder,
    head: Head,
    nodes: Sequence[Node],
    rows: Sequence[ContainerRow],
    arrays: Mapping[str, NDArray[np.generic]],
) -> None:
    """Writes all but use, which is there, and finishes the capture."""
    told = [(node.name, node.allocatable.cpu_cores, node.allocatable.memory_bytes, node.pod_limit_count) for node in nodes]
    write_file(folder.path / _CLUSTER, msgspec.json.encode(_Cluster(head, told, [_stored(row) for row in rows])))
    write_arrays(folder.path / _DAYS, arrays)
    folder.finish([_CLUSTER, _DAYS, _USE])


def open_whole(folder: CaptureFolder) -> ClusterUse:
    """A capture that was finished.

    Raises:
        ArtifactRefused: it was not, or its files are not what was captured.
    """
    cluster, days, use = (folder.whole_file(name) for name in (_CLUSTER, _DAYS, _USE))
    try:
        found = msgspec.json.decode(cluster.read_bytes(), type=_Cluster)
    except msgspec.MsgspecError as wrong:
        raise ArtifactRefused(f"{cluster} cannot be read: {wrong}", field="folder", expected="a capture") from None
    arrays = read_arrays(days, "capture")
    return ClusterUse(
        source=found.head.source,
        start_seconds=found.head.start_seconds,
        step_seconds=found.head.step_seconds,
        nodes=tuple(Node(name, Resources(cores, memory), pods) for name, cores, memory, pods in found.nodes),
        rows=tuple(_read(row) for row in found.rows),
        use=np.load(use, mmap_mode="r"),
        node_by_day=arrays["node_by_day"].astype(np.int32, copy=False),
        throttled_ratio=arrays["throttled_ratio"].astype(np.float32, copy=False),
        kills_count=arrays["kills_count"].astype(np.float32, copy=False),
        killed_at_bytes=arrays["killed_at_bytes"].astype(np.float64, copy=False),
        gaps=found.head.gaps,
        notes=found.head.notes,
    )


def _stored(row: ContainerRow) -> _Row:
    return _Row(
        name=row.name,
        pod=row.pod,
        running=row.running,
        requests=_without_nan(row.requests),
        limits=_without_nan(row.limits),
        qos=row.qos,
        hpa_resources=sorted(row.hpa_resources),
        vpa=row.vpa,
        is_sidecar=row.is_sidecar,
        right_size=row.right_size,
    )


def _read(row: _Row) -> ContainerRow:
    return ContainerRow(
        name=row.name,
        pod=row.pod,
        running=row.running,
        requests=_with_nan(row.requests),
        limits=_with_nan(row.limits),
        qos=row.qos,
        hpa_resources=frozenset(row.hpa_resources),
        vpa=row.vpa,
        is_sidecar=row.is_sidecar,
        right_size=row.right_size,
    )


def _without_nan(amounts: Amounts) -> _Amounts:
    return _Amounts(*(None if math.isnan(value) else value for value in (amounts.cpu_cores, amounts.memory_bytes)))


def _with_nan(amounts: _Amounts) -> Amounts:
    return Amounts(*(math.nan if value is None else value for value in (amounts.cpu_cores, amounts.memory_bytes)))
