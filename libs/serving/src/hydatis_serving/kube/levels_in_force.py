"""How low the requests of a workload may be set now, in the status of its SizeRecommendation.

Advice may fall far and at once. What is in force falls to it step by step, lowered by one leader; whoever sets requests (a webhook
of several replicas, a resizer) goes no lower than what is in force, and so all of them do the same without asking each other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from hydatis_core.quantities import cpu_quantity, memory_quantity, parse_quantity
from hydatis_sizing.recommendation import Amounts

from hydatis_serving.kube.pod_json import Quantities

__all__ = ["InForce", "InForceJson", "Level", "read_in_force", "written_in_force"]


class LevelJson(msgspec.Struct, frozen=True, gc=False):
    """One container's."""

    name: str
    requests: Quantities | None = None
    base: Quantities | None = None


class InForceJson(msgspec.Struct, frozen=True, gc=False):
    """``status.inForce``."""

    since: datetime
    containers: list[LevelJson] = []


@dataclass(frozen=True, slots=True)
class Level:
    """Of one container."""

    requests: Amounts
    """How low it may be set; NaN: not at all."""
    base: Amounts
    """What that was at ``InForce.since_seconds``."""


@dataclass(frozen=True, slots=True)
class InForce:
    """Of a workload."""

    since_seconds: float
    """Unix seconds at which the day began whose step they are."""
    by_container: Mapping[str, Level]

    def requests(self, container: str) -> Amounts:
        """How low a container's requests may be set; NaN: not at all."""
        level = self.by_container.get(container)
        return level.requests if level is not None else Amounts(math.nan, math.nan)


def read_in_force(told: InForceJson | None, where: str) -> InForce | None:
    """What is in force; None: nothing ever was.

    Raises:
        InvalidValue: an amount is no quantity.
    """
    if told is None:
        return None
    levels = {one.name: Level(_amounts(one.requests, where), _amounts(one.base, where)) for one in told.containers}
    return InForce(told.since.timestamp(), levels)


def written_in_force(in_force: InForce) -> dict[str, Any]:
    """As it stands in the status."""
    return {
        "since": datetime.fromtimestamp(in_force.since_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "containers": [
            {"name": name, "requests": _quantities(level.requests), "base": _quantities(level.base)}
            for name, level in sorted(in_force.by_container.items())
        ],
    }


def _amounts(told: Quantities | None, where: str) -> Amounts:
    read = {name: parse_quantity(told[name], field=f"{where}.{name}") for name in ("cpu", "memory") if told and name in told}
    return Amounts(read.get("cpu", math.nan), read.get("memory", math.nan))


def _quantities(amounts: Amounts) -> dict[str, str]:
    written = {} if math.isnan(amounts.cpu_cores) else {"cpu": cpu_quantity(amounts.cpu_cores)}
    return written if math.isnan(amounts.memory_bytes) else written | {"memory": memory_quantity(amounts.memory_bytes)}
