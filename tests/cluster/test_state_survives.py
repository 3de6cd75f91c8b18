"""What is known of nodes and pods survives: feature-service killed without a word, and the API server killed and back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from control_plane.api import Api
from control_plane.binaries import Binaries
from control_plane.etcd_writes import compact
from control_plane.feature_service import FeatureServiceProcess
from control_plane.fleet import Fleet
from control_plane.kubelets import Kubelets
from control_plane.plane import ControlPlane
from control_plane.processes import free_port
from hydatis_features.table import NodeTable
from hydatis_serving.events import BindDelta
from hydatis_serving.subscriber import TableSubscriber

NOBODY = "nobody-schedules-this"
PATIENCE_SECONDS = 150.0


@pytest.fixture
def start(kubeconfig_of: Callable[[str], Path], tmp_path: Path) -> Iterator[Callable[..., FeatureServiceProcess]]:
    """Starts a feature-service that ticks every second, though no Prometheus is there."""
    started: list[FeatureServiceProcess] = []
    nowhere = {"PROMETHEUS_URL": f"http://127.0.0.1:{free_port()}", "PROMETHEUS_HISTORY_WITHIN_SECONDS": 0}
    quick = {"TICK_SECONDS": 1, "SCRAPE_DELAY_SECONDS": 0}

    def begin(kubeconfig: Path | None = None, **settings: object) -> FeatureServiceProcess:
        folder = tmp_path / f"feature-service-{len(started)}"
        started.append(
            FeatureServiceProcess(kubeconfig or kubeconfig_of("admin"), folder, PATIENCE_SECONDS, **nowhere, **quick, **settings)
        )
        return started[-1]

    yield begin
    for service in started:
        service.stop()


class Told:
    """What a newcomer is told: tables, and pods whose load they do not show yet."""

    def __init__(self, service: FeatureServiceProcess) -> None:
        self.tables: list[NodeTable] = []
        self.deltas: dict[str, BindDelta] = {}
        self._subscriber = TableSubscriber(service.address, "test", self.tables.append, self._take, lambda *_: None)
        self._subscriber.start()

    def _take(self, delta: BindDelta) -> None:
        self.deltas[delta.event.pod.uid] = delta

    def table(self, generation: int) -> NodeTable | None:
        return next((table for table in self.tables if table.generation == generation), None)

    @property
    def credited(self) -> dict[str, tuple[str, str, float]]:
        """Pods that are bound and not yet measured: name, node and time of the bind, by uid."""
        bound = {uid: delta.event for uid, delta in self.deltas.items() if delta.event.is_bound}
        return {uid: (event.pod.name, event.node_name, event.event_time_seconds) for uid, event in bound.items()}

    async def stop(self) -> None:
        await self._subscriber.stop()


async def both_tables(one: Told, other: Told) -> tuple[NodeTable, NodeTable]:
    """Tables of the next generation that both have: made from now on, not one that somebody kept."""
    seen = time.time()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (common := [t.generation for t in one.tables if t.generation > seen and other.table(t.generation)]):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    tables: Any = (one.table(common[0]), other.table(common[0]))
    return tables


def commitments(table: NodeTable) -> dict[str, list[float]]:
    """What a table says of the pods of each node."""
    names = [name for name in table.columns if "requested" in name or name in ("pod_count", "cpu_allocatable_cores")]
    return {name: table.column(name).tolist() for name in names}


async def test_killed_without_a_word_it_knows_every_pod_again(start: Callable[..., FeatureServiceProcess], fleet: Fleet) -> None:
    nodes = await asyncio.to_thread(fleet.add_nodes, 3)
    pods = [f"p{index:02d}" for index in range(12)]
    await asyncio.to_thread(fleet.add_pods, pods[:9], scheduler=NOBODY)
    for index, name in enumerate(pods[:6]):
        await asyncio.to_thread(_bind, fleet, name, nodes[index % 3])
    whole, victim = await asyncio.to_thread(start), await asyncio.to_thread(start)
    warm = "hydatis_warm_writes_total"
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (await asyncio.to_thread(victim.metric, warm, "outcome")).get("written"):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    # after the state was kept: binds that only its memory has, and ends and binds that nobody hears
    await asyncio.to_thread(_bind, fleet, pods[6], nodes[0])
    victim.kill()
    await asyncio.to_thread(_bind, fleet, pods[7], nodes[1])
    await asyncio.to_thread(fleet.api.delete, f"{fleet.pods_path}/{pods[0]}", grace_seconds=0)
    await asyncio.to_thread(
        fleet.api.patch, f"{fleet.pods_path}/{pods[1]}/status", {"status": {"phase": "Failed", "reason": "Evicted"}}
    )
    await asyncio.to_thread(fleet.add_pods, pods[9:], scheduler=NOBODY, nodeName=nodes[2])
    await asyncio.to_thread(victim.begin)
    one, other = Told(whole), Told(victim)
    try:
        tables = await both_tables(one, other)
        assert tables[0].node_names == tables[1].node_names
        np.testing.assert_equal(commitments(tables[0]), commitments(tables[1]))
        mine = [tables[1].row_by_name[name] for name in nodes]
        assert tables[1].column("pod_count")[mine].tolist() == [2 + 1 - 1, 2 + 1 - 1, 2 + 3]
        ended = {uid for told in (one, other) for uid, delta in told.deltas.items() if not delta.event.is_bound}
        credits = [{uid: where for uid, where in told.credited.items() if uid not in ended} for told in (one, other)]
        assert credits[0] == credits[1]
        assert {name for name, _, _ in credits[0].values()} >= {pods[2], pods[6], pods[7], pods[9]}
    finally:
        await one.stop()
        await other.stop()


def _bind(fleet: Fleet, name: str, node: str) -> None:
    target = {"metadata": {"name": name}, "target": {"kind": "Node", "name": node}}
    fleet.api.create(f"{fleet.pods_path}/{name}/binding", target)


async def test_an_api_server_that_was_killed_and_forgot_its_changes_is_listed_again(
    start: Callable[..., FeatureServiceProcess], own_plane: ControlPlane, tmp_path: Path
) -> None:
    """etcd was compacted meanwhile: to a watch from before that the API server says 410 Gone."""
    plane = await asyncio.to_thread(ControlPlane, tmp_path / "plane", Binaries())
    api = Api(plane.kubeconfig("admin"))
    kubelets = Kubelets(plane.kubeconfig("admin"))
    try:
        fleet = await asyncio.to_thread(Fleet, api, "gone")
        nodes = await asyncio.to_thread(fleet.add_nodes, 2)
        await asyncio.to_thread(fleet.add_pods, ["stays", "goes"], scheduler=NOBODY, nodeName=nodes[0])
        service = await asyncio.to_thread(start, plane.kubeconfig("admin"))
        plane.kill("kube-apiserver")
        await asyncio.to_thread(compact, plane.etcd)
        plane.begin_again("kube-apiserver")
        await asyncio.to_thread(fleet.api.delete, f"{fleet.pods_path}/goes", grace_seconds=0)
        await asyncio.to_thread(fleet.add_pods, ["comes"], scheduler=NOBODY, nodeName=nodes[1])
        told = Told(service)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (told.tables and told.tables[-1].column("pod_count").tolist() == [1, 1]):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await told.stop()
        causes = await asyncio.to_thread(service.metric, "hydatis_watch_failures_total", "cause")
        print(f"watches broke off: {causes}")  # noqa: T201
        assert causes.get("gone"), causes
    finally:
        kubelets.stop()
        api.close()
        plane.stop()
