"""Admin calls on a real API server: TokenReview says whose the token is, SubjectAccessReview whether they may, RBAC decides."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from control_plane.api import Api
from control_plane.fleet import Fleet
from control_plane.plane import ControlPlane
from hydatis_core.errors import DependencyUnavailable, NotAllowed, NotKnown
from hydatis_core.nodes import Node
from hydatis_core.resources import Resources
from hydatis_feature_service.app import FeatureServiceApp
from hydatis_feature_service.settings import FeatureServiceSettings
from hydatis_scheduler_plugin.app import SchedulerPluginApp
from hydatis_scheduler_plugin.settings import SchedulerPluginSettings
from hydatis_serving.clients import ReplaySourceClient

RBAC = "/apis/rbac.authorization.k8s.io/v1"
RULES = [
    {"nonResourceURLs": ["/hydatis/decisions", "/hydatis/replay"], "verbs": ["get"]},
    {"nonResourceURLs": ["/hydatis/replay"], "verbs": ["post"]},
]
AUDIENCE = "hydatis"

Token = Callable[..., str]


@pytest.fixture
def token(api: Api, fleet: Fleet) -> Iterator[Token]:
    """``token(account, audience)``: as ``kubectl create token`` makes it; "operator" may make admin calls, "tenant" may not."""
    namespace = f"/api/v1/namespaces/{fleet.name}"
    for account in ("operator", "tenant", "service"):
        api.create(f"{namespace}/serviceaccounts", {"metadata": {"name": account}})
    api.create(f"{RBAC}/clusterroles", {"metadata": {"name": f"{fleet.name}-operator"}, "rules": RULES})
    for account, role in (("operator", f"{fleet.name}-operator"), ("service", "system:auth-delegator")):
        api.create(
            f"{RBAC}/clusterrolebindings",
            {
                "metadata": {"name": f"{fleet.name}-{account}"},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
                "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": fleet.name}],
            },
        )

    def create(account: str, audience: str | None = AUDIENCE) -> str:
        spec = {"audiences": [audience]} if audience else {}
        return str(api.create(f"{namespace}/serviceaccounts/{account}/token", {"spec": spec})["status"]["token"])

    yield create
    for name in ("operator", "service"):
        api.delete(f"{RBAC}/clusterrolebindings/{fleet.name}-{name}")
    api.delete(f"{RBAC}/clusterroles/{fleet.name}-operator")


@pytest.fixture
def account_dir(own_plane: ControlPlane, token: Token, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What kubelet would mount into a pod of the service, whose environment this process has."""
    server = urlsplit(own_plane.server)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", str(server.hostname))
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(server.port))
    (tmp_path / "token").write_text(token("service", None))
    (tmp_path / "ca.crt").write_bytes((own_plane.folder / "keys" / "ca.crt").read_bytes())
    return tmp_path


@pytest.fixture
async def features(account_dir: Path) -> AsyncIterator[str]:
    """A feature-service with a replay source, in a cluster; its address."""
    app = FeatureServiceApp(
        FeatureServiceSettings(
            grpc_port=0, metrics_port=0, warm_store="none", admin_access="kubernetes", service_account_dir=str(account_dir)
        )
    )
    await app.start()
    yield f"127.0.0.1:{app.server.port}"
    await app.stop()


@pytest.fixture
async def extender(account_dir: Path) -> AsyncIterator[str]:
    """A shim in a cluster, whose peers are not there; its URL."""
    app = SchedulerPluginApp(
        SchedulerPluginSettings(http_port=0, admin_access="kubernetes", service_account_dir=str(account_dir), live=True)
    )
    await app.start()
    yield f"http://127.0.0.1:{app.http_port}"
    await app.stop()


async def load(address: str, bearer: str) -> int:
    async with ReplaySourceClient(address, token=bearer) as client:
        return await client.load_cluster([Node("n", Resources(1.0, 1.0))], 60.0, 0.0, timeout_seconds=20)


async def test_a_replay_is_driven_by_whom_rbac_lets_and_by_nobody_else(features: str, token: Token) -> None:
    assert await load(features, token("operator")) == 1
    with pytest.raises(NotAllowed, match=r"system:serviceaccount:.*:tenant"):
        await load(features, token("tenant"))
    with pytest.raises(NotKnown):
        await load(features, "")
    with pytest.raises(NotKnown):
        await load(features, token("operator")[:-4] + "AAAA")


async def test_a_token_that_was_made_for_the_api_server_opens_nothing(features: str, token: Token) -> None:
    for audience in (None, "somebody-else"):
        with pytest.raises(NotKnown, match="does not hold"):
            await load(features, token("operator", audience))


async def test_decision_records_are_read_by_whom_rbac_lets(extender: str, token: Token, tmp_path: Path) -> None:
    async with httpx.AsyncClient(base_url=extender, timeout=20) as client:
        for path in ("/decisions", "/decisions/some-id", "/state?pod=x"):
            nobody = await client.get(path)
            assert (nobody.status_code, nobody.headers["www-authenticate"]) == (401, "Bearer"), path
            tenant = await client.get(path, headers={"authorization": f"Bearer {token('tenant')}"})
            assert tenant.status_code == 403, path
        operator = {"authorization": f"Bearer {token('operator')}"}
        assert (await client.get("/decisions", headers=operator)).json() == {"decisions": []}
        # what a scheduler, a kubelet and a Prometheus ask for needs no token
        assert [(await client.get(path)).status_code for path in ("/healthz", "/readyz", "/metrics")] == [200, 200, 200]
        pod = {"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "spec": {"containers": []}}
        answer = await client.post("/filter", json={"Pod": pod, "Nodes": None, "NodeNames": ["a", "b"]})
        assert json.loads(answer.content)["NodeNames"] == ["a", "b"]


async def test_the_command_shows_its_token(extender: str, token: Token, tmp_path: Path) -> None:
    file = tmp_path / "operator.token"
    command = [sys.executable, "-m", "hydatis_cli.main", "explain", "--extender", extender, "--token-file", str(file)]

    def run() -> str:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        return done.stdout + done.stderr

    file.write_text(token("operator"))
    assert "no decision is kept" in await asyncio.to_thread(run)


async def test_while_the_api_server_cannot_be_asked_nobody_is_let_in(
    features: str, token: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    bearer = token("operator")
    with monkeypatch.context() as patch:
        patch.setenv("KUBERNETES_SERVICE_PORT", "1")
        with pytest.raises(DependencyUnavailable, match="cannot be asked"):
            await load(features, bearer)
    assert await load(features, bearer) == 1


async def test_a_service_that_may_not_ask_lets_nobody_in_and_says_what_it_lacks(
    features: str, account_dir: Path, token: Token
) -> None:
    (account_dir / "token").write_text(token("tenant", None))
    with pytest.raises(DependencyUnavailable, match="system:auth-delegator"):
        await load(features, token("operator"))
