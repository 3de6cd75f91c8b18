"""The whole stack with mutual TLS between all processes: decided on the full rung, while every certificate changes."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import grpc
import pytest
from hydatis_cli.bench_cluster import BenchCluster
from hydatis_cli.exposition import scrape, total_by
from hydatis_cli.extender_client import ExtenderClient, pod_json
from hydatis_cli.own_certificate import VARIABLE, context_for
from hydatis_cli.stack import Stack
from hydatis_core.errors import DependencyUnavailable
from hydatis_core.seeds import generator
from hydatis_serving.testing_authority import TestAuthority

AUTHORITY = TestAuthority()
NODES_COUNT = 100


@pytest.fixture(scope="module")
def tls_stack(
    start_stack: Callable[[Path], AbstractContextManager[Stack]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """A stack of its own, every process with the same certificate; its folder is named to the client's side as well."""
    folder = tmp_path_factory.mktemp("tls")
    AUTHORITY.issue(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(folder))
        with start_stack(folder) as running:
            yield running


@pytest.fixture
def cluster(tls_stack: Stack) -> Iterator[BenchCluster]:
    made = BenchCluster(tls_stack, NODES_COUNT, generator(7, "test/tls"))
    for _ in range(4):
        made.tick()
    yield made
    made.close()


def rungs(stack: Stack) -> dict[str, float]:
    return total_by(scrape(f"{stack.extender_url}/metrics"), "hydatis_decisions_total", "rung")


def good_until(stack: Stack) -> set[float]:
    """When each process's certificate ends, by what it exports."""
    urls = [f"{stack.extender_url}/metrics"]
    urls += [f"http://{stack.address(offset)}/metrics" for offset in (110, 111, 112, 113, 401, 402, 403, 404)]
    name = ("hydatis_tls_certificate_expires_seconds", ())
    return {scrape(url)[name] for url in urls}


def decide(client: ExtenderClient, cluster: BenchCluster) -> None:
    (request,) = cluster.requests(1, NODES_COUNT)
    pod = pod_json(request.pod)
    kept = client.filter(pod, request.node_names)["NodeNames"]
    assert len(client.prioritize(pod, kept)) == len(kept) > 0


def test_decisions_are_on_the_full_rung_while_every_certificate_changes(
    tls_stack: Stack, cluster: BenchCluster, until: Callable[..., Any]
) -> None:
    client = ExtenderClient(tls_stack.extender_url, timeout_seconds=10)
    for _ in range(10):
        decide(client, cluster)
    before = good_until(tls_stack)
    assert len(before) == 1
    assert tls_stack.tls_folder is not None
    AUTHORITY.issue(tls_stack.tls_folder)

    def changed() -> bool:
        decide(client, cluster)
        return len(now := good_until(tls_stack)) == 1 and now != before

    until(changed, "every process uses the new certificate")
    cluster.tick()
    for _ in range(10):
        decide(client, cluster)
    client.close()

    assert set(rungs(tls_stack)) == {"full"}
    new = ExtenderClient(tls_stack.extender_url, timeout_seconds=10)  # a handshake of its own
    decide(new, cluster)
    new.close()


def test_the_extender_lets_nobody_decide_without_a_certificate_and_is_probed_by_everybody(tls_stack: Stack, tmp_path: Path) -> None:
    context = context_for(tls_stack.extender_url)
    assert context is not None
    AUTHORITY.issue(tmp_path)
    bare = ssl.create_default_context(cafile=str(tmp_path / "ca.crt"))
    with urllib.request.urlopen(f"{tls_stack.extender_url}/readyz", context=bare) as answer:
        assert answer.status == 200
    for verb in ("filter", "prioritize"):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"{tls_stack.extender_url}/{verb}", data=b"{}", context=bare)


def test_a_certificate_of_another_authority_opens_no_door(
    tls_stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    TestAuthority("another").issue(tmp_path, authorities=AUTHORITY.certificate)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    stranger = ExtenderClient(tls_stack.extender_url)
    with pytest.raises(DependencyUnavailable):
        stranger.get_json("/state", timeout_seconds=5)
    model = f"https://{tls_stack.address(204)}/v2/models/placement-policy"
    with pytest.raises((urllib.error.URLError, OSError)):
        urllib.request.urlopen(model, context=context_for(model))


@pytest.mark.parametrize("offset", [10, 11, 12, 13, 301, 302, 303, 304])
def test_no_grpc_port_answers_in_the_clear(tls_stack: Stack, offset: int) -> None:
    with grpc.insecure_channel(tls_stack.address(offset)) as channel:
        health = channel.unary_unary("/grpc.health.v1.Health/Check")
        with pytest.raises(grpc.RpcError) as refused:
            health(b"", timeout=5)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
