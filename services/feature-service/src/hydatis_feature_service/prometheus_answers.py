"""Prometheus' answers, decoded in one pass into the few labels that are looked at.

An answer about 50,000 pods is ten megabytes of JSON: a dict for each series' labels would cost more than the answer. Labels that no
field names are skipped by the decoder, and an absent one is empty, as in PromQL.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from msgspec import Struct
from msgspec.json import Decoder

__all__ = ["FACT_DECODER", "POD_DECODER", "TARGET_DECODER", "Answer", "FactLabels", "PodLabels", "Series", "TargetLabels"]


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


class Vector(Struct, Generic[L]):
    """The data of an answer to an instant query."""

    result: list[Series[L]]
    resultType: str = "vector"


class Answer(Struct, Generic[L]):
    """An answer of /api/v1/query."""

    status: str
    data: Vector[L] | None = None
    errorType: str = ""
    error: str = ""
    warnings: list[str] = []

    @property
    def series(self) -> list[Series[L]]:
        """What was found; nothing where there are no data."""
        return [] if self.data is None else self.data.result


TARGET_DECODER = Decoder(Answer[TargetLabels])
POD_DECODER = Decoder(Answer[PodLabels])
FACT_DECODER = Decoder(Answer[FactLabels])
