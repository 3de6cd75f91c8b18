"""The ConfigMap of the policy, watched: a switch must act within seconds, and kubelet brings a changed file after a minute or more.

One request tells what the ConfigMap says now and then every change, so a new one after a break, or after half a minute in any case,
is all that is needed to be up to date again. While the API server is away, what it said last goes on.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress

import aiohttp
import msgspec
from hydatis_core.errors import DependencyUnavailable
from hydatis_serving.kube.service_account import ServiceAccount
from hydatis_serving.logs import get_logger

__all__ = ["PolicyConfigMap"]

_log = get_logger(__name__)

#: Key of the ConfigMap.
KEY = "policy.yaml"
#: How long one request lasts: a connection that is dead without having said so is found out by then.
WATCH_SECONDS = 30
SILENCE_SECONDS = 40.0
CONNECT_SECONDS = 3.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 4.0
_EVENT_BYTES = 2**21


class _ConfigMap(msgspec.Struct, frozen=True):
    data: dict[str, str] | None = None
    message: str = ""
    """Of a status, where the event is an error."""


class _Event(msgspec.Struct, frozen=True):
    type: str
    object: _ConfigMap


_EVENT = msgspec.json.Decoder(_Event)


class PolicyConfigMap:
    """Follows one ConfigMap.

    Args:
        where: "namespace/name".
        account: who asks; it may watch this one ConfigMap and needs nothing else.
        on_text: told the policy's text at the start and whenever it changes; None: there is none any more.
    """

    def __init__(self, where: str, account: ServiceAccount, on_text: Callable[[bytes | None], None]) -> None:
        self.where = where
        namespace, _, name = where.partition("/")
        self._path = f"/api/v1/namespaces/{namespace}/configmaps"
        self._query = {"watch": "true", "fieldSelector": f"metadata.name={name}", "timeoutSeconds": str(WATCH_SECONDS)}
        self._account = account
        self._on_text = on_text
        self._following: asyncio.Task[None] | None = None
        self.heard = False
        """Whether the API server tells of it now."""

    def start(self) -> None:
        """Starts following; needs a running loop."""
        self._following = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Stops following."""
        task, self._following = self._following, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _follow(self) -> None:
        failures = 0
        while True:
            try:
                await self._watch()
                failures = 0
            except Exception as failure:  # whatever it is, the switch must work again after it
                if failures == 0:
                    _log.warning("the policy's ConfigMap is not heard", config_map=self.where, reason=str(failure)[:300])
                failures += 1
                self.heard = False
            pause = min(_FIRST_PAUSE_SECONDS * 2.0 ** min(failures, 10), _LONGEST_PAUSE_SECONDS)
            await asyncio.sleep(pause * (0.5 + random.random() / 2))

    async def _watch(self) -> None:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS)
        # Made anew each time: certificates and tokens change while a process lives.
        connector = aiohttp.TCPConnector(ssl=self._account.trust())
        async with (
            aiohttp.ClientSession(self._account.server, connector=connector, timeout=timeout, read_bufsize=_EVENT_BYTES) as session,
            session.get(self._path, params=self._query, headers=self._account.headers()) as answer,
        ):
            if answer.status != 200:
                raise DependencyUnavailable(f"status {answer.status}: {(await answer.text())[:200]}", field="kubernetes")
            async for line in answer.content:
                self._take(_EVENT.decode(line))

    def _take(self, event: _Event) -> None:
        if event.type == "ERROR":
            raise DependencyUnavailable(f"the watch ended: {event.object.message[:200]}", field="kubernetes")
        if not self.heard:
            _log.info("the policy's ConfigMap is heard", config_map=self.where)
        self.heard = True
        text = (event.object.data or {}).get(KEY) if event.type != "DELETED" else None
        self._on_text(None if text is None else text.encode())
