"""Asks a Prometheus server, and never fails: what went wrong is part of the reply.

A scrape is made of a dozen queries, and one that fails must cost its own columns and nothing else. So there is no exception to
forget: a reply has an outcome, and no series unless it is a good one.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Generic, TypeVar

import aiohttp
import msgspec
from msgspec.json import Decoder

from hydatis_serving.prometheus.answers import Answer

__all__ = ["OUTCOMES", "PrometheusClient", "Reply"]

S = TypeVar("S")

#: What can come of a query.
OUTCOMES = ("ok", "partial", "late", "unreachable", "unavailable", "refused", "garbled", "too_large")
#: HTTP codes of a server that is there and has no time; every other error code means that it will not answer this query.
_UNAVAILABLE = frozenset({429, 500, 502, 503, 504})
_CHUNK_BYTES = 2**18
_SHOWN_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Reply(Generic[S]):
    """What came of a query."""

    outcome: str
    """One of ``OUTCOMES``."""
    series: list[S] = field(default_factory=list)
    why: str = ""
    """What went wrong, or what the server warns of."""
    seconds: float = 0.0
    size_bytes: int = 0

    @property
    def is_answer(self) -> bool:
        """Whether series may be read; partial: some may be missing, which are unknown then."""
        return self.outcome in ("ok", "partial")


class PrometheusClient:
    """Queries to one Prometheus, or to anything that speaks its API (Thanos, Mimir, VictoriaMetrics).

    Args:
        url: base URL, as ``http://prometheus:9090`` or ``https://host/prefix``.
        token_file: file with a bearer token, read at every query since tokens rotate; empty: no token.
        ca_file: certificates to trust beside the system's; empty: none.
        most_bytes: larger answers are not taken.
        at_once: queries under way at one time.
    """

    def __init__(self, url: str, token_file: str = "", ca_file: str = "", most_bytes: int = 2**28, at_once: int = 4) -> None:  # nosec B107  # a file's name
        self._url = url.rstrip("/") + "/api/v1/"
        self._token_file = token_file
        self._ca_file = ca_file
        self._most_bytes = most_bytes
        self._turns = asyncio.Semaphore(at_once)
        self._session: aiohttp.ClientSession | None = None

    async def ask(self, promql: str, at_seconds: float, decoder: Decoder[Answer[S]], within_seconds: float) -> Reply[S]:
        """One query at one time.

        Args:
            promql: the query.
            at_seconds: the time it is evaluated at.
            decoder: what the answer is read with.
            within_seconds: an answer after that is late, waiting for a turn included.
        """
        return await self._ask("query", "vector", {"query": promql, "time": f"{at_seconds:.3f}"}, decoder, within_seconds)

    async def ask_range(
        self,
        promql: str,
        first_seconds: float,
        last_seconds: float,
        step_seconds: float,
        decoder: Decoder[Answer[S]],
        within_seconds: float,
    ) -> Reply[S]:
        """One query at many times: first, first + step, ... until last. The rest as of ``ask``."""
        form = {
            "query": promql,
            "start": f"{first_seconds:.3f}",
            "end": f"{last_seconds:.3f}",
            "step": f"{step_seconds:g}",
        }
        return await self._ask("query_range", "matrix", form, decoder, within_seconds)

    async def close(self) -> None:
        """Closes its connections."""
        if self._session is not None:
            await self._session.close()

    async def _ask(
        self, path: str, kind: str, form: dict[str, str], decoder: Decoder[Answer[S]], within_seconds: float
    ) -> Reply[S]:
        began = perf_counter()
        try:
            async with asyncio.timeout(within_seconds), self._turns:
                left = within_seconds - (perf_counter() - began)
                limit = {"timeout": f"{max(int(left * 1000), 1)}ms"}
                reply = await self._post(path, kind, form | limit, decoder)
        except TimeoutError:
            reply = Reply("late", why=f"no answer within {within_seconds:g} s")
        except (aiohttp.ClientError, OSError) as failure:
            reply = Reply("unreachable", why=f"{type(failure).__name__}: {failure}")
        return replace(reply, seconds=perf_counter() - began)

    async def _post(self, path: str, kind: str, form: dict[str, str], decoder: Decoder[Answer[S]]) -> Reply[S]:
        async with self._opened().post(self._url + path, data=form, headers=self._headers()) as response:
            body = bytearray()
            async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                body += chunk
                if len(body) > self._most_bytes:
                    return Reply("too_large", why=f"more than {self._most_bytes} bytes", size_bytes=len(body))
            status = response.status
        # Half a second of decoding would keep every stream of the table waiting.
        return await asyncio.to_thread(_read, status, body, decoder, kind)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            trusted: ssl.SSLContext | bool = True
            if self._ca_file:
                trusted = ssl.create_default_context()
                trusted.load_verify_locations(cafile=self._ca_file)
            # Compression costs the server more than it saves between neighbours.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=trusted), headers={"Accept-Encoding": "identity"}, auto_decompress=False
            )
        return self._session

    def _headers(self) -> dict[str, str]:
        if not self._token_file:
            return {}
        return {"Authorization": f"Bearer {Path(self._token_file).read_text().strip()}"}


def _read(status: int, body: bytearray, decoder: Decoder[Answer[S]], kind: str) -> Reply[S]:
    """What an answer says."""
    if status in _UNAVAILABLE:
        return Reply("unavailable", why=_said(status, body), size_bytes=len(body))
    if status != 200:
        return Reply("refused", why=_said(status, body), size_bytes=len(body))
    try:
        answer = decoder.decode(body)
        if answer.status != "success" or (answer.data is not None and answer.data.resultType != kind):
            return Reply("garbled", why=_said(status, body), size_bytes=len(body))
    except msgspec.MsgspecError as damage:
        return Reply("garbled", why=f"no answer to a query: {damage}", size_bytes=len(body))
    if answer.warnings:
        return Reply("partial", answer.series, "; ".join(answer.warnings)[:_SHOWN_CHARACTERS], size_bytes=len(body))
    return Reply("ok", answer.series, size_bytes=len(body))


def _said(status: int, body: bytearray) -> str:
    """An error answer in short; what is not Prometheus' own (a proxy's page) is shown by its beginning."""
    try:
        answer = msgspec.json.decode(body, type=Answer[object])
        return f"HTTP {status}: {answer.errorType}: {answer.error}"[:_SHOWN_CHARACTERS]
    except msgspec.MsgspecError:
        return f"HTTP {status}: {bytes(body[:200]).decode(errors='replace')}"
