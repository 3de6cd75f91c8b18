"""Who may make admin calls: over the wire, with what an API server would answer said by a real HTTPS server."""

import asyncio
from typing import Any

import grpc.aio
import numpy as np
import pytest
from hydatis.features.v1 import features_pb2, features_pb2_grpc
from hydatis_core.errors import DependencyUnavailable, NotAllowed, NotKnown, TooMany
from hydatis_serving.admin_access import ADMIN_CALLS, admin_gate
from hydatis_serving.clients import ReplaySourceClient
from hydatis_serving.settings import ServiceSettings
from hydatis_serving.token_review import KEPT_COUNT, KEPT_SECONDS, MOST_ASKING_COUNT, TokenReviewer

REPLAY_SERVICE = "hydatis.features.v1.ReplaySourceService"


class Kubernetes:
    """Knows the tokens "operator" and "tenant"; the operator may do anything. Answers as an API server does."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.audiences = ["hydatis"]
        self.down = False

    def create(self, path: str, manifest: Any) -> dict[str, Any]:
        if self.down:
            raise DependencyUnavailable("nobody answers")
        spec = manifest["spec"]
        self.asked.append((path.rpartition("/")[2], spec))
        if manifest["kind"] == "TokenReview":
            known = spec["token"] in ("operator", "tenant")
            user = {"username": f"system:serviceaccount:x:{spec['token']}", "uid": "1", "groups": ["g"], "extra": {"k": ["v"]}}
            return {"status": {"authenticated": known, "user": user, "audiences": self.audiences} if known else {}}
        return {"status": {"allowed": spec["user"].endswith(":operator")}}


@pytest.fixture
def kubernetes() -> Kubernetes:
    return Kubernetes()


async def test_whom_kubernetes_knows_and_lets_is_let_in(kubernetes):
    await TokenReviewer(kubernetes).check("Bearer operator", "post", "/hydatis/replay")
    (first, asked), (second, about) = kubernetes.asked
    assert (first, asked) == ("tokenreviews", {"token": "operator", "audiences": ["hydatis"]})
    assert second == "subjectaccessreviews"
    assert about == {
        "user": "system:serviceaccount:x:operator",
        "uid": "1",
        "groups": ["g"],
        "extra": {"k": ["v"]},
        "nonResourceAttributes": {"verb": "post", "path": "/hydatis/replay"},
    }


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer ", "Basic operator", "operator", "Bearer " + "x" * 20_000])
async def test_without_a_bearer_token_nobody_is_asked(kubernetes, authorization):
    with pytest.raises(NotKnown, match="kubectl create token"):
        await TokenReviewer(kubernetes).check(authorization, "get", "/hydatis/decisions")
    assert kubernetes.asked == []


async def test_a_token_that_does_not_hold_and_a_user_without_the_right_are_refused(kubernetes):
    reviewer = TokenReviewer(kubernetes)
    with pytest.raises(NotKnown):
        await reviewer.check("Bearer forged", "get", "/hydatis/decisions")
    with pytest.raises(NotAllowed, match="system:serviceaccount:x:tenant"):
        await reviewer.check("Bearer tenant", "get", "/hydatis/decisions")


async def test_a_token_for_somebody_else_is_refused_even_if_kubernetes_knows_it(kubernetes):
    kubernetes.audiences = ["https://kubernetes.default.svc"]
    with pytest.raises(NotKnown):
        await TokenReviewer(kubernetes).check("Bearer operator", "get", "/hydatis/decisions")


async def test_an_answer_is_kept_for_some_seconds_by_token_and_call(kubernetes):
    now = [0.0]
    reviewer = TokenReviewer(kubernetes, lambda: now[0])
    for _ in range(3):
        await reviewer.check("Bearer operator", "post", "/hydatis/replay")
    assert len(kubernetes.asked) == 2
    await reviewer.check("Bearer operator", "get", "/hydatis/decisions")
    assert len(kubernetes.asked) == 4
    now[0] = KEPT_SECONDS
    await reviewer.check("Bearer operator", "post", "/hydatis/replay")
    assert len(kubernetes.asked) == 6


async def test_whoever_tries_many_tokens_fills_no_memory(kubernetes):
    reviewer = TokenReviewer(kubernetes)
    for number in range(KEPT_COUNT + 50):
        with pytest.raises(NotKnown):
            await reviewer.check(f"Bearer forged-{number}", "get", "/hydatis/decisions")
    assert len(reviewer._kept) == KEPT_COUNT


async def test_nobody_is_let_in_while_kubernetes_cannot_be_asked_and_that_is_not_kept(kubernetes):
    kubernetes.down = True
    reviewer = TokenReviewer(kubernetes)
    with pytest.raises(DependencyUnavailable):
        await reviewer.check("Bearer operator", "get", "/hydatis/decisions")
    kubernetes.down = False
    await reviewer.check("Bearer operator", "get", "/hydatis/decisions")


async def test_questions_under_way_are_bounded(kubernetes):
    reviewer = TokenReviewer(kubernetes)
    asked = [reviewer.check(f"Bearer forged-{number}", "get", "/hydatis/decisions") for number in range(MOST_ASKING_COUNT * 3)]
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(result, TooMany) for result in results) == MOST_ASKING_COUNT * 2


class Replay(features_pb2_grpc.ReplaySourceServiceServicer):
    async def LoadCluster(self, request: Any, context: Any) -> Any:
        return features_pb2.LoadClusterResponse(node_count=len(request.nodes))


@pytest.mark.parametrize(
    ("host", "access", "let_in"),
    [
        ("127.0.0.1", "loopback", True),
        ("localhost", "loopback", True),
        ("0.0.0.0", "loopback", False),
        ("0.0.0.0", "open", True),
        ("127.0.0.1", "kubernetes", False),  # where nobody can be asked, nobody is let in
    ],
)
async def test_over_the_wire_the_setting_decides(serve, monkeypatch, host, access, let_in):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    running = await serve(
        lambda s: features_pb2_grpc.add_ReplaySourceServiceServicer_to_server(Replay(), s),
        REPLAY_SERVICE,
        host=host,
        admin_access=access,
    )
    async with ReplaySourceClient(running.address, token="operator") as client:
        if let_in:
            assert await client.load_cluster([], 60, 0.0, timeout_seconds=5) == 0
            return
        with pytest.raises(DependencyUnavailable if access == "kubernetes" else NotAllowed):
            await client.load_cluster([], 60, 0.0, timeout_seconds=5)
    async with ReplaySourceClient(running.address) as client:
        with pytest.raises(NotKnown if access == "kubernetes" else NotAllowed):
            await client.advance_tick(60, 60.0, np.zeros((0, 6), np.float32), [], np.zeros((0, 2), np.float32), timeout_seconds=5)


async def test_an_admin_call_of_nobody_is_unauthenticated(serve):
    running = await serve(
        lambda s: features_pb2_grpc.add_ReplaySourceServiceServicer_to_server(Replay(), s),
        REPLAY_SERVICE,
        admin_access="kubernetes",
    )
    async with grpc.aio.insecure_channel(running.address) as channel:
        stub = features_pb2_grpc.ReplaySourceServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.LoadCluster(features_pb2.LoadClusterRequest(), timeout=5)
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    method = f"/{REPLAY_SERVICE}/LoadCluster"
    assert running.value("hydatis_rpc_requests_total", method=method, code="UNAUTHENTICATED") == 1


def test_every_method_of_the_replay_source_is_an_admin_call():
    (service,) = [s for name, s in features_pb2.DESCRIPTOR.services_by_name.items() if name == "ReplaySourceService"]
    assert {f"/{service.full_name}/{method.name}" for method in service.methods} <= set(ADMIN_CALLS)


def test_the_gate_of_a_name_that_is_no_address_is_shut():
    assert type(admin_gate(ServiceSettings(host="feature-service"))).__name__ == "_Shut"
