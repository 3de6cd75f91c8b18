"""Objects of the API server as far as right-sizing needs them. Whatever else stands in the JSON is passed over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec
from hydatis_core.errors import HydatisError, InvalidValue
from hydatis_core.quantities import parse_quantity
from hydatis_serving.kube.pod_json import Quantities
from hydatis_sizing.node_cap import RECLAIMED_CPU, RECLAIMED_MEMORY

__all__ = [
    "CAP_RESOURCES",
    "LimitRange",
    "Metadata",
    "Namespace",
    "NodeObject",
    "Quota",
    "amounts_of",
    "read",
]

T = TypeVar("T")

#: Resource -> the extended resource of nodes and pods that stands for what was reclaimed of it.
CAP_RESOURCES: Mapping[str, str] = {"cpu": RECLAIMED_CPU, "memory": RECLAIMED_MEMORY}


class Metadata(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """``metadata``."""

    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class Namespace(msgspec.Struct, frozen=True, gc=False):
    """A namespace."""

    metadata: Metadata


class LimitRangeItem(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One item of a LimitRange."""

    type: str = ""
    min: Quantities | None = None
    max: Quantities | None = None
    max_limit_request_ratio: Quantities | None = None


class _LimitRangeSpec(msgspec.Struct, frozen=True, gc=False):
    limits: list[LimitRangeItem] | None = None


class LimitRange(msgspec.Struct, frozen=True, gc=False):
    """A LimitRange."""

    metadata: Metadata
    spec: _LimitRangeSpec = _LimitRangeSpec()


class _QuotaSpec(msgspec.Struct, frozen=True, gc=False):
    hard: Quantities | None = None


class Quota(msgspec.Struct, frozen=True, gc=False):
    """A ResourceQuota."""

    metadata: Metadata
    spec: _QuotaSpec = _QuotaSpec()


class _Taint(msgspec.Struct, frozen=True, gc=False):
    key: str = ""
    effect: str = ""


class _NodeSpec(msgspec.Struct, frozen=True, gc=False):
    unschedulable: bool = False
    taints: list[_Taint] | None = None


class _NodeStatus(msgspec.Struct, frozen=True, gc=False):
    capacity: Quantities | None = None
    allocatable: Quantities | None = None


class NodeObject(msgspec.Struct, frozen=True, gc=False):
    """A node."""

    metadata: Metadata
    spec: _NodeSpec = _NodeSpec()
    status: _NodeStatus = _NodeStatus()

    @property
    def takes_pods(self) -> bool:
        """Whether nothing keeps every pod off it."""
        return not self.spec.unschedulable and not any(
            taint.effect in ("NoSchedule", "NoExecute") for taint in self.spec.taints or ()
        )


_DECODERS: dict[type, msgspec.json.Decoder[object]] = {}


def read(kind: type[T], text: bytes | msgspec.Raw) -> T:
    """An object of a kind.

    Raises:
        InvalidValue: it is none.
    """
    decoder = _DECODERS.setdefault(kind, msgspec.json.Decoder(kind))
    try:
        found = decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError) as wrong:
        raise InvalidValue(f"it is no {kind.__name__}: {wrong}", field="object", expected=f"a {kind.__name__} as JSON") from None
    assert isinstance(found, kind)
    return found


def amounts_of(quantities: Quantities | None) -> dict[str, float]:
    """Amounts by resource, in base units; one that is no quantity is left out."""
    found: dict[str, float] = {}
    for name, quantity in (quantities or {}).items():
        try:
            found[name] = parse_quantity(quantity, field=name)
        except HydatisError:
            continue
    return found
