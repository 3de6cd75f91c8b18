"""What the shim could serve right now: the rung, and what is missing for a higher one.

It is ready as soon as it answers, because abstaining is a valid answer and a dead port is not; but an operator must see at a
glance that it only abstains, and why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hydatis_placement.ladder import rung_for
from hydatis_serving.stream_subscriber import StreamSubscriber

from hydatis_scheduler_plugin.breaker import Breaker
from hydatis_scheduler_plugin.plugin_metrics import PluginMetrics
from hydatis_scheduler_plugin.policy_watch import PolicyWatch
from hydatis_scheduler_plugin.ranker import Ranker
from hydatis_scheduler_plugin.records import Recorder
from hydatis_scheduler_plugin.state import ClusterMemory

__all__ = ["Readiness"]


class Readiness:
    """Says it, from what the other parts know.

    Args:
        memory, ranker, breaker, watch, recorder: those parts.
        streams: the subscriptions by name.
        event_clock: event time now, in seconds.
    """

    def __init__(
        self,
        *,
        memory: ClusterMemory,
        ranker: Ranker,
        breaker: Breaker,
        watch: PolicyWatch,
        recorder: Recorder,
        streams: Mapping[str, StreamSubscriber],
        event_clock: Callable[[], float],
    ) -> None:
        self._memory = memory
        self._ranker = ranker
        self._breaker = breaker
        self._watch = watch
        self._recorder = recorder
        self._streams = streams
        self._event_clock = event_clock

    def report(self) -> dict[str, Any]:
        """The rung a decision would stand on now, and what is missing."""
        missing = self._ranker.missing_now()
        rung, reason = rung_for(missing)
        footing = self._memory.footing
        return {
            "ready": True,
            "rung": rung.name.lower(),
            "reason": reason,
            "missing": [what.value for what in missing],
            "generation": footing.generation if footing is not None else 0,
            "newest_table": self._memory.tables.newest,
            "streams": {name: stream.connected for name, stream in self._streams.items()},
            "mode": self._watch.policy.mode if self._watch.policy.enabled else "disabled",
            "policy": self._watch.report(),
            "policy_problem": self._watch.problem,
        }

    def credited(self, pod_uid: str) -> bool:
        """Whether a pod's bind was seen and it has not ended since."""
        return self._memory.saw_bound(pod_uid)

    def refresh(self, metrics: PluginMetrics) -> None:
        """Brings the gauges up to date that are only looked at."""
        footing = self._memory.footing
        metrics.generation_age.set(self._event_clock() - footing.generation if footing is not None else float("nan"))
        metrics.policy_heard.set(self._watch.is_heard)
        metrics.policy_mode(self._watch.policy)
        metrics.credits.set(len(self._memory.ledger))
        metrics.records_dropped.set(self._recorder.dropped_count)
