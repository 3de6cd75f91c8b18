"""The directory: by what names the cluster's nodes may be known, and which pod a name means now.

A node has a name in Kubernetes, addresses, host names and a hardware id, and a monitoring setup may use any of them. All are kept
here in one index each, and a key that two nodes share means neither.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hydatis_features.cluster_state import BoundPod
from hydatis_serving.prometheus.answers import FactLabels, Series

from hydatis_feature_service.sources import Cluster

__all__ = ["AMBIGUOUS", "Directory", "PodNames", "same_key"]

#: In place of a node's name: more than one node is meant.
AMBIGUOUS = ""


@dataclass(frozen=True)
class Directory:
    """Nodes by what they are called, in lower case. A key of two nodes gives ``AMBIGUOUS``."""

    names: Mapping[str, str] = field(default_factory=dict)
    addresses: Mapping[str, str] = field(default_factory=dict)
    hostnames: Mapping[str, str] = field(default_factory=dict)
    short_names: Mapping[str, str] = field(default_factory=dict)
    """First labels of names and host names."""
    uuids: Mapping[str, str] = field(default_factory=dict)
    pods: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """By namespace and name."""

    @classmethod
    def of(cls, cluster: Cluster, node_infos: Iterable[Series[FactLabels]] = (), bound_pods: Iterable[BoundPod] = ()) -> Directory:
        """The directory of a cluster.

        Args:
            cluster: its nodes, and by what addresses the source of nodes knows them.
            node_infos: kube-state-metrics' word on nodes; of nodes that are not in the cluster it is passed over.
            bound_pods: pods that are bound; exporters are among them.
        """
        names = {node.name.lower(): node.name for node in cluster.nodes}
        known = set(names.values())
        keys = [
            (same_key(address), name) for name, addresses in cluster.addresses.items() if name in known for address in addresses
        ]
        uuids = []
        for info in node_infos:
            name = info.metric.exported_node or info.metric.node
            if name in known:
                keys.append((same_key(info.metric.internal_ip), name))
                uuids.append((info.metric.system_uuid.lower(), name))
        hosts = [(key, name) for key, name in keys if not _is_address(key)]
        return cls(
            names=names,
            addresses=_index((key, name) for key, name in keys if _is_address(key)),
            hostnames=_index(hosts),
            short_names=_index((key.partition(".")[0], name) for key, name in [*names.items(), *hosts] if not _is_address(key)),
            uuids=_index(uuids),
            pods={(bound.pod.namespace, bound.pod.name): bound.node_name for bound in bound_pods if bound.pod.name},
        )


class PodNames:
    """Which pod a namespace and name mean now, and which names meant another pod a moment ago.

    cAdvisor knows pods by name. A pod of a StatefulSet is followed by one of the same name, and for as long as the windows look
    back they are one series: its amounts are nobody's.

    Args:
        memory_seconds: how far the windows look back.
    """

    def __init__(self, memory_seconds: float) -> None:
        self._memory_seconds = memory_seconds
        self.uids: dict[tuple[str, str], str] = {}
        """By namespace and name."""
        self._gone: dict[tuple[str, str], tuple[str, float]] = {}  # name -> the pod it meant, and when it did so last
        self._renewed: dict[str, float] = {}  # uid -> when its name was another's last

    @property
    def renewed(self) -> frozenset[str]:
        """uids of pods whose samples may be their namesake's."""
        return frozenset(self._renewed)

    def update(self, bound_pods: Iterable[BoundPod], now_seconds: float) -> None:
        """Takes the pods that are bound now. Pods without a name cannot be told by one."""
        uids = {(bound.pod.namespace, bound.pod.name): bound.pod.uid for bound in bound_pods if bound.pod.name}
        for key in self.uids.keys() - uids.keys():
            self._gone[key] = (self.uids[key], now_seconds)
        for key, uid in uids.items():
            before = self.uids.get(key)
            if before is not None and before != uid:
                self._renewed[uid] = now_seconds
            elif before is None and key in self._gone and self._gone[key][0] != uid:
                self._renewed[uid] = self._gone[key][1]
        since = now_seconds - self._memory_seconds
        self._gone = {key: gone for key, gone in self._gone.items() if gone[1] > since}
        self._renewed = {uid: time for uid, time in self._renewed.items() if time > since}
        self.uids = uids


def same_key(text: str) -> str:
    """An IP address as it is always written; what is none, in lower case."""
    try:
        return ipaddress.ip_address(text).compressed
    except ValueError:
        return text.lower()


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _index(keys: Iterable[tuple[str, str]]) -> dict[str, str]:
    index: dict[str, str] = {}
    for key, name in keys:
        if key and index.setdefault(key, name) != name:
            index[key] = AMBIGUOUS
    return index
