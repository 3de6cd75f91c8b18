"""How resized pods fare by a real Prometheus: how long they waited for CPU before and after, and their owner's latency query."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hydatis_right_sizer.policy import ResizePolicy
from hydatis_right_sizer.resize_record import RESIZE_ANNOTATION, ResizeRecord
from hydatis_right_sizer.trouble import Course, Limits, Sized, sized, troubles
from hydatis_right_sizer.trouble_courses import TroubleCourses
from hydatis_serving.kube.resizing import ORIGINAL_ANNOTATION
from hydatis_serving.kube.running_pods import read_running_pod
from hydatis_serving.prometheus.client import PrometheusClient

RESIZED = 1_790_000_100.0
NOW = RESIZED + 600.0
POLICY = ResizePolicy(
    enabled=True,
    observation_seconds=900.0,
    latency_query='max(request_seconds{namespace="$namespace",workload="$name"})',
)
LIMITS = Limits(POLICY.observation_seconds, POLICY.throttled_ratio, POLICY.latency_rise_ratio)
#: Pod -> share of its time that it waits, before and after. "web-limit" is told by its limit's periods, the others by the kernel.
WAITING = {"web-calm": (0.02, 0.05), "web-worse": (0.02, 0.4), "web-always": (0.5, 0.6), "web-limit": (0.0, 0.8)}


def samples() -> Iterator[tuple[str, float, float]]:
    for pod, (before, after) in WAITING.items():
        told = f'{{namespace="shop",pod="{pod}",container="app"}}'
        waited = periods = throttled = 0.0
        for time in range(int(RESIZED) - 900, int(NOW) + 30, 30):
            ratio = before if time <= RESIZED else after
            waited += 30.0 * ratio
            periods, throttled = periods + 300.0, throttled + 300.0 * ratio
            if pod == "web-limit":
                yield f"container_cpu_cfs_periods_total{told}", time, periods
                yield f"container_cpu_cfs_throttled_periods_total{told}", time, throttled
            else:
                yield f"container_pressure_cpu_waiting_seconds_total{told}", time, waited
    for time in range(int(RESIZED) - 900, int(NOW) + 30, 30):
        yield 'request_seconds{namespace="shop",workload="web"}', time, 0.1 if time <= RESIZED else 0.3


@pytest.fixture(scope="module")
def store(past_prometheus: Callable[..., Any]) -> Any:
    """A real Prometheus that remembers it."""
    return past_prometheus(samples())


@pytest.fixture
async def courses(store: Any) -> AsyncIterator[TroubleCourses]:
    """Asks it."""
    client = PrometheusClient(store.url)
    yield TroubleCourses(client)
    await client.close()


def resized(name: str) -> Sized:
    record = ResizeRecord(datetime.fromtimestamp(RESIZED, UTC), {"app": {"cpu": "100m"}})
    notes = {ORIGINAL_ANNOTATION: '{"app": {"cpu": "1"}}', RESIZE_ANNOTATION: record.written()}
    there = {
        "metadata": {"name": name, "namespace": "shop", "annotations": notes, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"nodeName": "n", "containers": [{"name": "app", "resources": {"requests": {"cpu": "100m"}}}]},
    }
    found = sized(read_running_pod(json.dumps(there).encode()))
    assert found is not None
    return found


async def test_who_waits_now_and_did_not_before_is_in_trouble(courses: TroubleCourses) -> None:
    pods = [resized(name) for name in (*WAITING, "web-unknown")]
    measured = await courses.of("Deployment/other", pods, POLICY, NOW)
    for one, (before, after) in zip(measured, WAITING.values(), strict=False):
        assert (one.throttled.before, one.throttled.now) == (pytest.approx(before, abs=0.01), pytest.approx(after, abs=0.01))
    assert math.isnan(measured[-1].throttled.now)
    assert {one.pod.metadata.name: one.code for one in troubles(measured, LIMITS, NOW)} == {
        "web-worse": "throttled",
        "web-limit": "throttled",
    }


async def test_the_owners_query_says_that_answers_come_later(courses: TroubleCourses) -> None:
    (one,) = await courses.of("Deployment/web", [resized("web-calm")], POLICY, NOW)
    assert one.latency == Course(0.1, 0.3)
    assert [trouble.code for trouble in troubles([one], LIMITS, NOW)] == ["slow"]


@pytest.mark.parametrize("query", ["", "sum(", "no_such_metric"])
async def test_a_query_that_says_nothing_is_no_trouble(courses: TroubleCourses, query: str) -> None:
    policy = ResizePolicy(enabled=True, observation_seconds=900.0, latency_query=query)
    (one,) = await courses.of("Deployment/web", [resized("web-calm")], policy, NOW)
    assert troubles([one], LIMITS, NOW) == []


async def test_nobody_is_asked_about_pods_that_are_watched_no_more(courses: TroubleCourses) -> None:
    (one,) = await courses.of("Deployment/web", [resized("web-worse")], POLICY, NOW + 1000)
    assert math.isnan(one.throttled.now)


async def test_a_prometheus_that_is_gone_is_no_trouble() -> None:
    client = PrometheusClient("http://127.0.0.1:9")
    (one,) = await TroubleCourses(client).of("Deployment/web", [resized("web-worse")], POLICY, NOW)
    await client.close()
    assert troubles([one], LIMITS, NOW) == []
