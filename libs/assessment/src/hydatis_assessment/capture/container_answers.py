"""Prometheus' matrices as arrays: millions of values in one pass, the labels of each series once.

Numbers come as JSON text, time and quoted value in turn. With a Python object for each of them a million would take a second; cut
out of the body as they are and read as a table they take a third of one.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TypeVar

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.csv
from hydatis_core.errors import InvalidValue
from hydatis_serving.prometheus.answers import Answer, RawCourse
from numpy.typing import NDArray

__all__ = [
    "CONTAINER_DECODER",
    "NAMESPACE_DECODER",
    "OWNER_DECODER",
    "ContainerKey",
    "ContainerLabels",
    "NamespaceLabels",
    "OwnerLabels",
    "matrix",
]

#: Namespace, pod, container.
ContainerKey = tuple[str, str, str]


class _Namespace(msgspec.Struct, frozen=True, gc=False):
    namespace: str = ""
    exported_namespace: str = ""


class NamespaceLabels(_Namespace, frozen=True, gc=False):
    """Labels of a count of containers."""

    cluster: str = ""
    cluster_name: str = ""
    cluster_id: str = ""


class ContainerLabels(_Namespace, frozen=True, gc=False):
    """Labels of a container's series."""

    pod: str = ""
    container: str = ""
    exported_pod: str = ""
    exported_container: str = ""

    @property
    def key(self) -> ContainerKey:
        """Whose it is; what a target's own labels have hidden goes first."""
        return (
            self.exported_namespace or self.namespace,
            self.exported_pod or self.pod,
            self.exported_container or self.container,
        )


class OwnerLabels(_Namespace, frozen=True, gc=False):
    """Labels of kube-state-metrics' facts."""

    pod: str = ""
    exported_pod: str = ""
    node: str = ""
    exported_node: str = ""
    replicaset: str = ""
    owner_kind: str = ""
    owner_name: str = ""

    @property
    def pod_key(self) -> tuple[str, str]:
        """Namespace and pod."""
        return self.exported_namespace or self.namespace, self.exported_pod or self.pod

    @property
    def set_key(self) -> tuple[str, str]:
        """Namespace and ReplicaSet."""
        return self.exported_namespace or self.namespace, self.replicaset


L = TypeVar("L")


CONTAINER_DECODER = msgspec.json.Decoder(Answer[RawCourse[ContainerLabels]])
OWNER_DECODER = msgspec.json.Decoder(Answer[RawCourse[OwnerLabels]])
NAMESPACE_DECODER = msgspec.json.Decoder(Answer[RawCourse[NamespaceLabels]])

_READ = pyarrow.csv.ReadOptions(column_names=["time", "value"], use_threads=False)
_CONVERT = pyarrow.csv.ConvertOptions(column_types={"time": pa.float64(), "value": pa.float64()})


def matrix(courses: Sequence[RawCourse[L]], first_seconds: float, step_seconds: float, steps_count: int) -> NDArray[np.float32]:
    """The values of series at times that were asked for.

    Args:
        courses: the series.
        first_seconds: the first time.
        step_seconds: between times.
        steps_count: of them.

    Returns:
        shape (series, steps); NaN: no value, or one that is negative or infinite, which no amount is.

    Raises:
        InvalidValue: what stands there are no numbers, or another time.
    """
    found = np.full((len(courses), steps_count), np.nan, dtype=np.float32)
    # [[1,"2"],[3,"4"]] of all series -> lines of time,value
    parts = [bytes(course.values).replace(b" ", b"")[2:-2] for course in courses]
    counts = [part.count(b"],[") + 1 if part else 0 for part in parts]
    if not any(counts):
        return found
    text = b"],[".join(part for part in parts if part).replace(b"],[", b"\n").replace(b'"', b"")
    try:
        table = pyarrow.csv.read_csv(io.BytesIO(text), read_options=_READ, convert_options=_CONVERT)
    except pa.ArrowInvalid as wrong:
        raise InvalidValue(f"no numbers: {wrong}"[:200], field="values", expected="times and values") from None
    steps = np.rint((table["time"].to_numpy() - first_seconds) / step_seconds).astype(np.int64)
    if len(steps) != sum(counts) or steps.min() < 0 or steps.max() >= steps_count:
        raise InvalidValue(
            "another number of values than there are, or other times", field="values", expected="the times asked for"
        )
    values = table["value"].to_numpy()
    found[np.repeat(np.arange(len(courses)), counts), steps] = np.where((values >= 0) & np.isfinite(values), values, np.nan)
    return found
