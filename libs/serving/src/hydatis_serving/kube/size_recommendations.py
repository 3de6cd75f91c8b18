"""Advice as an object of the cluster, ``sizerecommendations.hydatis.io``: the one place that knows both sides.

One object per workload, named after it, so that a review, a rollback or a `kubectl edit` is about one workload. What stands in it
may have been written by anybody: it is checked here as what a stranger sends. Amounts that are not known are not written.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from hydatis_core.errors import InvalidValue
from hydatis_core.quantities import cpu_quantity, memory_quantity, parse_quantity
from hydatis_sizing.recommendation import Amounts, ContainerName, Recommendation, Risk

from hydatis_serving.kube.levels_in_force import InForce, InForceJson, read_in_force
from hydatis_serving.kube.pod_json import Quantities

__all__ = ["API_VERSION", "KIND", "PLURAL", "SizeRecommendation", "object_name", "object_path", "read_object", "written_object"]

GROUP, API_VERSION, KIND, PLURAL = "hydatis.io", "hydatis.io/v1alpha1", "SizeRecommendation", "sizerecommendations"
MIB = 2.0**20
_LONGEST_NAME = 253


class _Amounts(msgspec.Struct, frozen=True, gc=False):
    requests: Quantities | None = None
    limits: Quantities | None = None


class _Risk(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    cpu_above_ratio: float | None = None
    memory_above_ratio: float | None = None
    kills_per_pod_day: float | None = None


class _Container(_Amounts, frozen=True, gc=False, kw_only=True):
    name: str
    owned: _Amounts = _Amounts()
    risk: _Risk = _Risk()
    untouched: str = ""


class _Target(msgspec.Struct, frozen=True, gc=False):
    kind: str
    name: str


class _Spec(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    target_ref: _Target
    made_at: datetime
    history_days: float
    pods_count: int
    containers: list[_Container]
    mode: Literal["Apply", "Report"] = "Apply"
    untouched: str = ""


class _Status(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    quarantined_until: datetime | None = None
    in_force: InForceJson | None = None


class _Metadata(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    name: str
    namespace: str
    uid: str = ""
    resource_version: str = ""
    generation: int = 0


class _Object(msgspec.Struct, frozen=True, gc=False):
    metadata: _Metadata
    spec: _Spec
    status: _Status = _Status()


_OBJECT = msgspec.json.Decoder(_Object)


@dataclass(frozen=True, slots=True)
class SizeRecommendation:
    """An object as the API server has it."""

    namespace: str
    name: str
    """Of the object."""
    workload: str
    """Kind and name of the owner, "Deployment/web"."""
    mode: str
    """Apply or Report."""
    containers: tuple[Recommendation, ...]
    """In the object's order; ``untouched`` of all of them is set where the object's is."""
    quarantined_until_seconds: float = math.nan
    """Unix seconds; NaN: it is not."""
    in_force: InForce | None = None
    """None: nothing of it was ever in force."""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    by_container: Mapping[str, Recommendation] = field(init=False, repr=False, compare=False)
    """The same by the container's name."""

    @property
    def pods_count(self) -> int:
        """Pods that ran when it was made."""
        return max((one.pods_count for one in self.containers), default=0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_container", {one.container.container: one for one in self.containers})


def object_name(workload: str) -> str:
    """Name of the object of a workload, "deployment-web".

    What is no name in Kubernetes, or is too long, is written as near to it as may be, with a digest that keeps two of them apart.
    """
    plain = workload.replace("/", "-", 1).lower()
    name = re.sub(r"[^a-z0-9.-]+", "-", plain)[: _LONGEST_NAME - 9].strip("-.")
    if name == plain:
        return name
    return f"{name}-{hashlib.sha256(workload.encode()).hexdigest()[:8]}".lstrip("-")


def object_path(namespace: str, workload: str = "") -> str:
    """Path of the object of a workload at the API server; without one: of all objects of a namespace, or of all namespaces."""
    collection = f"/apis/{API_VERSION}/namespaces/{namespace}/{PLURAL}" if namespace else f"/apis/{API_VERSION}/{PLURAL}"
    return f"{collection}/{object_name(workload)}" if workload else collection


def written_object(advice: Sequence[Recommendation], mode: str = "Apply") -> dict[str, Any]:
    """The object of a workload. Advised memory is rounded up to a MiB, CPU to a thousandth of a core.

    Args:
        advice: for each of its containers, at least one, all of one workload.
        mode: Apply or Report.

    Raises:
        InvalidValue: there is none, it is of several workloads, or the workload has no kind and name.
    """
    workloads = {(one.container.namespace, one.container.workload) for one in advice}
    if len(workloads) != 1:
        raise InvalidValue(f"advice for {len(workloads)} workloads", field="advice", expected="the containers of one workload")
    ((namespace, workload),) = workloads
    kind, _, name = workload.partition("/")
    if not (namespace and kind and name):
        raise InvalidValue(f"{namespace}/{workload!r} is no workload", field="workload", expected='a namespace, and "Kind/name"')
    untouched = {one.untouched for one in advice}
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": object_name(workload), "namespace": namespace},
        "spec": {
            "targetRef": {"kind": kind, "name": name},
            "mode": mode,
            "madeAt": _time(min(one.made_at_seconds for one in advice)),
            "historyDays": round(min(one.history_days for one in advice), 2),
            "podsCount": max(one.pods_count for one in advice),
            # one reason for all of them is the workload's
            "untouched": next(iter(untouched)) if len(untouched) == 1 else "",
            "containers": [_container(one, alone=len(untouched) > 1) for one in sorted(advice, key=lambda one: one.container)],
        },
    }


def read_object(text: bytes | msgspec.Raw) -> SizeRecommendation:
    """An object as the API server or a file has it, as JSON.

    Raises:
        InvalidValue: it is none, an amount is no quantity or negative, or a limit is below its request.
    """
    try:
        read = _OBJECT.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError) as wrong:
        raise InvalidValue(f"it is not a {KIND}: {wrong}", field="object", expected=f"a {KIND} as JSON") from None
    meta, spec = read.metadata, read.spec
    workload = f"{spec.target_ref.kind}/{spec.target_ref.name}"
    if not 0 <= spec.history_days < math.inf or spec.pods_count < 0:
        where = f"{meta.namespace}/{meta.name}"
        raise InvalidValue(f"{where} has negative days or pods", field="spec.historyDays, spec.podsCount", expected=">= 0")
    until = read.status.quarantined_until
    return SizeRecommendation(
        namespace=meta.namespace,
        name=meta.name,
        workload=workload,
        mode=spec.mode,
        containers=tuple(_recommendation(one, meta, spec, workload) for one in spec.containers),
        quarantined_until_seconds=until.timestamp() if until else math.nan,
        in_force=read_in_force(read.status.in_force, f"{meta.namespace}/{meta.name}.status.inForce"),
        uid=meta.uid,
        resource_version=meta.resource_version,
        generation=meta.generation,
    )


def _container(one: Recommendation, *, alone: bool) -> dict[str, Any]:
    memory_limit = {} if math.isnan(one.memory_limit_bytes) else {"memory": _advised_memory(one.memory_limit_bytes)}
    owned = {
        "requests": _quantities(one.owned.cpu_cores, one.owned.memory_bytes),
        "limits": _quantities(math.nan, one.owned_memory_limit_bytes),
    }
    risk = {
        "cpuAboveRatio": one.risk.cpu_above_ratio,
        "memoryAboveRatio": one.risk.memory_above_ratio,
        "killsPerPodDay": one.risk.kills_per_pod_day,
    }
    told: dict[str, Any] = {
        "name": one.container.container,
        "owned": {kind: amounts for kind, amounts in owned.items() if amounts},
        "requests": _quantities(one.requests.cpu_cores, _up_to_mib(one.requests.memory_bytes)),
        "limits": memory_limit,
        "risk": {name: float(f"{ratio:.3g}") for name, ratio in risk.items() if not math.isnan(ratio)},
        "untouched": one.untouched if alone else "",
    }
    return {name: value for name, value in told.items() if value}


def _quantities(cores: float, memory_bytes: float) -> dict[str, str]:
    told = {} if math.isnan(cores) else {"cpu": cpu_quantity(cores)}
    return told if math.isnan(memory_bytes) else told | {"memory": memory_quantity(memory_bytes)}


def _up_to_mib(amount_bytes: float) -> float:
    return amount_bytes if math.isnan(amount_bytes) else math.ceil(amount_bytes / MIB) * MIB


def _advised_memory(amount_bytes: float) -> str:
    return memory_quantity(_up_to_mib(amount_bytes))


def _recommendation(one: _Container, meta: _Metadata, spec: _Spec, workload: str) -> Recommendation:
    where = f"{meta.namespace}/{meta.name}.spec.containers[{one.name}]"
    requests = _amounts(one.requests, f"{where}.requests")
    limit = _amounts(one.limits, f"{where}.limits").memory_bytes
    if limit < requests.memory_bytes:
        raise InvalidValue("the memory limit is below the request", field=where, expected="a limit of at least the request")
    return Recommendation(
        container=ContainerName(meta.namespace, workload, one.name),
        pods_count=spec.pods_count,
        owned=_amounts(one.owned.requests, f"{where}.owned.requests"),
        owned_memory_limit_bytes=_amounts(one.owned.limits, f"{where}.owned.limits").memory_bytes,
        requests=requests,
        memory_limit_bytes=limit,
        risk=Risk(
            *(_ratio(value, where) for value in (one.risk.cpu_above_ratio, one.risk.memory_above_ratio, one.risk.kills_per_pod_day))
        ),
        history_days=spec.history_days,
        made_at_seconds=spec.made_at.timestamp(),
        untouched=one.untouched or spec.untouched,
    )


def _amounts(told: Quantities | None, where: str) -> Amounts:
    read = {name: parse_quantity(told[name], field=f"{where}.{name}") for name in ("cpu", "memory") if told and name in told}
    return Amounts(read.get("cpu", math.nan), read.get("memory", math.nan))


def _ratio(value: float | None, where: str) -> float:
    if value is not None and not 0 <= value < math.inf:
        raise InvalidValue(f"{value!r} is no risk", field=f"{where}.risk", expected=">= 0")
    return math.nan if value is None else value


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
