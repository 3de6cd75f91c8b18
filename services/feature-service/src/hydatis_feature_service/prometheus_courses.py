"""Courses to rows: what was measured of each node at many times at once, by the same rules as at a single tick."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from hydatis_features.usage import clean_usage
from hydatis_serving.prometheus.answers import Course, TargetLabels
from numpy.typing import NDArray

from hydatis_feature_service.prometheus_rows import MOST_HOSTS_COUNT
from hydatis_feature_service.prometheus_spans import Span
from hydatis_feature_service.prometheus_targets import TargetBook, host_of

__all__ = ["course_rows"]

Courses = Sequence[Course[TargetLabels]]


def course_rows(
    span: Span,
    rows: Mapping[str, int],
    book: TargetBook,
    answers: Sequence[Courses],
    sampled: Courses | None = None,
    most_age_seconds: float = 0.0,
) -> NDArray[np.float32]:
    """What targets measured of each node.

    Where several targets are of one node, each amount is taken from the one with the newest sample, and the greatest where they are
    equally new, or where nothing is said of samples.

    Args:
        span: the times.
        rows: row by node name.
        book: whose targets they are.
        answers: by column, what was measured.
        sampled: when each target's newest sample was taken; None: what was measured is fresh.
        most_age_seconds: samples older than this are none.

    Returns:
        shape (times, nodes, columns); NaN: unknown.
    """
    fresh = None if sampled is None else _fresh(span, sampled, most_age_seconds)
    placed: dict[TargetLabels, int] = {}
    hosts: defaultdict[int, set[str]] = defaultdict(set)
    for target in fresh if fresh is not None else {course.metric for courses in answers for course in courses}:
        row = rows.get(book.find(target).node_name, -1)
        if row >= 0:
            placed[target] = row
            hosts[row].add(host_of(target.instance))
    usage = np.full((len(answers), len(rows), span.count), np.nan, dtype=np.float32)
    for column, courses in zip(usage, answers, strict=True):
        newest = np.full(column.shape, -np.inf)
        for course in courses:
            row = placed.get(course.metric, -1)
            if row < 0 or len(hosts[row]) > MOST_HOSTS_COUNT:
                continue
            amounts = _at(span, course)
            times = np.zeros(span.count) if fresh is None else fresh[course.metric]
            with np.errstate(invalid="ignore", over="ignore"):
                better = (times > newest[row]) | ((times == newest[row]) & ~(amounts <= column[row]))
                better &= ~np.isnan(amounts)
                column[row, better] = amounts[better]
            newest[row, better] = times[better]
    return clean_usage(np.ascontiguousarray(usage.transpose(2, 1, 0)))[0]


def _fresh(span: Span, sampled: Courses, most_age_seconds: float) -> dict[TargetLabels, NDArray[np.float64]]:
    """When each target's newest sample was taken, at each time; NaN where it is too old."""
    oldest = span.times - most_age_seconds
    times = {course.metric: _at(span, course) for course in sampled}
    with np.errstate(invalid="ignore"):
        kept = {target: np.where(at >= oldest, at, np.nan) for target, at in times.items()}
    return {target: at for target, at in kept.items() if not np.isnan(at).all()}


def _at(span: Span, course: Course[TargetLabels]) -> NDArray[np.float64]:
    """The values of a course at each time; NaN: none."""
    at = np.full(span.count, np.nan)
    times = np.array([time for time, _ in course.values])
    places = np.rint((times - span.first_seconds) / span.step_seconds).astype(np.intp)
    at[places] = [float(text) for _, text in course.values]
    return at
