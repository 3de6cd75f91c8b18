"""The queries of one tick, and what is known from tick to tick of asking them.

A query that fails is spared for a while, twice as long each time: a server out of breath is not helped by being asked again, and
one that refuses a query will refuse it again. The other queries are asked meanwhile. A server that cannot be reached is tried at
every tick: that costs nobody anything, and its return is seen at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hydatis_serving.prometheus.answers import FACT_DECODER, POD_DECODER, TARGET_DECODER, FactLabels, Series, TargetLabels
from hydatis_serving.prometheus.client import PrometheusClient, Reply
from hydatis_serving.prometheus.queries import FACTS, GROUP_QUANTITIES, POD_QUANTITIES, Asking, Quantity

from hydatis_feature_service.prometheus_metrics import PrometheusSourceMetrics
from hydatis_feature_service.prometheus_targets import target_itself

__all__ = ["SPARED", "Facts", "PrometheusAsker"]

#: The outcome of a query that was not asked because it failed before.
SPARED = "spared"
_FACTS = "facts"
_FACTS_SECONDS = 300.0
_UNSURE_TICKS = 4
_MOST_PAUSE_SECONDS = 60.0
_OF_PODS = frozenset(quantity.name for quantity in POD_QUANTITIES + GROUP_QUANTITIES)


@dataclass(frozen=True)
class Facts:
    """What changes seldom: who is behind a target, and which rules are recorded."""

    node_infos: tuple[Series[FactLabels], ...] = ()
    """kube-state-metrics' word on nodes."""
    unames: Mapping[TargetLabels, str] = field(default_factory=dict)
    """Host names that machines say of themselves, by target."""
    product_uuids: Mapping[TargetLabels, str] = field(default_factory=dict)
    """Hardware ids, by target."""
    recorded: bool = False
    """Whether the recording rules are there, with the same windows as ours."""


@dataclass
class _Pause:
    failures_count: int = 0
    until_seconds: float = 0.0


class PrometheusAsker:
    """Asks what a tick needs.

    Args:
        client: whom.
        asking: windows and matchers.
        metrics: where queries are counted.
    """

    def __init__(self, client: PrometheusClient, asking: Asking, metrics: PrometheusSourceMetrics) -> None:
        self._client = client
        self._asking = asking
        self._metrics = metrics
        self._pauses: dict[str, _Pause] = {}
        self._facts_at_seconds = float("-inf")
        self.facts = Facts()
        """As they were told last."""
        self.is_unsure = False
        """Set where a target's node is not known: facts are asked for more often then."""

    async def sweep(
        self, quantities: Iterable[Quantity], at_seconds: float, within_seconds: float, tick_seconds: float
    ) -> dict[str, Reply[Any]]:
        """Asks all of them at once; returns when each was answered, failed or was late, by name.

        Args:
            quantities: what to ask for.
            at_seconds: the time the queries are evaluated at.
            within_seconds: after that an answer is late.
            tick_seconds: the least that a failed query is spared.
        """
        told = {
            quantity.name: (quantity.promql(self._asking, recorded=self.facts.recorded), quantity.name in _OF_PODS)
            for quantity in quantities
        }
        asked = {
            name: asyncio.create_task(
                self._client.ask(promql, at_seconds, POD_DECODER if of_pods else TARGET_DECODER, within_seconds)
            )
            for name, (promql, of_pods) in told.items()
            if not self._is_spared(name, at_seconds)
        }
        await self.learn(at_seconds, within_seconds, tick_seconds)
        replies = {name: await task for name, task in asked.items()}
        for name, reply in replies.items():
            self._note(name, reply, at_seconds, tick_seconds)
        return {name: replies.get(name, Reply(SPARED)) for name in told}

    async def learn(self, at_seconds: float, within_seconds: float, tick_seconds: float) -> None:
        """Asks for facts where it is time to; arguments as of ``sweep``."""
        facts_seconds = _UNSURE_TICKS * tick_seconds if self.is_unsure else _FACTS_SECONDS
        if at_seconds - self._facts_at_seconds >= facts_seconds and not self._is_spared(_FACTS, at_seconds):
            await self._refresh(at_seconds, within_seconds, tick_seconds)

    async def close(self) -> None:
        """Closes its connections."""
        await self._client.close()

    def _is_spared(self, name: str, at_seconds: float) -> bool:
        pause = self._pauses.get(name)
        return pause is not None and at_seconds < pause.until_seconds

    async def _refresh(self, at_seconds: float, within_seconds: float, tick_seconds: float) -> None:
        asks = [self._client.ask(self._asking.filled(text), at_seconds, FACT_DECODER, within_seconds) for text in FACTS.values()]
        replies = dict(zip(FACTS, await asyncio.gather(*asks), strict=True))
        for name, reply in replies.items():
            self._metrics.queried(name, reply.outcome, reply.seconds)
        self._pause(_FACTS, replies.values(), at_seconds, tick_seconds)
        if not all(reply.is_answer for reply in replies.values()):
            return  # what was known before is better than half of it
        self._facts_at_seconds = at_seconds
        windows = (f"{self._asking.rate_window_seconds}s", f"{self._asking.most_age_seconds}s")
        self.facts = Facts(
            node_infos=tuple(replies["kube_node_info"].series),
            unames={target_itself(one.metric): one.metric.nodename for one in replies["node_uname_info"].series},
            product_uuids={target_itself(one.metric): one.metric.product_uuid for one in replies["node_dmi_info"].series},
            recorded=any((one.metric.rate_window, one.metric.most_age) == windows for one in replies["hydatis_rules"].series),
        )
        self._metrics.rules_in_use(self.facts.recorded)

    def _note(self, name: str, reply: Reply[Any], at_seconds: float, tick_seconds: float) -> None:
        self._metrics.queried(name, reply.outcome, reply.seconds)
        self._pause(name, [reply], at_seconds, tick_seconds)

    def _pause(self, name: str, replies: Iterable[Reply[Any]], at_seconds: float, tick_seconds: float) -> None:
        if all(reply.is_answer or reply.outcome == "unreachable" for reply in replies):
            self._pauses.pop(name, None)
            return
        pause = self._pauses.setdefault(name, _Pause())
        pause.until_seconds = at_seconds + min(tick_seconds * 2**pause.failures_count, max(_MOST_PAUSE_SECONDS, tick_seconds))
        pause.failures_count = min(pause.failures_count + 1, 10)
