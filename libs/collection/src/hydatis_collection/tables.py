"""What is collected: a table for each kind of thing that is measured, and for each of its columns the query that tells it.

The queries are those of feature-service's ticks, so that what models are trained on is what they will see. Names are kept as the
targets tell them: which node is behind a target is decided when it is read, since that knowledge grows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from hydatis_serving.prometheus.answers import Answer, PodLabels, RawCourse, TargetLabels
from hydatis_serving.prometheus.queries import (
    NODE_QUANTITIES,
    POD_LABELS,
    POD_QUANTITIES,
    ROOT_QUANTITIES,
    TARGET_LABELS,
    Asking,
    Quantity,
)
from msgspec.json import Decoder

__all__ = ["TABLES", "CollectedTable", "ColumnQuery"]


@dataclass(frozen=True, slots=True)
class CollectedTable:
    """Series of one kind."""

    name: str
    """Of its folder."""
    labels: tuple[str, ...]
    """Columns that say whose a row is; empty text: no such label."""
    quantities: tuple[Quantity, ...]
    """Its columns of measures."""
    decoder: Decoder[Any]
    optional: bool = False
    """Whether many clusters have none of it: that there is nothing is no gap."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the measures."""
        return tuple(quantity.column for quantity in self.quantities)


@dataclass(frozen=True, slots=True)
class ColumnQuery:
    """A column's query, as the past is asked for it."""

    quantity: Quantity
    rate_window_seconds: int
    most_age_seconds: int

    @property
    def name(self) -> str:
        """What it is called in errors."""
        return self.quantity.name

    def promql(self, step_seconds: float, matchers: str) -> str:
        """The query.

        Args:
            step_seconds: between times that are asked for; its own windows do not go by it.
            matchers: of every series, as PromQL writes them.
        """
        return self.quantity.promql(Asking(self.rate_window_seconds, self.most_age_seconds, matchers), recorded=False)


def _measures(quantities: tuple[Quantity, ...]) -> tuple[Quantity, ...]:
    return tuple(quantity for quantity in quantities if quantity.column)


_TARGETS: Decoder[Any] = msgspec.json.Decoder(Answer[RawCourse[TargetLabels]])

TABLES: tuple[CollectedTable, ...] = (
    CollectedTable("nodes", TARGET_LABELS, _measures(NODE_QUANTITIES), _TARGETS),
    CollectedTable("roots", TARGET_LABELS, _measures(ROOT_QUANTITIES), _TARGETS, optional=True),
    CollectedTable("pods", POD_LABELS, _measures(POD_QUANTITIES), msgspec.json.Decoder(Answer[RawCourse[PodLabels]])),
)
