"""Which node is behind a target? Monitoring setups name nodes in a dozen ways, and none of them is relied on here.

Every strategy of the table looks at a target in its own way, and answers with a node or keeps silent. All that answer must agree:
two that contradict each other mean that the node is not known, and an unknown node's use is unknown, which a decision can live
with; another node's use is an error that nobody sees.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from hydatis_serving.prometheus.answers import TargetLabels

from hydatis_feature_service.prometheus_directory import AMBIGUOUS, Directory, same_key

__all__ = ["OUTCOMES", "STRATEGIES", "UNPLACED", "Clues", "Found", "TargetBook", "host_of", "look_up", "target_itself"]


@dataclass(frozen=True, slots=True)
class Clues:
    """A target and what info series say of it."""

    target: TargetLabels
    host: str
    """``instance`` without scheme, port and path, in lower case."""
    uname: str = ""
    """The host name that the machine itself says."""
    product_uuid: str = ""


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way to tell the node of a target."""

    name: str
    look_up: Callable[[Clues, Directory], str | None]
    """A node's name, ``AMBIGUOUS``, or None: it cannot say."""


def _first(keys: Iterable[str], *indexes: Mapping[str, str]) -> str | None:
    return next((index[key.lower()] for key in keys for index in indexes if key and key.lower() in index), None)


def _labels(target: TargetLabels) -> tuple[str, ...]:
    return (target.node, target.kubernetes_node, target.node_name, target.kubernetes_io_hostname, target.nodename)


def _own_pod(clues: Clues, found: Directory) -> str | None:
    return found.pods.get((clues.target.namespace, clues.target.pod))


#: In the order in which they are named as the reason; all that answer must agree.
STRATEGIES: tuple[Strategy, ...] = (
    Strategy("node_label", lambda clues, found: _first(_labels(clues.target), found.names, found.hostnames)),
    Strategy("instance_name", lambda clues, found: _first([clues.host], found.names)),
    Strategy("instance_address", lambda clues, found: _first([same_key(clues.host)], found.addresses)),
    Strategy("instance_hostname", lambda clues, found: _first([clues.host], found.hostnames)),
    Strategy("host_label", lambda clues, found: _first([clues.target.host, clues.target.hostname], found.names, found.hostnames)),
    Strategy("own_pod", _own_pod),
    Strategy("uname", lambda clues, found: _first([clues.uname], found.names, found.hostnames)),
    Strategy("system_uuid", lambda clues, found: _first([clues.product_uuid], found.uuids)),
)

#: Asked only where all of the above keep silent: a name without its domain.
LAST_RESORT = Strategy(
    "short_name",
    lambda clues, found: _first(
        [key.partition(".")[0] for key in (*_labels(clues.target), clues.host, clues.uname) if not key.replace(".", "").isdigit()],
        found.short_names,
    ),
)

#: Why a target's samples are left out. contradicted: its names mean several nodes; ambiguous: a name of its is that of several;
#: unknown: none is any node's; crowded: too many hosts claim to be its node.
UNPLACED = ("contradicted", "ambiguous", "unknown", "crowded")
#: What can come of a target.
OUTCOMES = (*(strategy.name for strategy in STRATEGIES), LAST_RESORT.name, *UNPLACED)


@dataclass(frozen=True, slots=True)
class Found:
    """What came of a target."""

    outcome: str
    """The strategy that told the node, or one of ``UNPLACED``."""
    node_name: str = ""
    """Empty: not known."""


@dataclass
class TargetBook:
    """Targets and their nodes, each looked up once for as long as the directory holds."""

    directory: Directory = field(default_factory=Directory)
    unames: Mapping[TargetLabels, str] = field(default_factory=dict)
    product_uuids: Mapping[TargetLabels, str] = field(default_factory=dict)
    _found: dict[TargetLabels, Found] = field(default_factory=dict)

    def find(self, target: TargetLabels) -> Found:
        """The node of a target."""
        found = self._found.get(target)
        if found is None:
            key = target_itself(target)
            clues = Clues(target, host_of(target.instance), self.unames.get(key, ""), self.product_uuids.get(key, ""))
            found = self._found[target] = look_up(clues, self.directory)
        return found

    def counts(self, targets: Iterable[TargetLabels]) -> Counter[str]:
        """How many targets came to which outcome."""
        return Counter(self.find(target).outcome for target in targets)


def look_up(clues: Clues, directory: Directory) -> Found:
    """The node of a target, by all strategies."""
    told = [(strategy.name, strategy.look_up(clues, directory)) for strategy in STRATEGIES]
    sure = [(name, node) for name, node in told if node]
    if not sure:
        told.append((LAST_RESORT.name, LAST_RESORT.look_up(clues, directory)))
        sure = [(name, node) for name, node in told if node]
    if len({node for _, node in sure}) > 1:
        return Found("contradicted")
    if sure:
        return Found(sure[0][0], sure[0][1] or "")
    return Found("ambiguous" if any(node == AMBIGUOUS for _, node in told) else "unknown")


def host_of(instance: str) -> str:
    """``instance`` without scheme, port and path: ``http://[fd00::1]:9100/metrics`` is at ``fd00::1``."""
    host = instance.partition("://")[2] or instance
    host = host.partition("/")[0]
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return (host if host.count(":") > 1 else host.partition(":")[0]).lower()


def target_itself(target: TargetLabels) -> TargetLabels:
    """The target itself: ``nodename`` is a label of its info series."""
    return TargetLabels(
        node=target.node,
        kubernetes_node=target.kubernetes_node,
        node_name=target.node_name,
        kubernetes_io_hostname=target.kubernetes_io_hostname,
        host=target.host,
        hostname=target.hostname,
        instance=target.instance,
        namespace=target.namespace,
        pod=target.pod,
    )
