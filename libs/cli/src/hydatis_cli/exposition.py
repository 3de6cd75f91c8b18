"""Reads what a process exports to Prometheus, for figures that only the process itself can know.

Counters are read before and after a run, and their difference is the run's.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping

from hydatis_core.errors import DependencyUnavailable
from prometheus_client.parser import text_string_to_metric_families

from hydatis_cli.own_certificate import context_for

__all__ = ["Samples", "differences", "scrape", "total_by"]

#: Value of each sample, by its name and sorted labels.
Samples = Mapping[tuple[str, tuple[tuple[str, str], ...]], float]


def scrape(url: str, timeout_seconds: float = 5.0) -> Samples:
    """All samples of an endpoint.

    Raises:
        DependencyUnavailable: it does not answer.
    """
    try:
        with urllib.request.urlopen(url, timeout=timeout_seconds, context=context_for(url)) as answer:  # nosec B310  # an address that the user or our own stack named
            text = answer.read().decode()
    except (urllib.error.URLError, OSError) as error:
        raise DependencyUnavailable(f"{url} does not answer: {error}", field="metrics") from error
    families = text_string_to_metric_families(text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def differences(before: Samples, after: Samples) -> Samples:
    """What rose between two scrapes; a counter that fell was reset by a restart and counts from zero."""
    found = {}
    for key, value in after.items():
        old = before.get(key, 0.0)
        found[key] = value - old if value >= old else value
    return found


def total_by(samples: Samples, name: str, label: str) -> dict[str, float]:
    """Sum of a metric's samples by the value of one label, largest first, zeros left out."""
    totals: dict[str, float] = {}
    for (sample, labels), value in samples.items():
        if sample == name:
            key = dict(labels).get(label, "")
            totals[key] = totals.get(key, 0.0) + value
    return {key: value for key, value in sorted(totals.items(), key=lambda item: -item[1]) if value}
