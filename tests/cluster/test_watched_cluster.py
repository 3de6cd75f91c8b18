"""feature-service knows a real API server's nodes and pods, with no more rights than to list and watch them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from control_plane.api import Api, JsonObject
from control_plane.fleet import Fleet
from control_plane.plane import ControlPlane
from hydatis_feature_service.app import FeatureServiceApp
from hydatis_feature_service.settings import FeatureServiceSettings
from hydatis_serving.events import BindDelta

NOBODY = "nobody-schedules-this"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
RULES = [{"apiGroups": [""], "resources": ["nodes", "pods"], "verbs": ["list", "watch"]}]
PATIENCE_SECONDS = 60.0


@pytest.fixture
def account(own_plane: ControlPlane, api: Api, fleet: Fleet, tmp_path: Path) -> Iterator[Path]:
    """Kubeconfig of a service account that may list and watch nodes and pods of the whole cluster, and nothing else."""
    name = f"{fleet.name}-watcher"
    api.create(f"{RBAC}/clusterroles", {"metadata": {"name": name}, "rules": RULES})
    api.create(
        f"{RBAC}/clusterrolebindings",
        {
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": fleet.name}],
        },
    )
    token = api.create(f"/api/v1/namespaces/{fleet.name}/serviceaccounts/default/token", {"spec": {}})["status"]["token"]
    yield own_plane.kubeconfig_for(tmp_path / "watcher", token)
    for kind in ("clusterrolebindings", "clusterroles"):
        api.delete(f"{RBAC}/{kind}/{name}")


class Watched:
    """A running feature-service and what it knows of one test's nodes and pods."""

    def __init__(self, app: FeatureServiceApp, fleet: Fleet) -> None:
        self.app = app
        self.fleet = fleet
        self.told: dict[str, float] = {}

    def hear(self, delta: BindDelta) -> None:
        self.told.setdefault(delta.event.pod.name, time.monotonic())

    @property
    def nodes(self) -> dict[str, float]:
        """Cores by node."""
        cluster = self.app.keeper.cluster
        nodes = () if cluster is None else cluster.nodes
        return {node.name: node.allocatable.cpu_cores for node in nodes if node.name.startswith(self.fleet.name)}

    @property
    def places(self) -> dict[str, str]:
        """Node by pod."""
        return {one.pod.name: one.node_name for one in self.app.keeper.bound_pods() if one.pod.namespace == self.fleet.name}

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():  # noqa: ASYNC110 - it comes about in threads and other processes
                await asyncio.sleep(0.002)

    async def bind(self, name: str, node: str) -> float:
        """Binds a pod by hand, as a scheduler would; returns the milliseconds from the request until subscribers are told."""
        target: JsonObject = {"metadata": {"name": name}, "target": {"kind": "Node", "name": node}}
        begin = time.monotonic()
        await asyncio.to_thread(self.fleet.api.create, f"{self.fleet.pods_path}/{name}/binding", target)
        await self.until(lambda: name in self.told)
        return (self.told[name] - begin) * 1e3


@pytest.fixture
async def watched(account: Path, fleet: Fleet) -> AsyncIterator[Watched]:
    """A feature-service that knows three nodes of the test."""
    await asyncio.to_thread(fleet.add_nodes, 3)
    settings = FeatureServiceSettings(
        grpc_port=0, metrics_port=0, warm_store="none", cluster_source="kubernetes", kubeconfig=str(account)
    )
    app = FeatureServiceApp(settings)
    one = Watched(app, fleet)
    stream = app.keeper._stream
    publish = stream.publish_delta

    def heard(delta: BindDelta) -> None:
        publish(delta)
        one.hear(delta)

    stream.publish_delta = heard  # type: ignore[method-assign] - an ear where all subscribers listen
    await app.start()
    await one.until(lambda: app.server.ready)
    yield one
    await app.stop()


async def test_binds_are_told_as_they_happen_and_pods_that_go_are_gone(watched: Watched, fleet: Fleet) -> None:
    assert sorted(watched.nodes) == fleet.node_names
    names = [f"p{index:02d}" for index in range(20)]
    await asyncio.to_thread(fleet.add_pods, names, scheduler=NOBODY)
    waits = sorted([await watched.bind(name, fleet.node_names[index % 3]) for index, name in enumerate(names)])
    print(f"from the bind's request to the delta: median {waits[10]:.1f} ms, longest {waits[-1]:.1f} ms")  # noqa: T201
    assert watched.places == {name: fleet.node_names[index % 3] for index, name in enumerate(names)}
    await asyncio.to_thread(fleet.api.delete, f"{fleet.pods_path}/p00", grace_seconds=0)
    await watched.until(lambda: "p00" not in watched.places)
    done = {"status": {"phase": "Succeeded"}}
    await asyncio.to_thread(fleet.api.patch, f"{fleet.pods_path}/p01/status", done)
    await watched.until(lambda: "p01" not in watched.places)
    assert len(watched.places) == 18


async def test_nodes_come_go_cordon_and_change_their_size(watched: Watched, fleet: Fleet) -> None:
    first, second, third = fleet.node_names
    await asyncio.to_thread(fleet.add_pods, ["a", "b"], scheduler=NOBODY)
    await watched.bind("a", first)
    await watched.bind("b", second)
    await asyncio.to_thread(fleet.api.patch, f"/api/v1/nodes/{first}", {"spec": {"unschedulable": True}})
    await asyncio.to_thread(fleet.api.patch, f"/api/v1/nodes/{second}/status", {"status": {"allocatable": {"cpu": "64"}}})
    await asyncio.to_thread(fleet.api.delete, f"/api/v1/nodes/{third}")
    (fourth,) = await asyncio.to_thread(fleet.add_nodes, 1)
    await watched.until(lambda: watched.nodes == {first: 32.0, second: 64.0, fourth: 32.0})
    assert watched.places == {"a": first, "b": second}


async def test_an_account_without_the_right_to_watch_is_told_so_and_never_ready(
    own_plane: ControlPlane, api: Api, fleet: Fleet, tmp_path: Path
) -> None:
    token = api.create(f"/api/v1/namespaces/{fleet.name}/serviceaccounts/default/token", {"spec": {}})["status"]["token"]
    kubeconfig = own_plane.kubeconfig_for(tmp_path / "nobody", token)
    app = FeatureServiceApp(
        FeatureServiceSettings(
            grpc_port=0, metrics_port=0, warm_store="none", cluster_source="kubernetes", kubeconfig=str(kubeconfig)
        )
    )
    await app.start()
    failed = ("hydatis_watch_failures_total", {"resource": "nodes", "cause": "unavailable"})
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not app.registry.get_sample_value(*failed):  # noqa: ASYNC110 - counted in the watcher's thread
            await asyncio.sleep(0.01)
    assert not app.server.ready
    await app.stop()
