"""The policy's ConfigMap, as an API server tells of it: at once, ahead of the mounted file, and without it when it is away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hydatis_scheduler_plugin.policy_watch import PolicyWatch
from hydatis_serving.kube.service_account import ServiceAccount

WHERE = "hydatis-system/hydatis-policy"


@dataclass(frozen=True, slots=True)
class Unprotected(ServiceAccount):
    """An account whose API server speaks plain HTTP on loopback."""

    address: str = ""

    @property
    def server(self) -> str:
        return self.address

    def trust(self) -> bool:  # type: ignore[override]
        return True


@dataclass
class OneConfigMap:
    """An API server of one ConfigMap."""

    text: str | None = "mode: shadow"
    status: int = 200
    asked: list[web.BaseRequest] = field(default_factory=list)
    watches: list[web.StreamResponse] = field(default_factory=list)
    runner: web.ServerRunner | None = None
    port: int = 0

    async def start(self) -> None:
        self.runner = web.ServerRunner(web.Server(self._answer), shutdown_timeout=0.1)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", self.port)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]

    async def stop(self) -> None:
        if self.runner is not None:
            await self.runner.cleanup()

    async def say(self, kind: str, text: str | None) -> None:
        self.text = text
        for watch in self.watches:
            await watch.write(_event(kind, text))

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(request)
        if self.status != 200:
            return web.Response(status=self.status, text="forbidden")
        watch = web.StreamResponse()
        await watch.prepare(request)
        if self.text is not None:
            await watch.write(_event("ADDED", self.text))
        self.watches.append(watch)
        try:
            await asyncio.Event().wait()
        finally:
            self.watches.remove(watch)
        return watch


def _event(kind: str, text: str | None) -> bytes:
    data = {} if text is None else {"policy.yaml": text}
    return json.dumps({"type": kind, "object": {"metadata": {"name": "hydatis-policy"}, "data": data}}).encode() + b"\n"


@pytest.fixture
async def server() -> AsyncIterator[OneConfigMap]:
    running = OneConfigMap()
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def watch(server: OneConfigMap, tmp_path: Path) -> AsyncIterator[PolicyWatch]:
    """The file says on, the ConfigMap says shadow: kubelet has not brought it yet."""
    (tmp_path / "policy.yaml").write_text("mode: on")
    (tmp_path / "token").write_text("a-token")
    account = Unprotected(tmp_path, f"http://127.0.0.1:{server.port}")
    running = PolicyWatch(tmp_path / "policy.yaml", config_map=WHERE, account=account, clock=lambda: 17.0)
    assert running.policy.mode == "on"
    running.start()
    await until(lambda: running.policy.mode == "shadow")
    yield running
    await running.stop()


async def until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  # what is waited for is another party's state
            await asyncio.sleep(0.005)


async def test_one_config_map_is_asked_for_by_its_name_and_token(watch: PolicyWatch, server: OneConfigMap) -> None:
    (request,) = server.asked
    assert request.path == "/api/v1/namespaces/hydatis-system/configmaps"
    assert request.query["fieldSelector"] == "metadata.name=hydatis-policy"
    assert request.headers["authorization"] == "Bearer a-token"


async def test_a_change_is_in_force_and_says_which(watch: PolicyWatch, server: OneConfigMap) -> None:
    await server.say("MODIFIED", "mode: off\nramp_pct: 10")
    await until(lambda: watch.policy.mode == "off")
    told = watch.report()
    assert (told["mode"], told["ramp_pct"], told["since_seconds"]) == ("off", 10.0, 17.0)
    assert (told["source"], told["is_heard"], len(told["digest"])) == (f"ConfigMap {WHERE}", True, 16)


async def test_the_file_that_comes_late_changes_nothing(watch: PolicyWatch, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("mode: on  # as of a minute ago")
    watch.read()
    assert watch.policy.mode == "shadow"


async def test_a_bad_or_missing_policy_keeps_the_last_good_one(watch: PolicyWatch, server: OneConfigMap) -> None:
    for kind, text, said in (("MODIFIED", "mode: sideways", "sideways"), ("DELETED", None, "or is gone")):
        await server.say(kind, text)
        await until(lambda said=said: said in watch.problem)
        assert watch.policy.mode == "shadow"
    await server.say("ADDED", "mode: off")
    await until(lambda: watch.policy.mode == "off")
    assert watch.problem == ""


async def test_without_the_api_server_the_last_policy_goes_on_and_a_new_file_counts(
    watch: PolicyWatch, server: OneConfigMap, tmp_path: Path
) -> None:
    await server.stop()
    await until(lambda: not watch.is_heard)
    watch.read()
    assert watch.policy.mode == "shadow", "the file of before is no news"
    (tmp_path / "policy.yaml").write_text("mode: off")
    await until(lambda: watch.policy.mode == "off")
    server.text = "mode: on"
    await server.start()
    await until(lambda: watch.policy.mode == "on")


async def test_who_may_not_watch_has_the_file(server: OneConfigMap, tmp_path: Path) -> None:
    server.status = 403
    (tmp_path / "policy.yaml").write_text("mode: on")
    (tmp_path / "token").write_text("a-token")
    account = Unprotected(tmp_path, f"http://127.0.0.1:{server.port}")
    running = PolicyWatch(tmp_path / "policy.yaml", config_map=WHERE, account=account)
    running.start()
    await until(lambda: len(server.asked) > 1)
    assert (running.policy.mode, running.is_heard) == ("on", False)
    (tmp_path / "policy.yaml").write_text("mode: off")
    await until(lambda: running.policy.mode == "off")
    await running.stop()
