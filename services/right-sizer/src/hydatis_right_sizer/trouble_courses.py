"""How pods fared before they were resized and fare now, by the user's own Prometheus; without one nothing is known of it.

Two questions: what share of its time each pod waits for CPU, and what the workload's latency is. The second nobody but its owner
can ask: the policy has a query for it, the workload's name to be filled in. A query that fails, or finds nothing, is no trouble.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from string import Template

from hydatis_serving.logs import get_logger
from hydatis_serving.prometheus.answers import POD_DECODER
from hydatis_serving.prometheus.client import PrometheusClient

from hydatis_right_sizer.policy import ResizePolicy
from hydatis_right_sizer.trouble import Course, Sized

__all__ = ["TroubleCourses"]

_log = get_logger(__name__)
WITHIN_SECONDS = 5.0
#: Pods of one wave that are asked about, the rest is alike.
MOST_PODS = 200
_OF = '{namespace="$namespace",pod=~"$pods",container!=""}[5m]'
#: The larger of: time that tasks waited for CPU though they could have run (kernel's pressure, Kubernetes 1.34 and later), and
#: periods in which a container used up its limit.
WAITING = Template(
    f"max by (pod) (rate(container_pressure_cpu_waiting_seconds_total{_OF}) or label_replace("
    f"rate(container_cpu_cfs_throttled_periods_total{_OF}) / rate(container_cpu_cfs_periods_total{_OF}),"
    ' "by", "limit", "", ""))'
)


class TroubleCourses:
    """Asks for them.

    Args:
        client: of Prometheus; None: there is none.
    """

    def __init__(self, client: PrometheusClient | None) -> None:
        self._client = client

    async def of(self, workload: str, pods: Sequence[Sized], policy: ResizePolicy, now_seconds: float) -> list[Sized]:
        """The same pods of one workload, those that are watched with what was measured of them.

        Args:
            workload: "Deployment/web".
            pods: of it.
            policy: with how long they are watched, and the query of latency.
            now_seconds: Unix seconds.
        """
        watched = [one for one in pods if one.record is not None and now_seconds - one.since_seconds <= policy.observation_seconds]
        if self._client is None or not watched:
            return list(pods)
        waves: defaultdict[float, list[Sized]] = defaultdict(list)
        for one in watched:
            waves[one.since_seconds].append(one)
        courses: dict[str, tuple[Course, Course]] = {}
        for since, wave in waves.items():
            latency = await self._latency(workload, wave[0], policy, since, now_seconds)
            for name, waiting in (await self._waiting(wave[:MOST_PODS], since, now_seconds)).items():
                courses[name] = waiting, latency
        unknown = (Course(), Course())
        return [
            replace(one, throttled=waiting, latency=latency)
            for one in pods
            for waiting, latency in (courses.get(one.pod.metadata.name, unknown),)
        ]

    async def _waiting(self, wave: Sequence[Sized], since: float, now: float) -> dict[str, Course]:
        names = [one.pod.metadata.name for one in wave]
        query = WAITING.substitute(namespace=wave[0].pod.metadata.namespace, pods="|".join(map(_escaped, names)))
        before, after = await self._asked(query, since), await self._asked(query, now)
        return {name: Course(before.get(name, math.nan), after.get(name, math.nan)) for name in names}

    async def _latency(self, workload: str, one: Sized, policy: ResizePolicy, since: float, now: float) -> Course:
        if not policy.latency_query:
            return Course()
        kind, _, name = workload.partition("/")
        query = Template(policy.latency_query).safe_substitute(namespace=one.pod.metadata.namespace, kind=kind, name=name)
        before, after = await self._asked(query, since), await self._asked(query, now)
        return Course(max(before.values(), default=math.nan), max(after.values(), default=math.nan))

    async def _asked(self, query: str, at_seconds: float) -> dict[str, float]:
        """Values by pod; of a query that does not tell pods apart, by the empty name."""
        assert self._client is not None
        reply = await self._client.ask(query, at_seconds, POD_DECODER, WITHIN_SECONDS)
        if not reply.is_answer:
            _log.warning("Prometheus did not say how pods fare", outcome=reply.outcome, reason=reply.why)
            return {}
        return {one.metric.pod: one.amount for one in reply.series if not math.isnan(one.amount)}


def _escaped(name: str) -> str:
    """A pod's name inside a quoted regular expression of PromQL; names have no characters but letters, digits, "-" and "."."""
    return re.sub(r"[^a-z0-9-]", r"[.]", name)
