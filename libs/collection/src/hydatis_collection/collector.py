"""Collects windows of the past from Prometheus into a folder, and goes on where it was interrupted.

A window is asked for once. What Prometheus answered with warnings is asked for again by later runs, a few times, since a store that
was away may be back; everything else is final, gaps too. Each window is whole on disk before the next one is asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from hydatis_serving.prometheus.past import PAGE_VALUES, Asker, Page
from hydatis_serving.prometheus.pieces import Namespaces, Piece

from hydatis_collection.courses import WindowValues, joined
from hydatis_collection.gaps import Gap, gaps_of
from hydatis_collection.ledger import Collection, Entry, Ledger
from hydatis_collection.tables import TABLES, CollectedTable, ColumnQuery
from hydatis_collection.window_file import put_file, window_bytes
from hydatis_collection.windows import Window, dropped_windows, settled_windows

__all__ = ["MOST_ASKED_COUNT", "SETTLE_SECONDS", "Collected", "Collector"]

#: How often a window is asked for as long as Prometheus warns.
MOST_ASKED_COUNT = 3
#: After its end a window may still get samples: scrapes that are under way, remote writes.
SETTLE_SECONDS = 120.0
#: Series of a table before one has been counted.
_UNCOUNTED = 20_000

Progress = Callable[[int, int, str], None]


@dataclass
class Collected:
    """What a run did."""

    windows: list[str] = field(default_factory=list)
    """Asked for and kept."""
    kept_count: int = 0
    """Were there already."""
    dropped: list[str] = field(default_factory=list)
    """Older than the retention, thrown away."""
    rows_count: int = 0
    gaps_count: int = 0
    warned: list[str] = field(default_factory=list)
    """Windows that Prometheus answered with warnings."""


@dataclass
class _Seen:
    """What the last window had: how the next one's questions are cut."""

    series_count: int = _UNCOUNTED
    namespaces: Namespaces = field(default_factory=Namespaces)


class Collector:
    """Of one folder.

    Args:
        ledger: of the folder, held.
        asked: what is collected.
        asker: of its Prometheus.
        tables: what is collected of it.
    """

    def __init__(self, ledger: Ledger, asked: Collection, asker: Asker, tables: Sequence[CollectedTable] = TABLES) -> None:
        self._ledger, self._asked, self._asker, self._tables = ledger, asked, asker, tables
        self._seen = {table.name: _Seen() for table in tables}

    async def run(
        self, first_seconds: float, now_seconds: float, retention_days: float, progress: Progress = lambda *_: None
    ) -> Collected:
        """Collects every window that is over and not there, and drops those that are too old.

        Args:
            first_seconds: Unix time; windows that begin before it, or longer ago than the retention, are not asked for.
            now_seconds: Unix time.
            retention_days: how long a window is kept.
            progress: told of windows.

        Raises:
            InvalidValue: another question, or settings that Prometheus refuses.
            DependencyUnavailable: Prometheus is away for longer than the asker's patience, or the disk is full. What was
                collected before is kept; begin again to go on.
            ArtifactRefused: the folder holds something else.
        """
        self._ledger.begin(self._asked)
        done = Collected()
        self._drop(now_seconds, retention_days, done)
        oldest = max(first_seconds, now_seconds - retention_days * 86_400)
        windows = settled_windows(oldest, now_seconds, self._asked.window_seconds, SETTLE_SECONDS)
        for number, window in enumerate(windows):
            before = self._ledger.entries.get(window.name)
            if before and not (before.warnings and before.asked_count < MOST_ASKED_COUNT):
                done.kept_count += 1
                continue
            progress(number, len(windows), window.name)
            entry = await self._collect(window, before)
            self._ledger.put(window, entry)
            done.windows.append(window.name)
            done.rows_count += entry.rows_count
            done.gaps_count += len(entry.gaps)
            if entry.warnings:
                done.warned.append(window.name)
        progress(len(windows), len(windows), "done")
        return done

    def _drop(self, now_seconds: float, retention_days: float, done: Collected) -> None:
        there = self._ledger.windows(self._asked.window_seconds).values()
        done.dropped = [window.name for window in dropped_windows(there, now_seconds, retention_days)]
        self._ledger.drop(done.dropped)

    async def _collect(self, window: Window, before: Entry | None) -> Entry:
        """Asks for a window, writes its files and says what they are."""
        self._asker.warnings.clear()
        found = [await self._ask(table, window) for table in self._tables]
        warnings = sorted(self._asker.warnings)
        files, rows, gaps = {}, 0, []
        made = []
        for table, values in zip(self._tables, found, strict=True):
            missing: list[Gap] = [] if table.optional and not values.series else gaps_of(table.name, table.columns, values)
            gaps += missing
            count = int((~np.isnan(values.values).all(axis=0)).sum())
            rows += count
            if count:
                path = f"{table.name}/{table.name}-{window.name}.parquet"
                made.append((path, window_bytes(table, window, self._asked.step_seconds, values, missing)))
        asked_count = before.asked_count + 1 if before and warnings else 1
        if before and warnings and rows < before.rows_count:
            # what is missing this time was there the time before
            return Entry(
                files=before.files,
                rows_count=before.rows_count,
                gaps=before.gaps,
                warnings=before.warnings,
                asked_count=asked_count,
            )
        for path, data in made:
            files[path] = await asyncio.to_thread(put_file, self._ledger.path / path, data)
        return Entry(files=files, rows_count=rows, gaps=gaps, warnings=warnings, asked_count=asked_count)

    async def _ask(self, table: CollectedTable, window: Window) -> WindowValues:
        step, seen = self._asked.step_seconds, self._seen[table.name]
        count = window.length_seconds // step
        piece = Piece(float(window.start_seconds), float(step), count, seen.namespaces)
        most_times = max(PAGE_VALUES // max(seen.series_count, 1), 1)
        pages: dict[str, list[Page[object]]] = {}
        for quantity in table.quantities:
            query = ColumnQuery(quantity, self._asked.rate_window_seconds, self._asked.most_age_seconds)
            pages[quantity.column] = await self._asker.ask(query, table.decoder, piece, most_times)
        times = np.arange(window.start_seconds, window.end_seconds, step, dtype=np.int64)
        found = await asyncio.to_thread(joined, table.columns, table.labels, pages, times)
        self._seen[table.name] = _seen(table, found)
        return found


def _seen(table: CollectedTable, found: WindowValues) -> _Seen:
    """Namespaces cut the questions about pods alone: that of a target is its exporter's."""
    namespaces = Namespaces()
    if "exported_namespace" in table.labels:
        at, hidden = table.labels.index("namespace"), table.labels.index("exported_namespace")
        if not any(series[hidden] for series in found.series):
            namespaces = Namespaces(names=tuple(sorted({series[at] for series in found.series if series[at]})))
    return _Seen(len(found.series) or _UNCOUNTED, namespaces)
