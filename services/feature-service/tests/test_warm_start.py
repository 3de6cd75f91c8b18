"""Warm start: what was known before a restart is known after it, and no store can stop a tick."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hydatis_core.errors import ArtifactRefused, DependencyUnavailable, InvalidValue
from hydatis_feature_service import warm_blob
from hydatis_feature_service.feature_metrics import FeatureMetrics
from hydatis_feature_service.warm_blob import WarmState, pack, unpack
from hydatis_feature_service.warm_keeper import WarmKeeper
from hydatis_feature_service.warm_store import NoWarmStore, SqliteWarmStore, warm_store_from_url
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs


async def test_a_restarted_service_goes_on_as_if_nothing_had_happened(run_service, watch, bind, tmp_path):
    url = f"sqlite:///{tmp_path / 'deep' / 'warm.sqlite'}"
    first, twin = await run_service(warm_store=url), await run_service()
    for service in (first, twin):
        await service.load()
        await service.report(bind("a", "node-0", 1.0))
        for number in range(1, 6):
            await service.tick(number, cpu_cores=number / 2, pods={"a": (0.5, 2.0**29)})
        await service.report(bind("b", "node-1", 301.0))
    before = await first.features.node_features(timeout_seconds=5.0)
    await first.app.stop()

    second = await run_service(warm_store=url)
    watcher = watch(second.address)
    after = await watcher.table(before.generation)
    np.testing.assert_array_equal(after.values, before.values)
    await watcher.until(lambda: len(watcher.of("delta")) == 2)
    assert [(d.event.pod.uid, d.event.node_name, d.generation) for d in watcher.of("delta")] == [
        ("a", "node-0", 240),
        ("b", "node-1", 300),
    ]
    never_stopped = watch(twin.address)
    await never_stopped.until(lambda: len(never_stopped.of("delta")) == 2)
    laws = [delta.expected_use.effective_use_ratio for delta in watcher.of("delta")]
    assert laws == [delta.expected_use.effective_use_ratio for delta in never_stopped.of("delta")]
    for service in (second, twin):
        await service.tick(6)
    expected = await twin.features.node_features(timeout_seconds=5.0)
    np.testing.assert_array_equal((await watcher.table(360)).values, expected.values)


class Shelf:
    """A store that says when something was put on it, and can be out of order."""

    def __init__(self, failures_count: int = 0) -> None:
        self.failures_count = failures_count
        self.saved: asyncio.Queue[bytes] = asyncio.Queue()

    async def save(self, data: bytes) -> None:
        self.failures_count -= 1
        if self.failures_count >= 0:
            raise DependencyUnavailable("out of order", field="warm_store")
        self.saved.put_nowait(data)

    async def load(self) -> bytes | None:
        return None

    async def close(self) -> None:
        """Nothing is open."""


async def test_a_state_that_could_not_be_written_is_written_again_when_the_store_is_back():
    shelf = Shelf(failures_count=2)
    metrics = FeatureMetrics(CollectorRegistry())

    async def snapshot() -> WarmState:
        return WarmState(60, "", {}, ())

    with capture_logs() as said:
        keeper = WarmKeeper(shelf, snapshot, metrics, least_gap_seconds=0.0)
        keeper.start()
        keeper.due()
        assert unpack(await asyncio.wait_for(shelf.saved.get(), 5.0)).generation == 60
        await keeper.stop()
    assert [line["log_level"] for line in said] == ["warning", "info"]


async def test_a_write_cut_short_by_a_stop_is_made_once_more():
    shelf = Shelf(failures_count=0)
    begun, first = asyncio.Event(), True

    async def snapshot() -> WarmState:
        nonlocal first
        if first:
            first = False
            begun.set()
            await asyncio.Event().wait()  # until the stop cancels it
        return WarmState(60, "", {}, ())

    keeper = WarmKeeper(shelf, snapshot, FeatureMetrics(CollectorRegistry()), least_gap_seconds=0.0)
    keeper.start()
    keeper.due()
    await begun.wait()
    await keeper.stop()
    assert unpack(shelf.saved.get_nowait()).generation == 60


class DeafShelf(Shelf):
    """A store whose client swallows a cancellation, as asyncio.wait_for of Python 3.11 does when it comes with the answer."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = asyncio.Event()

    async def save(self, data: bytes) -> None:
        self.begun.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()


async def test_a_stop_ends_although_the_store_swallows_the_cancellation():
    async def snapshot() -> WarmState:
        return WarmState(60, "", {}, ())

    shelf = DeafShelf()
    keeper = WarmKeeper(shelf, snapshot, FeatureMetrics(CollectorRegistry()), least_gap_seconds=0.0)
    keeper.start()
    keeper.due()
    await shelf.begun.wait()
    ended, _ = await asyncio.wait([asyncio.create_task(keeper.stop())], timeout=5.0)
    assert ended


async def test_a_damaged_state_costs_a_cold_start_and_nothing_else(run_service, tmp_path):
    path = tmp_path / "warm.sqlite"
    await SqliteWarmStore(path, 2.0).save(b"PK not really")
    service = await run_service(warm_store=f"sqlite:///{path}")
    await service.load()
    assert await service.tick(1) == 60


async def test_a_state_of_an_older_engine_costs_a_cold_start_and_nothing_else(run_service, tmp_path):
    path = tmp_path / "warm.sqlite"
    first = await run_service(warm_store=f"sqlite:///{path}")
    await first.load()
    await first.tick(1)
    await first.app.stop()
    kept = unpack(await SqliteWarmStore(path, 2.0).load())
    text = kept.engine["metadata"].tobytes().replace(b'"format":3', b'"format":2')
    older = replace(kept, engine={**kept.engine, "metadata": np.frombuffer(text, dtype=np.uint8)})
    await SqliteWarmStore(path, 2.0).save(pack(older))
    with capture_logs() as said:
        second = await run_service(warm_store=f"sqlite:///{path}")
    assert "format 2" in str([line for line in said if line["log_level"] == "warning"])
    await second.load()
    assert await second.tick(1) == 60


async def test_a_state_of_another_metric_window_is_not_used(run_service, watch, tmp_path):
    url = f"sqlite:///{tmp_path / 'warm.sqlite'}"
    first = await run_service(warm_store=url)
    await first.load()
    await first.tick(1)
    await first.app.stop()
    second = await run_service(warm_store=url, metric_window_seconds=300.0)
    watcher = watch(second.address)
    await watcher.until(lambda: bool(watcher.told))
    assert [kind for kind, _ in watcher.told] == ["profiles"]


async def test_a_store_that_is_gone_never_stops_a_tick(run_service):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    service = await run_service(warm_store=f"redis://127.0.0.1:{port}/0", warm_timeout_seconds=0.2)
    assert service.app.server.ready
    await service.load()
    for number in range(1, 4):
        assert await service.tick(number) == number * 60
    await service.app.stop()
    failures = service.app.registry.get_sample_value("hydatis_warm_writes_total", {"outcome": "failed"})
    assert failures is not None
    assert failures >= 1


@pytest.fixture
def redis_url(tmp_path):
    """A real Redis on a free port."""
    binary = shutil.which("redis-server")
    if binary is None:
        missing = "redis-server is not installed (Debian package redis-server)"
        pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if "Ready to accept connections" in line:
            break
    yield f"redis://127.0.0.1:{port}/0"
    process.terminate()
    process.communicate(timeout=5)


async def test_redis_keeps_the_state_over_a_restart(run_service, watch, redis_url):
    first = await run_service(warm_store=redis_url)
    await first.load()
    await first.tick(1)
    await first.app.stop()
    second = await run_service(warm_store=redis_url)
    assert (await watch(second.address).table(60)).node_names == ("node-0", "node-1", "node-2")


def test_a_blob_comes_back_as_it_was():
    engine = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array(7), "c": np.empty((0, 2))}
    back = unpack(pack(WarmState(60, "digest", engine, (b"x", b"", b"yz"))))
    assert (back.generation, back.scrape_digest, back.table) == (60, "digest", (b"x", b"", b"yz"))
    assert set(back.engine) == set(engine)
    for name, array in engine.items():
        np.testing.assert_array_equal(back.engine[name], array)


def test_blobs_that_are_none_are_refused(monkeypatch):
    whole = pack(WarmState(60, "", {"a": np.zeros(1000)}, ()))
    for data in (b"", b"junk", whole[:-30], whole[30:]):
        with pytest.raises(ArtifactRefused):
            unpack(data)
    monkeypatch.setattr(warm_blob, "_FORMAT", "hydatis-warm-9")
    with pytest.raises(ArtifactRefused, match="hydatis-warm-9"):
        unpack(whole)


async def test_a_file_that_is_no_database_is_an_operational_error(tmp_path):
    path = tmp_path / "warm.sqlite"
    path.write_text("not a database, and long enough to be taken for the head of one " * 4)
    store = SqliteWarmStore(path, 1.0)
    with pytest.raises(DependencyUnavailable, match="warm"):
        await store.save(b"x")
    with pytest.raises(DependencyUnavailable):
        await store.load()


def test_a_store_is_named_by_a_url():
    assert isinstance(warm_store_from_url("none", 1.0), NoWarmStore)
    assert isinstance(warm_store_from_url("sqlite:///a/b.sqlite", 1.0), SqliteWarmStore)
    for wrong in ("sqlite://", "postgres://x", "redis://", "/a/file", "sqlite://host/file"):
        with pytest.raises(InvalidValue):
            warm_store_from_url(wrong, 1.0)
