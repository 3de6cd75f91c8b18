"""Asks Prometheus for pieces of the past until it has answered, in pieces that it can bear, and gives up with one sentence.

What it refuses, is late with or cannot fit into an answer is asked for again in halves. What it may answer later (it is gone, or
out of breath) is waited for, and asked in halves as well when it is out of breath twice: what some servers call unavailable is a
query that takes too long. It is the user's own Prometheus, which has other work: no more than a few questions are under way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from hydatis_core.errors import DependencyUnavailable, InvalidValue
from msgspec.json import Decoder
from numpy.typing import NDArray

from hydatis_serving.prometheus.answers import Answer, RawCourse
from hydatis_serving.prometheus.client import PrometheusClient, Reply
from hydatis_serving.prometheus.pieces import Piece

__all__ = ["AT_ONCE", "PAGE_VALUES", "Asker", "Page", "PastQuery"]

#: Questions under way at one time.
AT_ONCE = 2
#: Values in one answer, forty megabytes of JSON or so. In smaller ones labels, told once in each, would outweigh them.
PAGE_VALUES = 1_500_000
_QUERY_SECONDS = 60.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 15.0
#: What asking again does not help against: the settings of who asks are wrong.
_SETTINGS = {
    "HTTP 401": ("--prometheus-token-file", "a file with a token that Prometheus takes"),
    "HTTP 403": ("--prometheus-token-file", "a token of somebody who may query"),
    "HTTP 404": ("--prometheus", "its base URL, as http://prometheus:9090 or https://host/prefix"),
    "HTTP 405": ("--prometheus", "its base URL, as http://prometheus:9090 or https://host/prefix"),
}

L = TypeVar("L")


class PastQuery(Protocol):
    """Something that can be asked of the past."""

    @property
    def name(self) -> str:
        """What it is called in errors."""
        ...

    def promql(self, step_seconds: float, matchers: str) -> str:
        """The query.

        Args:
            step_seconds: between times that are asked for.
            matchers: as PromQL writes them, without braces; empty: none.
        """
        ...


@dataclass(frozen=True)
class Page(Generic[L]):
    """An answered piece."""

    piece: Piece
    labels: list[L]
    values: NDArray[np.float32]
    """shape (labels, times of the piece); NaN: no value."""


@dataclass
class Asker:
    """Questions to one Prometheus.

    Args:
        client: of it.
        url: what it is called in errors.
        matrix: reads the values of series at times that were asked for, from the first time, the step and how many; shape (series,
            times), NaN: no value. Raises InvalidValue for what are no numbers.
        matchers: more label matchers of every series.
        patience_seconds: how long it may be away.
        sleep: waits.
    """

    client: PrometheusClient
    url: str
    matrix: Callable[[Sequence[RawCourse[Any]], float, float, int], NDArray[np.float32]]
    matchers: str = ""
    patience_seconds: float = 120.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    warnings: set[str] = field(default_factory=set)
    """What Prometheus said beside its answers, such as that a store behind it did not answer."""
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _answered: float = field(default_factory=monotonic)

    async def ask(self, query: PastQuery, decoder: Decoder[Answer[RawCourse[L]]], piece: Piece, most_times: int) -> list[Page[L]]:
        """All of a piece.

        Args:
            query: what is asked for.
            decoder: what labels are read with.
            piece: of the past.
            most_times: times in one question, >= 1.

        Raises:
            InvalidValue: settings are wrong, or the smallest question is refused.
            DependencyUnavailable: it did not answer within the patience, or is late with the smallest question.
        """
        pages = await asyncio.gather(*(self._whole(query, decoder, part) for part in piece.parts(most_times)))
        return [page for found in pages for page in found]

    async def _whole(self, query: PastQuery, decoder: Decoder[Answer[RawCourse[L]]], piece: Piece) -> list[Page[L]]:
        page, failure = await self._page(query, decoder, piece)
        if page is not None:
            return [page]
        halves = None if failure.why[:8] in _SETTINGS else piece.halves()
        if halves is None:
            raise self._error(query, failure)
        return [page for half in halves for page in await self._whole(query, decoder, half)]

    async def _page(
        self, query: PastQuery, decoder: Decoder[Answer[RawCourse[L]]], piece: Piece
    ) -> tuple[Page[L] | None, Reply[RawCourse[L]]]:
        """An answer, or why there is none to a question of this size."""
        matchers = ",".join(filter(None, (self.matchers, piece.namespaces.matcher)))
        promql = query.promql(piece.step_seconds, matchers)
        pause_seconds, breathless = _FIRST_PAUSE_SECONDS, 0
        while True:
            async with self._turns:
                reply = await self.client.ask_range(
                    promql, piece.first_seconds, piece.last_seconds, piece.step_seconds, decoder, _QUERY_SECONDS
                )
                if reply.is_answer:
                    self._answered = monotonic()
                    if reply.outcome == "partial":
                        self.warnings.add(reply.why)
                    try:
                        values = await asyncio.to_thread(
                            self.matrix, reply.series, piece.first_seconds, piece.step_seconds, piece.count
                        )
                    except InvalidValue as wrong:
                        return None, Reply("garbled", why=str(wrong))
                    return Page(piece, [course.metric for course in reply.series], values), reply
            breathless += reply.outcome == "unavailable"
            if reply.why[:8] in _SETTINGS or reply.outcome not in ("unreachable", "unavailable"):
                return None, reply
            if breathless > 1 and piece.halves() is not None:
                return None, reply
            if monotonic() - self._answered > self.patience_seconds:
                raise self._error(query, reply)
            await self.sleep(pause_seconds)
            pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)

    def _error(self, query: PastQuery, reply: Reply[RawCourse[L]]) -> Exception:
        shown = f"{self.url} does not say {query.name}: {reply.outcome}: {reply.why}"
        if reply.why[:8] in _SETTINGS:
            setting, expected = _SETTINGS[reply.why[:8]]
            return InvalidValue(shown, field=setting, expected=expected)
        if reply.outcome in ("refused", "garbled"):
            return InvalidValue(shown, field="--prometheus", expected="Prometheus, or what speaks its API")
        resumed = "it to answer; the same command goes on where this one stopped"
        return DependencyUnavailable(shown, field="--prometheus", expected=resumed)
