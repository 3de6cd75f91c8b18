"""One day of a cluster, as Prometheus tells it: every container that was measured, what it used, and what befell it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from hydatis_core.errors import InvalidValue
from hydatis_serving.prometheus.past import PAGE_VALUES, Asker, Page
from hydatis_serving.prometheus.pieces import Namespaces, Piece
from numpy.typing import NDArray

from hydatis_assessment.capture.container_answers import (
    CONTAINER_DECODER,
    NAMESPACE_DECODER,
    OWNER_DECODER,
    ContainerKey,
    ContainerLabels,
    OwnerLabels,
)
from hydatis_assessment.capture.container_queries import (
    CLUSTER_LABELS,
    EVENT_SECONDS,
    EVENTS,
    NAMESPACES,
    OWNERS,
    USE,
    USE_OF_PODS,
    Query,
)
from hydatis_assessment.capture.question import Question
from hydatis_assessment.cluster_use import CPU, DAY_SECONDS, MEMORY

__all__ = ["CapturedDay", "ask_day"]

_HOUR_SECONDS = 3600.0
#: CPU is asked for over so many steps where more than this share of it is missing beside memory that is known.
_WIDER_STEPS, _MISSING_RATIO = (2, 4), 0.1
#: Where nobody counts containers: as many as a large cluster has.
_UNCOUNTED = 20_000
_EVENTS_A_DAY = round(DAY_SECONDS) // EVENT_SECONDS


@dataclass
class CapturedDay:
    """What is known of a day."""

    keys: list[ContainerKey]
    """Ascending; container "": a whole pod, where containers have no names."""
    use: NDArray[np.float32]
    """shape (2, keys, steps of the day), cores and bytes; NaN: not known."""
    throttled_ratio: NDArray[np.float32]
    """shape (keys,), 0..1; NaN: not known."""
    kills_count: NDArray[np.float32]
    """The same, >= 0."""
    killed_at_bytes: NDArray[np.float64]
    """The same, the greatest limit it was killed at; NaN: it was not, or had no limit."""
    owners: dict[tuple[str, str], str] = field(default_factory=dict)
    """Kind and name of the owner by (namespace, pod): "ReplicaSet/web-7f9c"."""
    set_owners: dict[tuple[str, str], str] = field(default_factory=dict)
    """The same of ReplicaSets by (namespace, name)."""
    nodes: dict[tuple[str, str], str] = field(default_factory=dict)
    """Node by (namespace, pod)."""


async def ask_day(asker: Asker, question: Question, number: int) -> CapturedDay:
    """A day of a question.

    Args:
        asker: of the Prometheus.
        question: what is asked.
        number: of the day, from 0.

    Raises:
        InvalidValue: it knows several clusters; else as of ``Asker.ask``.
        DependencyUnavailable: as of ``Asker.ask``.
    """
    start = question.start_seconds + number * DAY_SECONDS
    namespaces, most_containers = await _namespaces(asker, start)
    steps = Piece(start + question.step_seconds, question.step_seconds, question.steps_a_day, namespaces)
    most = max(PAGE_VALUES // (most_containers or _UNCOUNTED), 1)
    keys, use = await _use(asker, USE, steps, most)
    if not keys:
        keys, use = await _use(asker, USE_OF_PODS, steps, most)
    row_of = {key: row for row, key in enumerate(keys)}

    async def events(query: Query, *, of_containers: bool = True) -> NDArray[np.float32]:
        # kube-state-metrics may say namespaces by another label: its answers are small, and cut by time alone
        cut = namespaces if of_containers else Namespaces()
        piece = Piece(start + EVENT_SECONDS, EVENT_SECONDS, _EVENTS_A_DAY, cut)
        return _rows(await asker.ask(query, CONTAINER_DECODER, piece, _EVENTS_A_DAY), row_of, piece)

    throttled = await events(EVENTS["throttled"])
    kills = np.fmax(await events(EVENTS["kills"]), await events(EVENTS["kills_by_status"], of_containers=False))
    killed = np.rint(np.nan_to_num(kills)) > 0
    limits = np.full(kills.shape, np.nan, dtype=np.float32)
    if killed.any():
        by_status = await events(EVENTS["memory_limit_by_status"], of_containers=False)
        limits = np.fmax(await events(EVENTS["memory_limit"]), by_status)
    facts = {name: await _facts(asker, query, start) for name, query in OWNERS.items()}
    return CapturedDay(
        keys=keys,
        use=use,
        throttled_ratio=_known(np.nansum(throttled, axis=1) / np.maximum((~np.isnan(throttled)).sum(axis=1), 1), throttled),
        kills_count=_known(np.rint(np.nansum(kills, axis=1)), kills),
        killed_at_bytes=np.fmax.reduce(np.where(killed, limits, np.nan), axis=1).astype(np.float64),
        owners={labels.pod_key: f"{labels.owner_kind}/{labels.owner_name}" for labels in facts["pod_owner"]},
        set_owners={labels.set_key: f"{labels.owner_kind}/{labels.owner_name}" for labels in facts["replicaset_owner"]},
        nodes={labels.pod_key: labels.exported_node or labels.node for labels in facts["pod_node"]},
    )


async def _use(asker: Asker, queries: tuple[Query, ...], steps: Piece, most: int) -> tuple[list[ContainerKey], NDArray[np.float32]]:
    """Who was measured, and shape (2, keys, steps)."""
    pages = [await asker.ask(query, CONTAINER_DECODER, steps, most) for query in queries]
    keys = sorted({key for found in pages for page in found for labels in page.labels if all((key := labels.key)[:2])})
    row_of = {key: row for row, key in enumerate(keys)}
    use = np.stack([_rows(found, row_of, steps) for found in pages])
    del pages
    for wider in _WIDER_STEPS:
        missing = np.isnan(use[CPU]) & ~np.isnan(use[MEMORY])
        if missing.sum() <= _MISSING_RATIO * (~np.isnan(use[MEMORY])).sum():
            break
        found = await asker.ask(replace(queries[CPU], steps=wider), CONTAINER_DECODER, steps, most)
        use[CPU] = np.where(missing, _rows(found, row_of, steps), use[CPU])
    return keys, use


async def _namespaces(asker: Asker, start: float) -> tuple[Namespaces, int]:
    """The namespaces of a day and the most containers that it had at a time.

    Raises:
        InvalidValue: they are of several clusters: pods of one name would be taken for one.
    """
    hours = Piece(start + _HOUR_SECONDS, _HOUR_SECONDS, 24)
    pages = await asker.ask(NAMESPACES, NAMESPACE_DECODER, hours, 24)
    for label in CLUSTER_LABELS:
        clusters = sorted({getattr(labels, label) for page in pages for labels in page.labels} - {""})
        if len(clusters) > 1:
            shown = f"{asker.url} knows {len(clusters)} clusters: {', '.join(clusters[:5])}"
            raise InvalidValue(shown, field="--match", expected=f"one of them, as --match '{label}=\"{clusters[0]}\"'")
    by_label = {
        label: sorted({getattr(labels, label) for page in pages for labels in page.labels} - {""})
        for label in ("exported_namespace", "namespace")
    }
    label = max(by_label, key=lambda label: len(by_label[label]))
    most = max((float(np.nansum(page.values, axis=0).max(initial=0.0)) for page in pages), default=0.0)
    return Namespaces(label, tuple(by_label[label])), int(most)


async def _facts(asker: Asker, query: Query, start: float) -> list[OwnerLabels]:
    piece = Piece(start + EVENT_SECONDS, EVENT_SECONDS, _EVENTS_A_DAY)
    pages = await asker.ask(query, OWNER_DECODER, piece, _EVENTS_A_DAY)
    return [labels for page in sorted(pages, key=lambda page: page.piece.first_seconds) for labels in page.labels]


def _rows(pages: Sequence[Page[ContainerLabels]], row_of: dict[ContainerKey, int], whole: Piece) -> NDArray[np.float32]:
    """The values of all pages in the rows of their containers, the greatest of duplicates; of nobody else."""
    found = np.full((len(row_of), whole.count), np.nan, dtype=np.float32)
    for page in pages:
        rows = np.array([row_of.get(labels.key, -1) for labels in page.labels], dtype=np.intp)
        order = np.flatnonzero(rows >= 0)
        order = order[np.argsort(rows[order], kind="stable")]
        if not len(order):
            continue
        starts = np.flatnonzero(np.diff(rows[order], prepend=-1))
        first = round((page.piece.first_seconds - whole.first_seconds) / whole.step_seconds)
        found[rows[order[starts]], first : first + page.piece.count] = np.fmax.reduceat(page.values[order], starts, axis=0)
    return found


def _known(values: NDArray[np.float32], of: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(np.isnan(of).all(axis=1), np.nan, values).astype(np.float32)
