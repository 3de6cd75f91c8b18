"""The policy in force: the last good reading of its ConfigMap. A switch acts at once; a bad edit changes nothing but a metric."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from hydatis_core.errors import InvalidValue
from hydatis_serving.kube.watch import Resource
from hydatis_serving.logs import get_logger
from msgspec import Raw

from hydatis_right_sizer.policy import KEY, RightSizingPolicy, parse_policy
from hydatis_right_sizer.right_sizer_metrics import RightSizerMetrics

__all__ = ["PolicyKeeper"]

_log = get_logger(__name__)


class _ConfigMap(msgspec.Struct, frozen=True):
    data: dict[str, str] | None = None


_CONFIG_MAP = msgspec.json.Decoder(_ConfigMap)


class PolicyKeeper:
    """Keeps it; the sink of a ``Watcher`` of one ConfigMap.

    Args:
        namespace, name: of the ConfigMap.
        metrics: where readings are counted.
    """

    def __init__(self, namespace: str, name: str, metrics: RightSizerMetrics) -> None:
        self.resource = Resource("policy", f"/api/v1/namespaces/{namespace}/configmaps", f"metadata.name={name}")
        self._shown = f"ConfigMap {namespace}/{name}"
        self._metrics = metrics
        self._listed: bytes | None = None
        self._text: bytes | None = None
        self.policy = RightSizingPolicy()
        """The policy in force."""
        self.problem = "it was not read yet"
        """What is wrong with it; empty: nothing."""
        self.was_read = False
        """Whether it was looked for once, found or not: until then off means nothing."""

    def listing(self) -> None:
        """A list begins."""
        self._listed = None

    def page(self, objects: Sequence[Raw]) -> None:
        """The ConfigMap, if there is one."""
        for text in objects:
            self._listed = self._policy_of(text)

    def listed(self) -> None:
        """The list is whole."""
        self.take(self._listed)

    def changed(self, changes: Sequence[tuple[str, Raw]]) -> None:
        """It was changed or deleted."""
        for kind, text in changes:
            self.take(None if kind == "DELETED" else self._policy_of(text))

    def take(self, text: bytes | None) -> None:
        """Takes the policy's text; None: there is none, and nothing is done."""
        self.was_read = True
        if text is None:
            self._text, self.policy = None, RightSizingPolicy()
            self._refuse(f"{self._shown} has no {KEY}, or is not there: nothing is done")
            return
        if text == self._text and not self.problem:
            return
        try:
            policy = parse_policy(text, self._shown)
        except InvalidValue as wrong:
            self._refuse(str(wrong))
            return
        self._text, self.policy, self.problem = text, policy, ""
        self._metrics.policy_read(True)
        self._metrics.policy_mode(policy.mode)
        _log.info("policy in force", mode=policy.mode, resize=policy.resize.enabled, relief=policy.relief.mode)

    def _refuse(self, problem: str) -> None:
        self._metrics.policy_mode(self.policy.mode)
        if problem != self.problem:
            self.problem = problem
            self._metrics.policy_read(False)
            _log.error("policy refused, the last good one goes on", reason=problem, mode=self.policy.mode)

    def _policy_of(self, text: Raw) -> bytes | None:
        try:
            said = (_CONFIG_MAP.decode(text).data or {}).get(KEY)
        except msgspec.MsgspecError:
            return None
        return None if said is None else said.encode()
