"""The past, asked of Prometheus by range queries when a service has begun, or had to pause: what its windows would hold by now.

It must never be what keeps a cluster waiting, nor what breaks a Prometheus. So everything is bounded: values in an answer, seconds
in all. A page that is too much for the server is asked for again in halves, a server out of breath is left in peace for a while,
and what is not answered within the bound stays unknown, as after any cold start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic

import numpy as np
from hydatis_features.history import BIN_METRICS, History
from hydatis_features.usage import METRICS
from hydatis_serving.prometheus.answers import COURSE_DECODER, Course, TargetLabels
from hydatis_serving.prometheus.client import PrometheusClient
from hydatis_serving.prometheus.queries import NODE_QUANTITIES, ROOT_QUANTITIES, Asking, Quantity
from numpy.typing import NDArray

from hydatis_feature_service.prometheus_courses import course_rows
from hydatis_feature_service.prometheus_metrics import PrometheusSourceMetrics
from hydatis_feature_service.prometheus_spans import Span, mean_promql, past_between
from hydatis_feature_service.prometheus_targets import TargetBook

__all__ = ["Inquiry", "Recalled", "recall"]

#: Values in one answer, ten megabytes of JSON or so; and Prometheus refuses more than 11,000 times.
_PAGE_VALUES, _PAGE_TIMES = 400_000, 10_000
_QUERY_SECONDS = 15.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 8.0
#: The server may answer later. Of anything else less may help; and where there is no less, nothing does.
_PASSING = frozenset({"unreachable", "unavailable"})


@dataclass(frozen=True)
class Recalled:
    """What came of asking."""

    outcome: str
    """whole: all was answered; partial: the newest part of it; none."""
    history: History
    why: str
    """What went wrong last."""

    @property
    def reaches_seconds(self) -> float:
        """The earliest time at which anything is known; NaN: nothing is."""
        known = self.history.since_known
        times = np.concatenate([known.bin_ends_seconds, known.sample_times_seconds])
        return float(times[0]) if len(times) else float("nan")


@dataclass
class Inquiry:
    """What a past is asked for with."""

    client: PrometheusClient
    asking: Asking
    metrics: PrometheusSourceMetrics
    rows: Mapping[str, int]
    """Row by node name."""
    book: TargetBook
    recorded: bool
    """Whether the recording rules' series are read."""
    tick_seconds: float
    deadline: float
    """By the monotonic clock: what is not answered then is left."""
    why: str = ""

    async def page(self, page: Span, *, means: bool) -> NDArray[np.float32] | None:
        """What was measured of each node at each time, or over the bins that end then; None: it was not answered.

        cAdvisor's root is asked where node_exporter does not know a node, as at a tick.
        """
        columns = BIN_METRICS if means else METRICS
        usage = np.full((page.count, len(self.rows), len(columns)), np.nan, dtype=np.float32)
        for family in (NODE_QUANTITIES, ROOT_QUANTITIES):
            measured = await self._measured(page, family, columns, means)
            if measured is None:
                return None
            usage = np.where(np.isnan(usage).all(axis=2, keepdims=True), measured, usage)
            if not np.isnan(usage).all(axis=(0, 2)).any():
                break
        return usage

    async def _measured(
        self, page: Span, family: Sequence[Quantity], columns: Sequence[str], means: bool
    ) -> NDArray[np.float32] | None:
        memory = next(quantity for quantity in family if quantity.column == "memory_used_bytes")
        wanted = {quantity.column: quantity for quantity in family if quantity.column in columns or not (quantity.column or means)}
        courses = await self._answered(
            page,
            {
                column: mean_promql(quantity, memory, self.asking, self.tick_seconds, recorded=self.recorded)
                if means
                else quantity.promql(self.asking, recorded=self.recorded)
                for column, quantity in wanted.items()
            },
        )
        if courses is None:
            return None
        sampled, most_age = courses.get(""), self.asking.most_age_seconds
        answers = [courses.get(column, []) for column in columns]
        return await asyncio.to_thread(course_rows, page, self.rows, self.book, answers, sampled, most_age)

    async def _answered(self, page: Span, queries: Mapping[str, str]) -> dict[str, list[Course[TargetLabels]]] | None:
        pause_seconds = _FIRST_PAUSE_SECONDS
        while (left := self.deadline - monotonic()) > 0:
            times = (page.first_seconds, page.last_seconds, page.step_seconds)
            asks = [self.client.ask_range(promql, *times, COURSE_DECODER, min(left, _QUERY_SECONDS)) for promql in queries.values()]
            replies = dict(zip(queries, await asyncio.gather(*asks), strict=True))
            for reply in replies.values():
                self.metrics.queried("history", reply.outcome, reply.seconds)
            failed = [reply for reply in replies.values() if not reply.is_answer]
            if not failed:
                return {name: reply.series for name, reply in replies.items()}
            self.why = f"{failed[0].outcome}: {failed[0].why}"
            if any(reply.outcome not in _PASSING for reply in failed):
                return None
            await asyncio.sleep(min(pause_seconds, max(self.deadline - monotonic(), 0.0)))
            pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)
        return None

    async def span(self, span: Span | None, *, means: bool) -> tuple[NDArray[np.float64], NDArray[np.float32], bool]:
        """Times and what was measured then, as far back as was answered, and whether that is all of it."""
        width = len(BIN_METRICS if means else METRICS)
        times, pages = [np.empty(0)], [np.empty((0, len(self.rows), width), dtype=np.float32)]
        most = min(max(_PAGE_VALUES // max(len(self.rows), 1), 1), _PAGE_TIMES)
        while span is not None:
            page = span.newest(most)
            usage = await self.page(page, means=means)
            if usage is not None:
                times.insert(0, page.times)
                pages.insert(0, usage)
                span = span.before(page)
            elif page.count > 1 and monotonic() < self.deadline:
                most = page.count // 2
            else:
                break
        return np.concatenate(times), np.concatenate(pages), span is None


async def recall(inquiry: Inquiry, newest_seconds: float, last_seconds: float) -> Recalled:
    """What was measured between two times.

    Args:
        inquiry: of whom, and of which nodes.
        newest_seconds: of the newest sample that is known; -inf: none is.
        last_seconds: of the newest sample that is wanted.
    """
    past = past_between(newest_seconds, last_seconds, inquiry.tick_seconds)
    sample_times, samples, all_samples = await inquiry.span(past.samples, means=False)
    # Means before samples that are missing would leave a hole between them.
    bin_ends, bins, all_bins = await inquiry.span(past.bins if all_samples else None, means=True)
    whole = all_samples and all_bins
    outcome = "whole" if whole else "partial" if len(sample_times) else "none"
    history = History(tuple(inquiry.rows), bin_ends, bins, sample_times, samples)
    return Recalled(outcome, history, "" if whole else inquiry.why)
