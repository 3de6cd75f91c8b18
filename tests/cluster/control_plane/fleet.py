"""The nodes and pods of one test: made in its own names, waited for, and taken away again."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

import httpx

from control_plane.api import Api, JsonObject
from control_plane.manifests import NODE_LABEL, node, pod
from control_plane.waiting import PATIENCE_SECONDS, until

__all__ = ["Fleet"]

NODES = "/api/v1/nodes"
UNBOUND = "spec.nodeName="


class Fleet:
    """Nodes and pods under one name.

    Args:
        api: client of an administrator.
        name: of the namespace, and what node names begin with.
    """

    def __init__(self, api: Api, name: str) -> None:
        self.api = api
        self.name = name
        self.pods_path = f"/api/v1/namespaces/{name}/pods"
        self.node_names: list[str] = []
        level = {"pod-security.kubernetes.io/enforce": "restricted"}
        api.create("/api/v1/namespaces", {"metadata": {"name": name, "labels": level}})
        account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
        until(lambda: api.status_of("GET", account) == 200, "the namespace's default service account")

    def add_nodes(self, how_many: int, each: Callable[[int], JsonObject] | None = None, **same: Any) -> list[str]:
        """Makes nodes and waits until the cluster has taken its "not ready" taint from them.

        Args:
            how_many: nodes to make.
            each: arguments of ``manifests.node`` by index.
            same: the same for all nodes.
        """
        first = len(self.node_names)
        names = [f"{self.name}-{first + index:04d}" for index in range(how_many)]
        made = [node(name, **(same | (each(index) if each else {}))) for index, name in enumerate(names)]
        self.api.create_all(NODES, made)
        self.node_names += names
        wanted = {manifest["metadata"]["name"]: len(manifest["spec"]["taints"]) for manifest in made}

        def all_ready() -> bool:
            there = {found["metadata"]["name"]: found["spec"].get("taints", []) for found in self.nodes()}
            return all(len(there[name]) == taints for name, taints in wanted.items())

        until(all_ready, "nodes without the taint of those that are not ready", 60.0 + how_many / 20)
        return names

    def nodes(self) -> list[JsonObject]:
        """The fleet's nodes, as the API server has them."""
        return [found for found in self.api.items(NODES, labelSelector=NODE_LABEL) if found["metadata"]["name"] in self._known]

    @property
    def _known(self) -> set[str]:
        return set(self.node_names)

    def add_pods(self, names: Iterable[str], **arguments: Any) -> list[str]:
        """Makes pods; arguments as of ``manifests.pod``."""
        wanted = list(names)
        self.api.create_all(self.pods_path, [pod(name, **arguments) for name in wanted])
        return wanted

    def add_pod(self, name: str, **arguments: Any) -> str:
        """Makes one pod and returns the node that it was bound to."""
        self.add_pods([name], **arguments)
        return self.bound([name])[name]

    def pods(self) -> dict[str, JsonObject]:
        """The fleet's pods by name."""
        return {found["metadata"]["name"]: found for found in self.api.items(self.pods_path)}

    def bound(self, names: Sequence[str], timeout_seconds: float = PATIENCE_SECONDS) -> dict[str, str]:
        """Node by pod, as soon as every one of these pods is bound."""
        deadline = time.monotonic() + timeout_seconds
        while waiting := set(names) & self._unbound():
            assert time.monotonic() < deadline, f"{len(waiting)} not bound after {timeout_seconds:g} s: {self.why_pending()}"
            time.sleep(0.02 + len(waiting) / 2000)  # a list of thousands is work that the scheduler would miss
        there = self.pods()
        return {name: there[name]["spec"]["nodeName"] for name in names}

    def _unbound(self) -> set[str]:
        return {found["metadata"]["name"] for found in self.api.items(self.pods_path, fieldSelector=UNBOUND)}

    def running(self, names: Sequence[str], timeout_seconds: float = PATIENCE_SECONDS) -> None:
        """Returns once every one of these pods runs."""
        wanted = set(names)
        until(
            lambda: all(found["status"]["phase"] == "Running" for name, found in self.pods().items() if name in wanted),
            "pods that run",
            timeout_seconds,
        )

    def why_pending(self) -> Counter[str]:
        """What the conditions of the pods that are not bound say, and how many say it."""
        said: Counter[str] = Counter()
        for found in self.pods().values():
            if not found["spec"].get("nodeName"):
                messages = [condition.get("message", "") for condition in found["status"].get("conditions", [])]
                said["; ".join(messages) or "never tried"] += 1
        return said

    def per_node(self) -> Counter[str]:
        """How many of the fleet's pods are bound to each node."""
        return Counter(found["spec"]["nodeName"] for found in self.pods().values() if found["spec"].get("nodeName"))

    def remove_pods(self) -> None:
        """Deletes every pod at once; of thousands that takes longer than a call may, and is gone on with."""

        def gone() -> bool:
            with suppress(httpx.ReadTimeout):
                self.api.delete(self.pods_path, grace_seconds=0)
            return not self.pods()

        until(gone, "pods that are gone", 300.0)

    def remove(self) -> None:
        """Deletes pods, nodes and namespace."""
        self.remove_pods()
        for name in self.node_names:
            self.api.delete(f"{NODES}/{name}")
        self.api.delete(f"/api/v1/namespaces/{self.name}")
