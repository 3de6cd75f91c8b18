"""The right-sizer's policy: whether it does anything, to whom, and how far it may go at most.

It lives in a ConfigMap that is read again whenever it changes. Without one, with one that was never good, and when it is deleted,
the right-sizer does nothing: nobody said that it may.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from hydatis_serving.policy_file import NamespaceRule, from_yaml

__all__ = ["KEY", "Mode", "ReliefPolicy", "ResizePolicy", "RightSizingPolicy", "parse_policy"]

Mode = Literal["off", "report", "apply"]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Positive = Annotated[float, msgspec.Meta(gt=0)]
#: Key of the ConfigMap.
KEY = "policy.yaml"


class ResizePolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How pods that run are resized in place."""

    enabled: bool = False
    """Whether they are at all."""
    share_ratio: Share = 0.1
    """Share of a workload's pods that may be under observation at a time; one always may."""
    observation_seconds: Positive = 600.0
    """How long a resized pod is watched for trouble before the next ones follow."""
    quarantine_seconds: Positive = 7 * 86_400.0
    """How long a workload that had trouble is left alone."""
    throttled_ratio: Share = 0.25
    """Share of its time that a resized pod may wait for CPU; more is trouble, unless it did before. Prometheus says it."""
    latency_query: str = ""
    """PromQL for the latency of a workload in seconds, $namespace, $kind and $name filled in. Empty: it is not known."""
    latency_rise_ratio: Positive = 0.2
    """By how much of itself it may rise after a resize; more is trouble."""


class ReliefPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How nodes that are forecast to stay hot are relieved."""

    mode: Literal["off", "report", "prefer", "forbid"] = "off"
    """prefer: taint PreferNoSchedule; forbid: NoSchedule; report: say which nodes it would be."""
    node_share_ratio: Share = 0.1
    """Share of the nodes that may be tainted at a time; one always may."""
    hot_ratio: Positive = 0.9
    """A node whose forecast p95 of CPU stays above this share of its allocatable is hot."""
    cool_ratio: Positive = 0.75
    """And is relieved until it is below this."""


class RightSizingPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One reading of the policy; every field may be left out."""

    mode: Mode = "off"
    """report: say what would be done. apply: do it, in namespaces whose label says so."""
    namespaces: NamespaceRule = NamespaceRule()
    """Which namespaces may take part; their own label must say so besides."""
    cap_ratio: Annotated[float, msgspec.Meta(ge=1, le=10)] = 2.0
    """Sum of the original requests on a node over its allocatable, at most; kube-scheduler's own filter holds it."""
    stale_days: Positive = 7.0
    """A recommendation whose newest sample is older is not applied."""
    history_days: Positive = 2.0
    """Nor is one that rests on less."""
    floor_cpu_cores: Positive = 0.025
    """No CPU request is set below; an owner who asked for less keeps that."""
    floor_memory_mib: Positive = 250.0
    """The same of memory."""
    most_growth_ratio: Annotated[float, msgspec.Meta(ge=1)] = 10.0
    """A recommendation above so many times the owner's request is refused as absurd; one above the request is not followed."""
    most_shrink_per_day: Annotated[float, msgspec.Meta(ge=1)] = 2.0
    """A workload's request is divided in a day by so much at most."""
    taken_ratio: Share = 0.05
    """Share of the cluster's requested CPU, and memory, that may be taken away within a window."""
    taken_window_seconds: Positive = 3600.0
    """The window."""
    resize: ResizePolicy = ResizePolicy()
    """Running pods."""
    relief: ReliefPolicy = ReliefPolicy()
    """Hot nodes."""

    def allows(self, namespace: str) -> bool:
        """Whether a namespace may take part."""
        return self.namespaces.takes(namespace)


def parse_policy(text: bytes, shown: str = "") -> RightSizingPolicy:
    """A policy from YAML. An empty text is a policy of defaults, which does nothing.

    Args:
        text: the YAML.
        shown: where it came from, for errors.

    Raises:
        InvalidValue: not YAML, an unknown field, or a value out of range.
    """
    return from_yaml(RightSizingPolicy, text, shown, "relief")
