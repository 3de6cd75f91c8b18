"""Series to rows: what was measured of each node and of each pod, as of one time.

Nothing is filled in. A node is unknown when no target of its is fresh, a pod when its sums are missing or may be those of a
namesake that is gone; and why is counted.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from hydatis_features.usage import METRICS, POD_METRICS, clean_usage
from hydatis_serving.prometheus.answers import PodLabels, Series, TargetLabels
from numpy.typing import NDArray

from hydatis_feature_service.prometheus_directory import PodNames
from hydatis_feature_service.prometheus_targets import TargetBook, host_of

__all__ = ["Answers", "NodeRows", "PodRows", "node_rows", "pod_rows"]

#: Column (of ``METRICS`` or ``POD_METRICS``) -> what was answered.
Answers = Mapping[str, Sequence[Series[TargetLabels]]]
_CPU, _MEMORY = (POD_METRICS.index(name) for name in ("cpu_used_cores", "memory_used_bytes"))
_NODE_CPU_AND_MEMORY = [METRICS.index(name) for name in ("cpu_used_cores", "memory_used_bytes")]
_SHOWN_TARGETS = 5
#: More hosts than this that all claim to be one node are not: an exporter scraped by name and by address, before and after a move.
MOST_HOSTS_COUNT = 4


@dataclass(frozen=True)
class NodeRows:
    """Nodes measured."""

    usage: NDArray[np.float32]
    """shape (nodes, 6), columns ``METRICS``; NaN: unknown."""
    sample_seconds: NDArray[np.float64]
    """shape (nodes,): when the newest fresh sample was taken; NaN: there is none."""
    seen_seconds: NDArray[np.float64]
    """shape (nodes,): the same, fresh or not."""
    targets: Counter[str]
    """How many targets came to which outcome."""
    unplaced: tuple[str, ...]
    """Some instances whose node could not be told, with the reason, for a log."""

    @property
    def states(self) -> Counter[str]:
        """Nodes by what is known: measured (CPU and memory), stale (all samples too old), unmeasured."""
        measured = ~np.isnan(self.usage[:, _NODE_CPU_AND_MEMORY]).any(axis=1)
        stale = ~measured & np.isnan(self.sample_seconds) & ~np.isnan(self.seen_seconds)
        counts = {"measured": measured, "stale": stale, "unmeasured": ~measured & ~stale}
        return Counter({state: int(np.count_nonzero(nodes)) for state, nodes in counts.items()})

    def filled_from(self, other: NodeRows) -> NodeRows:
        """These rows, and the other's where nothing was measured here."""
        missing = np.isnan(self.sample_seconds)
        usage = np.where(missing[:, None], other.usage, self.usage)
        return NodeRows(
            usage,
            np.where(missing, other.sample_seconds, self.sample_seconds),
            np.fmax(self.seen_seconds, other.seen_seconds),
            self.targets + other.targets,
            (self.unplaced + other.unplaced)[:_SHOWN_TARGETS],
        )


def node_rows(
    rows: Mapping[str, int], book: TargetBook, times: Iterable[Series[TargetLabels]], answers: Answers, oldest_seconds: float
) -> NodeRows:
    """What fresh targets measured of each node.

    Where several targets are of one node, each column is taken from the one with the newest sample, and from the greatest amount
    where they are equally new.

    Args:
        rows: row by node name.
        book: whose targets they are.
        times: when each target's newest sample was taken.
        answers: by column, what was measured.
        oldest_seconds: samples before this are none.
    """
    newest = {series.metric: series.amount for series in times}
    placed: dict[TargetLabels, tuple[int, float]] = {}
    hosts: defaultdict[int, set[str]] = defaultdict(set)
    sample_seconds, seen_seconds = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    for target, time in newest.items():
        row = rows.get(book.find(target).node_name, -1)
        if row < 0:
            continue
        seen_seconds[row] = np.fmax(seen_seconds[row], time)
        if time >= oldest_seconds:
            placed[target] = (row, time)
            hosts[row].add(host_of(target.instance))
    crowded = {row for row, names in hosts.items() if len(names) > MOST_HOSTS_COUNT}
    for row, time in placed.values():
        if row not in crowded:
            sample_seconds[row] = np.fmax(sample_seconds[row], time)
    usage = np.full((len(rows), len(METRICS)), np.nan, dtype=np.float32)
    for column, found in answers.items():
        best: dict[int, tuple[float, float]] = {}
        for series in found:
            row, time = placed.get(series.metric, (-1, 0.0))
            amount = series.amount
            if row >= 0 and row not in crowded and not math.isnan(amount):
                best[row] = max(best.get(row, (time, amount)), (time, amount))
        with np.errstate(over="ignore"):  # what no float32 can hold is no measurement
            usage[list(best), METRICS.index(column)] = [amount for _, amount in best.values()]
    outcomes = book.counts(newest)
    outcomes["crowded"] = sum(len(hosts[row]) for row in crowded)
    return NodeRows(
        clean_usage(usage)[0],
        sample_seconds,
        seen_seconds,
        outcomes,
        _unplaced(book, newest, {target for target, (row, _) in placed.items() if row in crowded}),
    )


@dataclass(frozen=True)
class PodRows:
    """Pods measured."""

    uids: tuple[str, ...]
    usage: NDArray[np.float32]
    """shape (uids, 2), columns ``POD_METRICS``; NaN: unknown."""
    states: Counter[str]
    """Pods measured, and series left out: unbound (of no pod that is bound), renewed (perhaps a namesake's)."""


def pod_rows(names: PodNames, answers: Mapping[str, Sequence[Series[PodLabels]]]) -> PodRows:
    """What was measured of the pods that are bound now.

    Args:
        names: which pod a name means now.
        answers: by column of ``POD_METRICS``, what was measured; a column that is missing was not answered.
    """
    amounts: dict[str, list[float]] = {}
    states: Counter[str] = Counter(measured=0, unbound=0, renewed=0)
    uids, renewed = names.uids, names.renewed
    for column, found in answers.items():
        position = POD_METRICS.index(column)
        for series in found:
            labels = series.metric
            uid = uids.get((labels.exported_namespace or labels.namespace, labels.exported_pod or labels.pod))
            if uid is None or uid in renewed:
                states["unbound" if uid is None else "renewed"] += 1
                continue
            held = amounts.setdefault(uid, [math.nan, math.nan])
            held[position] = _greater(held[position], float(series.value[1]))
    states["measured"] = len(amounts)
    with np.errstate(over="ignore"):
        usage, _ = clean_usage(np.array(list(amounts.values()), dtype=np.float32).reshape(-1, len(POD_METRICS)))
    if POD_METRICS[_MEMORY] in answers:  # a rate looks further back than a sample may be old
        usage[np.isnan(usage[:, _MEMORY]), _CPU] = np.nan
    return PodRows(tuple(amounts), usage, states)


def _greater(held: float, other: float) -> float:
    return other if not held >= other else held


def _unplaced(book: TargetBook, targets: Iterable[TargetLabels], crowded: Collection[TargetLabels]) -> tuple[str, ...]:
    reasons = (
        f"{target.instance or '(no instance)'}: {'crowded' if target in crowded else book.find(target).outcome}"
        for target in targets
        if target in crowded or not book.find(target).node_name
    )
    return tuple(sorted(reasons)[:_SHOWN_TARGETS])
