"""The policy file: who is placed by HYDATIS, how far, and by which thresholds.

Extenders are shared by all profiles of a scheduler and their weight cannot be 0, so switching off, ramping and shadowing live
here, in a YAML file that is read again whenever it changes. A file that cannot be read changes nothing: the last good one goes
on, and says so. Whoever writes it (`hydatis off`) and whoever obeys it (the shim) read it by this one reader.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import Enum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec
import yaml
from hydatis_core.errors import InvalidValue

__all__ = [
    "OFF",
    "Mode",
    "NamespaceRule",
    "Policy",
    "Standing",
    "from_yaml",
    "parse_policy",
    "ramp_position_pct",
    "read_policy",
    "read_text",
    "standing_of",
]

T = TypeVar("T")
Mode = Literal["on", "shadow", "off"]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
#: A policy larger than this is not a policy.
MAX_POLICY_BYTES = 1 << 20


class Standing(Enum):
    """What a pod is to us, and why. The value is the metric's label."""

    ON = "on"
    SHADOW = "shadow"
    DISABLED = "disabled"
    OFF = "off"
    NAMESPACE = "namespace"
    SCHEDULER_NAME = "scheduler_name"
    POD_LABELS = "pod_labels"
    RAMP = "ramp"


class NamespaceRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Namespaces by shell pattern ("team-*")."""

    include: tuple[str, ...] = ("*",)
    """At least one must match."""
    exclude: tuple[str, ...] = ()
    """None may match; outweighs ``include``."""

    def takes(self, namespace: str) -> bool:
        """Whether it is one of them."""
        included = any(fnmatchcase(namespace, pattern) for pattern in self.include)
        return included and not any(fnmatchcase(namespace, pattern) for pattern in self.exclude)


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One reading of the policy file; every field may be left out."""

    enabled: bool = True
    """False: every pod is placed as if HYDATIS were not there, and nothing is computed."""
    mode: Mode = "on"
    """"shadow" computes and records the decision and answers neutrally."""
    namespaces: NamespaceRule = NamespaceRule()
    """Which namespaces take part."""
    scheduler_names: tuple[str, ...] = ()
    """Which ``schedulerName`` take part; empty: all."""
    pod_labels: dict[str, str] = msgspec.field(default_factory=dict)
    """Labels that a pod must have, all of them, to take part; empty: none."""
    ramp_pct: Annotated[float, msgspec.Meta(ge=0, le=100)] = 100.0
    """Share of the pods that take part, by a stable hash of the pod's UID: a pod that takes part at 10 does at 50."""
    objective_weight: Share = 0.0
    """0 spreads load over nodes, 1 packs it on few."""
    cpu_threshold_ratio: Annotated[float, msgspec.Meta(gt=0, le=10)] = 0.90
    """The filter rejects a node whose p95 CPU forecast after placement passes it."""
    memory_threshold_ratio: Annotated[float, msgspec.Meta(gt=0, le=10)] = 0.95
    """The same for memory."""
    avoid_anomalous: bool = True
    """Whether the filter rejects nodes that are confirmed anomalous."""
    epsilon: Annotated[float, msgspec.Meta(ge=0, le=10)] | None = None
    """Nodes whose utility is within it of the best share score 10, in the unit of utility. Absent: the placement library's own."""
    decision_budget_ms: Annotated[int, msgspec.Meta(ge=5, le=5000)] | None = None
    """Milliseconds a decision may take before a lower rung answers. Absent: the setting of the same name."""


#: What holds when a policy file was named and none could ever be read: nobody said that we may place pods.
OFF = Policy(mode="off")


def read_policy(path: Path) -> Policy:
    """Reads a policy file. Raises as ``parse_policy``, and when it cannot be read."""
    return parse_policy(read_text(path), str(path))


def read_text(path: Path) -> bytes:
    """The file as it stands.

    Raises:
        InvalidValue: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as wrong:
        raise InvalidValue(f"policy file {path} cannot be read: {wrong.strerror}", field="policy_file") from None


def parse_policy(text: bytes, shown: str = "") -> Policy:
    """A policy from YAML. An empty text is a policy of defaults.

    Args:
        text: the YAML.
        shown: where it came from, for errors.

    Raises:
        InvalidValue: not YAML, an unknown field, or a value out of range.
    """
    return from_yaml(Policy, text, f"file {shown}")


def from_yaml(kind: type[T], text: bytes, shown: str, *parts: str) -> T:
    """A policy of some kind from YAML. An empty text is one of defaults.

    Args:
        kind: the struct.
        text: the YAML.
        shown: what it is and where it came from, for errors: "file /etc/policy.yaml".
        *parts: fields that have a ``mode`` of their own; an unquoted on or off is a mode there, as at the top.

    Raises:
        InvalidValue: longer than 1 MiB, not YAML, an unknown field, or a value out of range.
    """
    if len(text) > MAX_POLICY_BYTES:
        raise InvalidValue(f"policy {shown} is {len(text)} bytes long", field="policy", expected="at most 1 MiB")
    try:
        found = yaml.safe_load(text)
        for part in (found, *(found.get(name) for name in parts if isinstance(found, dict))):
            if isinstance(part, dict) and isinstance(part.get("mode"), bool):
                part["mode"] = "on" if part["mode"] else "off"  # YAML 1.1 reads an unquoted on or off as a truth value
        return msgspec.convert({} if found is None else found, kind)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as wrong:
        where = getattr(wrong, "problem_mark", None)
        line = f" at line {where.line + 1}" if where is not None else ""
        raise InvalidValue(f"policy {shown} is not YAML{line}", field="policy", expected="a YAML mapping") from None
    except msgspec.ValidationError as wrong:
        raise InvalidValue(f"policy {shown}: {wrong}", field="policy", expected="the fields of a policy") from None


def standing_of(policy: Policy, namespace: str, scheduler_name: str, uid: str, labels: Mapping[str, str]) -> Standing:
    """What a pod is to us under a policy; the first row that holds, in the order of this table."""
    table = (
        (not policy.enabled, Standing.DISABLED),
        (policy.mode == "off", Standing.OFF),
        (not policy.namespaces.takes(namespace), Standing.NAMESPACE),
        (bool(policy.scheduler_names) and scheduler_name not in policy.scheduler_names, Standing.SCHEDULER_NAME),
        (not policy.pod_labels.items() <= labels.items(), Standing.POD_LABELS),
        (policy.ramp_pct < 100.0 and ramp_position_pct(uid) >= policy.ramp_pct, Standing.RAMP),
        (policy.mode == "shadow", Standing.SHADOW),
    )
    return next((standing for holds, standing in table if holds), Standing.ON)


def ramp_position_pct(uid: str) -> float:
    """Where a pod stands in the ramp, 0 <= position < 100, the same in every replica and after every restart."""
    return int.from_bytes(hashlib.blake2b(uid.encode(), digest_size=4).digest(), "big") * (100.0 / 2**32)
