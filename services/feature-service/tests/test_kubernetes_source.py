"""The watched cluster is the one the API server has, whatever breaks on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from hydatis_core.resources import Resources
from hydatis_feature_service.feature_metrics import FeatureMetrics
from hydatis_feature_service.kubernetes_source import KubernetesCluster
from hydatis_feature_service.table_keeper import TableKeeper
from hydatis_feature_service.table_stream import TableStream
from hydatis_serving.kube.api import KubernetesApi
from hydatis_serving.kube.pod_resources import GPU_RESOURCES
from hydatis_serving.kube.watch import pause_seconds, whole_lines
from hydatis_serving.kube.watch_metrics import KubernetesMetrics
from hydatis_serving.testing_api_server import ApiServer, node_json, pod_json
from prometheus_client import CollectorRegistry

TIMEOUT_SECONDS = 10.0
GIB = 2.0**30


class Watched:
    """A keeper fed by a Kubernetes source, and a way to wait for what it learns."""

    def __init__(self, kubeconfig: str, idle_seconds: float) -> None:
        self.registry = CollectorRegistry()
        self.keeper = TableKeeper(TableStream(), FeatureMetrics(CollectorRegistry()), 900.0)
        self.source = KubernetesCluster(
            KubernetesApi(kubeconfig), KubernetesMetrics(self.registry), GPU_RESOURCES, 15.0, 15.0, idle_seconds=idle_seconds
        )
        self.synced = asyncio.Event()

    async def start(self) -> None:
        async def synced() -> None:
            self.synced.set()

        await self.source.start(self.keeper, synced)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not condition():  # noqa: ASYNC110  what is waited for happens in threads
                await asyncio.sleep(0.005)

    @property
    def nodes(self) -> list[str]:
        return [] if self.keeper.cluster is None else [node.name for node in self.keeper.cluster.nodes]

    @property
    def places(self) -> dict[str, str]:
        return {bound.pod.name: bound.node_name for bound in self.keeper.bound_pods()}

    def counted(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture
def server() -> Iterator[ApiServer]:
    running = ApiServer()
    for name in ("n1", "n2"):
        running.put("nodes", node_json(name))
    running.put("pods", pod_json("a", "n1"))
    running.put("pods", pod_json("pending", phase="Pending"))
    running.put("pods", pod_json("done", "n1", phase="Succeeded"))
    yield running
    running.close()


@pytest.fixture
async def begin(server, tmp_path) -> AsyncIterator[Callable[..., Watched]]:
    """Makes a source; the test starts it."""
    made: list[Watched] = []

    def make(idle_seconds: float = 60.0) -> Watched:
        made.append(Watched(server.kubeconfig(tmp_path), idle_seconds))
        return made[-1]

    yield make
    for watched in made:
        await watched.source.stop()


@pytest.fixture
async def watched(server, begin) -> Watched:
    """A source that knows all there is and watches both resources."""
    one: Watched = begin()
    await one.start()
    await one.until(lambda: one.synced.is_set() and server.watch_count("pods") == server.watch_count("nodes") == 1)
    return one


async def test_what_there_is_is_listed_before_the_source_is_synced(watched, server):
    assert watched.nodes == ["n1", "n2"]
    assert watched.places == {"a": "n1"}
    assert watched.keeper.cluster.addresses["n1"] == ("n1", "ip-of-n1")
    queries = [query for path, query in server.requests if path.endswith("pods")]
    assert queries[0] == {"limit": "500", "fieldSelector": "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed"}
    assert queries[1]["allowWatchBookmarks"] == queries[1]["watch"] == "true"


async def test_pods_are_bound_finish_fail_and_go(watched, server):
    server.put("pods", pod_json("pending", "n2", phase="Pending"))
    await watched.until(lambda: watched.places == {"a": "n1", "pending": "n2"})
    server.put("pods", pod_json("a", "n1", phase="Failed"))
    await watched.until(lambda: watched.places == {"pending": "n2"})
    server.delete("pods", "pending")
    await watched.until(lambda: watched.places == {})


async def test_a_pod_of_the_same_name_is_another_pod(watched, server):
    server.put("pods", pod_json("db-0", "n1"))
    server.delete("pods", "db-0")
    server.put("pods", pod_json("db-0", "n2", uid="uid-of-the-second"))
    await watched.until(lambda: watched.places.get("db-0") == "n2")
    assert "uid-of-the-second" in watched.keeper.pods_by_uid()


async def test_a_pod_that_is_resized_asks_for_the_new_amounts(watched, server):
    server.put("pods", pod_json("a", "n1", cpu="3"))
    await watched.until(lambda: watched.keeper.pod("uid-a").requests == Resources(3.0, GIB))
    assert watched.places == {"a": "n1"}


async def test_nodes_come_go_and_change_their_size(watched, server):
    server.put("nodes", node_json("n3", allocatable={"cpu": "0"}))
    server.put("pods", pod_json("early", "n3"))
    await watched.until(lambda: watched.counted("hydatis_waiting_pods_count") == 1)
    assert watched.nodes == ["n1", "n2"]
    server.put("nodes", node_json("n3"))
    await watched.until(lambda: watched.places == {"a": "n1", "early": "n3"})
    server.put("nodes", node_json("n1", cpu="16"))
    server.delete("nodes", "n3")
    await watched.until(lambda: watched.nodes == ["n1", "n2"] and watched.keeper.cluster.nodes[0].allocatable.cpu_cores == 16)
    assert watched.places == {"a": "n1"}
    server.put("nodes", node_json("n3"))  # its pod was never deleted
    await watched.until(lambda: watched.places == {"a": "n1", "early": "n3"})


async def test_a_pod_that_goes_while_its_node_is_gone_does_not_return_with_it(watched, server):
    server.delete("nodes", "n1")
    await watched.until(lambda: watched.nodes == ["n2"])
    server.delete("pods", "a")
    await watched.until(lambda: watched.counted("hydatis_waiting_pods_count") == 0)
    server.put("nodes", node_json("n1"))
    await watched.until(lambda: watched.nodes == ["n1", "n2"])
    assert watched.places == {}


async def test_a_cordoned_node_stays(watched, server):
    server.put("nodes", node_json("n1", spec={"unschedulable": True}))
    server.put("nodes", node_json("n9"))
    await watched.until(lambda: watched.nodes == ["n1", "n2", "n9"])
    assert watched.places == {"a": "n1"}


@pytest.mark.parametrize("how", ["drop", "end"])
async def test_a_watch_that_breaks_goes_on_where_it_was(watched, server, how):
    server.put("pods", pod_json("b", "n2"))
    await watched.until(lambda: "b" in watched.places)
    getattr(server, how)()
    server.put("pods", pod_json("c", "n2"))
    server.delete("pods", "b")
    await watched.until(lambda: watched.places == {"a": "n1", "c": "n2"})
    assert watched.counted("hydatis_lists_total", resource="pods") == 1


async def test_a_bookmark_keeps_a_watch_young_enough_to_go_on(watched, server):
    for number in range(3):  # changes that the watch of pods does not see
        server.put("nodes", node_json(f"more-{number}"))
    server.forget()
    server.bookmark()
    await watched.until(lambda: watched.counted("hydatis_watch_events_total", resource="pods", type="bookmark") == 1)
    server.drop()
    await watched.until(
        lambda: (
            server.watch_count("pods") == 1
            and watched.counted("hydatis_watch_failures_total", resource="pods", cause="unavailable") == 1
        )
    )
    server.put("pods", pod_json("b", "n2"))
    await watched.until(lambda: "b" in watched.places)
    assert watched.counted("hydatis_lists_total", resource="pods") == 1


async def test_a_version_that_is_not_kept_any_more_is_listed_again_and_what_went_meanwhile_ends(watched, server):
    server.silent = True
    server.put("pods", pod_json("b", "n2"))
    server.delete("pods", "a")
    server.delete("nodes", "n1")
    server.silent = False
    server.forget()
    server.drop()
    await watched.until(lambda: watched.places == {"b": "n2"} and watched.nodes == ["n2"])
    await watched.until(lambda: watched.counted("hydatis_lists_total", resource="pods") == 2)
    assert watched.counted("hydatis_watch_failures_total", resource="pods", cause="gone") == 1


async def test_changes_told_twice_change_nothing(watched, server):
    server.put("pods", pod_json("b", "n2"))
    server.repeat()
    server.repeat()
    server.delete("pods", "b")
    server.repeat()
    server.put("pods", pod_json("c", "n2"))
    await watched.until(lambda: watched.places == {"a": "n1", "c": "n2"})


async def test_a_silent_connection_is_given_up(server, begin):
    watched = begin(idle_seconds=0.3)
    await watched.start()
    await watched.until(lambda: server.watch_count("pods") > 0)
    server.silent = True
    server.put("pods", pod_json("b", "n2"))
    server.silent = False
    await watched.until(lambda: "b" in watched.places)
    assert watched.counted("hydatis_lists_total", resource="pods") == 1


async def test_a_list_of_many_pages_is_one_list_and_begins_anew_when_its_token_expires(server, begin):
    for number in range(1200):
        server.put("pods", pod_json(f"p{number}", f"n{number % 2 + 1}"))
    pages: list[int] = []

    def before(page: int) -> None:
        pages.append(page)
        if pages == [0, 0, 1]:  # of nodes, then of pods
            server.put("pods", pod_json("late", "n1"))
            server.forget()

    server.before_page = before
    watched = begin()
    await watched.start()
    await watched.until(lambda: len(watched.places) == 1202)
    await watched.until(watched.synced.is_set)
    assert pages == [0, 0, 1, 0, 1, 2]


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
async def test_an_api_server_that_refuses_is_asked_again(server, begin, status):
    server.answer((status, "no"), (status, "no"))
    watched = begin()
    await watched.start()
    await watched.until(watched.synced.is_set)
    assert watched.places == {"a": "n1"}
    assert watched.counted("hydatis_watch_failures_total", resource="nodes", cause="unavailable") == 2


async def test_an_answer_that_is_none_is_asked_for_again(server, begin):
    server.answer((200, "{}"), (200, "not json"))
    watched = begin()
    await watched.start()
    await watched.until(watched.synced.is_set)
    server.raw(b'{"type": 7}\n')
    await watched.until(lambda: watched.counted("hydatis_lists_total", resource="pods") == 2)
    assert watched.places == {"a": "n1"}


async def test_an_object_that_cannot_be_read_does_not_hold_up_the_others(watched, server):
    server.put("pods", pod_json("bad", "n1", cpu="much"))
    server.put("pods", pod_json("good", "n1"))
    await watched.until(lambda: "good" in watched.places)
    assert watched.counted("hydatis_refused_objects_total", resource="pods") == 1
    assert watched.places == {"a": "n1", "good": "n1"}


async def test_a_source_without_api_server_stops_all_the_same(tmp_path, server, begin):
    watched = begin()
    server.close()
    await watched.start()
    await watched.until(lambda: watched.counted("hydatis_watch_failures_total", resource="nodes", cause="unavailable") >= 1)
    await watched.source.stop()
    assert not watched.synced.is_set()


async def test_stopping_ends_the_watches(watched, server):
    await watched.source.stop()
    server.put("pods", pod_json("b", "n2"))
    assert watched.places == {"a": "n1"}


def test_pauses_double_up_to_half_a_minute_and_differ_by_chance():
    assert [pause_seconds(n, 0.0) for n in (1, 2, 3, 9, 100)] == [0.2, 0.4, 0.8, 30.0, 30.0]
    assert pause_seconds(1, 0.5) == pytest.approx(0.15)


def test_lines_are_whole_however_they_were_cut():
    assert list(whole_lines([b'{"a"', b":1}\n{", b"}\n\n", b"{}\n{}\nrest"])) == [[b'{"a":1}'], [b"{}"], [b"{}", b"{}"]]
