"""One leader at a time, whatever the clocks of the others say. The real API server's turn is in tests/cluster."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hydatis_core.errors import DependencyUnavailable
from hydatis_right_sizer.lease import LEASE_SECONDS, Candidate, LeaseLeadership
from hydatis_serving.kube.api import Reply

COLLECTION = "/apis/coordination.k8s.io/v1/namespaces/ours/leases"


class OneLease:
    """An API server that keeps one Lease and refuses whoever has not seen its newest version."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.version = 0
        self.away = False

    def send(
        self, method: str, path: str, body: bytes, content_type: str = "", query: None = None, read_seconds: float = 0.0
    ) -> Reply:
        if self.away:
            raise DependencyUnavailable("nobody is there", field="kubernetes")
        if method == "GET":
            return Reply(200, json.dumps(self.lease).encode()) if self.lease else Reply(404, b"{}")
        given = json.loads(body)
        there = self.lease is not None
        if (method == "POST") == there or (there and given["metadata"]["resourceVersion"] != str(self.version)):
            return Reply(409, b"{}")
        assert path == (COLLECTION if method == "POST" else f"{COLLECTION}/one")
        self.version += 1
        given["metadata"]["resourceVersion"] = str(self.version)
        self.lease = given
        return Reply(200, json.dumps(given).encode())

    @property
    def spec(self) -> dict[str, Any]:
        assert self.lease is not None
        return dict(self.lease["spec"])


class Clock:
    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds


def candidate(server: OneLease, clock: Clock, name: str = "a", year: int = 2026) -> Candidate:
    return Candidate(server, "ours", "one", name, clock=clock, wall_clock=lambda: datetime(year, 1, 1, tzinfo=UTC))


def test_the_first_leads_and_the_second_waits() -> None:
    server, clock = OneLease(), Clock()
    first, second = candidate(server, clock), candidate(server, clock, "b")
    for one in (first, second, first, second):
        one.attempt()
    assert (first.left_seconds, second.left_seconds) == (pytest.approx(10.0), float("-inf"))
    assert server.spec["holderIdentity"].startswith("a_")


def test_a_leader_stops_before_another_may_begin() -> None:
    server, clock = OneLease(), Clock()
    first, second = candidate(server, clock), candidate(server, clock, "b")
    first.attempt()
    taken_at = stopped_at = None
    while taken_at is None:
        clock.seconds += 0.5
        second.attempt()
        if stopped_at is None and first.left_seconds <= 0:
            stopped_at = clock.seconds
        if second.left_seconds > 0:
            taken_at = clock.seconds
    assert stopped_at is not None
    assert (stopped_at, taken_at) == (10.0, 15.5)
    first.attempt()
    assert first.left_seconds == float("-inf")
    assert server.spec["leaseTransitions"] == 1


def test_dates_in_the_record_are_for_people() -> None:
    """A leader whose clock is years behind is not taken for dead, nor one whose clock is ahead for alive."""
    server, clock = OneLease(), Clock()
    behind, ahead = candidate(server, clock, "a", 1999), candidate(server, clock, "b", 2099)
    behind.attempt()
    ahead.attempt()
    assert behind.left_seconds > 0 > ahead.left_seconds
    clock.seconds = LEASE_SECONDS
    ahead.attempt()
    clock.seconds += LEASE_SECONDS
    behind.attempt()
    behind.attempt()
    clock.seconds += LEASE_SECONDS
    behind.attempt()
    assert behind.left_seconds > 0


def test_who_was_slow_to_ask_has_that_much_less_time() -> None:
    server, clock = OneLease(), Clock()
    slow = candidate(server, clock)

    class Slow(OneLease):
        def send(self, *arguments: Any, **options: Any) -> Reply:
            clock.seconds += 4.0
            return server.send(*arguments, **options)

    slow._api = Slow()
    slow.attempt()
    assert slow.left_seconds == pytest.approx(10.0 - 8.0)


def test_two_that_take_over_at_once_are_not_two_leaders() -> None:
    server, clock = OneLease(), Clock()
    candidate(server, clock).attempt()
    second, third = candidate(server, clock, "b"), candidate(server, clock, "c")
    second.attempt()
    clock.seconds = LEASE_SECONDS

    class Quicker(OneLease):
        def send(self, method: str, *arguments: Any, **options: Any) -> Reply:
            if method == "PUT":
                third.attempt()
            return server.send(method, *arguments, **options)

    third._seen, third._seen_at = second._seen, second._seen_at
    second._api = Quicker()
    second.attempt()
    assert second.left_seconds < 0 < third.left_seconds


def test_what_is_given_up_is_taken_at_once() -> None:
    server, clock = OneLease(), Clock()
    first, second = candidate(server, clock), candidate(server, clock, "b")
    first.attempt()
    first.release()
    second.attempt()
    assert first.left_seconds < 0 < second.left_seconds
    first.release()
    assert server.spec["holderIdentity"] == second.identity


def test_a_server_that_says_something_else_is_an_error_and_not_a_lead() -> None:
    server, clock = OneLease(), Clock()
    server.lease = {"metadata": {"resourceVersion": "0"}, "spec": {"leaseDurationSeconds": "many"}}
    one = candidate(server, clock)
    with pytest.raises(DependencyUnavailable, match="no Lease"):
        one.attempt()
    assert one.left_seconds < 0


async def test_the_roles_are_told_of_both() -> None:
    server, clock = OneLease(), Clock()
    one = candidate(server, clock)
    one.renew_seconds = 0.001
    leadership = LeaseLeadership(one)
    await leadership.start()
    await asyncio.wait_for(leadership.won(), 5)
    server.away = True
    clock.seconds = LEASE_SECONDS
    await asyncio.wait_for(leadership.lost(), 5)
    server.away = False
    await asyncio.wait_for(leadership.won(), 5)
    await leadership.stop()
    await asyncio.wait_for(leadership.lost(), 5)
    assert server.spec["holderIdentity"] == ""
