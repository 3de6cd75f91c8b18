"""Prometheus' answers, decoded in one pass into the few labels that are looked at.

An answer about 50,000 pods is ten megabytes of JSON: a dict for each series' labels would cost more than the answer. Labels that no
field names are skipped by the decoder, and an absent one is empty, as in PromQL.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from msgspec import Raw, Struct
from msgspec.json import Decoder

__all__ = [
    "COURSE_DECODER",
    "FACT_DECODER",
    "POD_DECODER",
    "TARGET_DECODER",
    "Answer",
    "Course",
    "FactLabels",
    "PodLabels",
    "RawCourse",
    "Series",
    "TargetLabels",
]


class TargetLabels(Struct, frozen=True, gc=False):
    """Labels of a target that measures a node: what may say which node it is. Hashable: what is known of a target is kept by it."""

    node: str = ""
    kubernetes_node: str = ""
    node_name: str = ""
    nodename: str = ""
    kubernetes_io_hostname: str = ""
    host: str = ""
    hostname: str = ""
    instance: str = ""
    namespace: str = ""
    pod: str = ""


class PodLabels(Struct, frozen=True, gc=False):
    """Labels of a pod's sums."""

    namespace: str = ""
    pod: str = ""
    exported_namespace: str = ""
    exported_pod: str = ""


class FactLabels(TargetLabels, frozen=True, gc=False):
    """Labels of a target and what an info series says of it."""

    exported_node: str = ""
    internal_ip: str = ""
    system_uuid: str = ""
    product_uuid: str = ""
    rate_window: str = ""
    most_age: str = ""


L = TypeVar("L")


class Series(Struct, Generic[L], gc=False):
    """One series at one time."""

    metric: L
    value: tuple[float, str]
    """Time asked for, and the value as text: NaN and +Inf are values, too."""

    @property
    def amount(self) -> float:
        """The value."""
        return float(self.value[1])


class Course(Struct, Generic[L], gc=False):
    """One series over a while."""

    metric: L
    values: list[tuple[float, str]]
    """Times, ascending, and the values at them; times without a value are left out."""


class RawCourse(Struct, Generic[L], gc=False):
    """One series over a while, its numbers unread."""

    metric: L
    values: Raw = Raw(b"[]")
    """[[time, "value"], ...]; a series of histograms has none."""


S = TypeVar("S")


class Found(Struct, Generic[S]):
    """The data of an answer."""

    result: list[S]
    resultType: str
    """"vector": series; "matrix": courses."""


class Answer(Struct, Generic[S]):
    """An answer of /api/v1/query or /api/v1/query_range."""

    status: str
    data: Found[S] | None = None
    errorType: str = ""
    error: str = ""
    warnings: list[str] = []

    @property
    def series(self) -> list[S]:
        """What was found; nothing where there are no data."""
        return [] if self.data is None else self.data.result


TARGET_DECODER = Decoder(Answer[Series[TargetLabels]])
POD_DECODER = Decoder(Answer[Series[PodLabels]])
FACT_DECODER = Decoder(Answer[Series[FactLabels]])
COURSE_DECODER = Decoder(Answer[Course[TargetLabels]])
