"""kill -9 of each process in the midst of a replay: every pod is decided, the ladder holds, and the full rung comes back.

A process is killed just before a decision. Some decisions later, with the outage in the counters, the replay stands still: no tick
comes that could help anybody back. From there the clock runs, from the moment the process is ready again.
"""

import signal
import time
from dataclasses import dataclass

import pytest

KILL_AT = 50


@dataclass(frozen=True)
class Outage:
    """What the ladder says of a process that is gone."""

    rungs: frozenset[tuple[str, str]]
    """(rung, reason) of which at least one must be counted while it is gone; none other but the full rung may be."""
    seen_at: int = 95
    """Decision at which the outage must have been seen: five ticks after the kill."""
    masks_risk: bool = False


#: What is killed and what that costs. Forecasts may be two ticks old, so a dead forecaster is felt at the third.
OUTAGES = {
    "feature-service": Outage(frozenset(), seen_at=52),
    "forecaster": Outage(frozenset({("load", "no_forecast")})),
    "anomaly-detector": Outage(frozenset(), masks_risk=True),
    "placement-policy": Outage(frozenset({("greedy", "no_policy")})),
    "model-cpu-forecaster": Outage(frozenset({("load", "no_forecast")})),
    "model-memory-forecaster": Outage(frozenset({("load", "no_forecast")})),
    "model-anomaly-detector": Outage(frozenset(), masks_risk=True),
    "model-placement-policy": Outage(frozenset({("full_local", "no_model_server")})),
}


@pytest.mark.parametrize("victim", OUTAGES)
def test_a_process_killed_in_a_replay_costs_its_rung_no_pod_and_little_time(faults, chaos, victim):
    outage = OUTAGES[victim]
    feed = faults.feed()
    seen = {}

    def kill():
        seen["before"] = faults.metrics("scheduler-plugin")
        feed.patience_seconds = chaos.broken_tick_seconds
        faults.kill_and_hold(victim)

    def recover():
        seen["during"] = chaos.differences(seen["before"], faults.metrics("scheduler-plugin"))
        seen["killed"] = time.monotonic()
        faults.release(victim)
        seen["ready"] = time.monotonic()
        faults.wait_whole(f"{victim} is ready")
        seen["full"] = time.monotonic()
        seen["after"] = faults.metrics("scheduler-plugin")
        feed.patience_seconds = 30.0

    try:
        replayed = faults.replay({KILL_AT: kill, outage.seen_at: recover}, feed)
    finally:
        feed.close()

    recovery = seen["full"] - seen["ready"]
    during = chaos.rungs(seen["during"])
    faults.note(
        f"kill -9 {victim}",
        outage=", ".join(f"{rung} {reason}: {count}" for (rung, reason), count in during.items()),
        start_up_seconds=round(seen["ready"] - seen["killed"], 2),
        recovery_seconds=round(recovery, 2),
        slowest_decision_ms=round(1000 * max(replayed.latencies_seconds[KILL_AT - 1 : outage.seen_at - 1])),
    )
    assert replayed.undecided == ()
    assert replayed.unanswered_count == 0
    assert chaos.only(during, outage.rungs)
    assert not outage.rungs or outage.rungs & set(during)
    assert (chaos.total(seen["during"], "hydatis_risk_masked_total") > 0) >= outage.masks_risk
    after = chaos.differences(seen["after"], faults.metrics("scheduler-plugin"))
    assert chaos.only(chaos.rungs(after))


def test_without_the_shim_pods_are_placed_as_kube_scheduler_would_alone(faults, chaos):
    seen = {}
    feed = faults.feed()

    def kill():
        feed.patience_seconds = chaos.broken_tick_seconds
        seen["pid"], seen["killed"] = faults.send("scheduler-plugin", signal.SIGKILL), time.monotonic()

    def recover():
        faults.wait_started_again("scheduler-plugin", seen["pid"])
        seen["ready"] = time.monotonic()
        faults.wait_whole("the shim is ready")
        seen["full"] = time.monotonic()
        seen["after"] = faults.metrics("scheduler-plugin")
        feed.patience_seconds = 30.0

    try:
        replayed = faults.replay({KILL_AT: kill, 70: recover}, feed)
    finally:
        feed.close()

    recovery = seen["full"] - seen["ready"]
    faults.note(
        "kill -9 scheduler-plugin",
        outage=f"unanswered: {replayed.unanswered_count}",
        start_up_seconds=round(seen["ready"] - seen["killed"], 2),
        recovery_seconds=round(recovery, 2),
        slowest_decision_ms=round(1000 * max(replayed.latencies_seconds[KILL_AT - 1 : 69])),
    )
    assert replayed.undecided == ()
    assert 0 < replayed.unanswered_count <= 20
    after = chaos.differences(seen["after"], faults.metrics("scheduler-plugin"))
    assert chaos.only(chaos.rungs(after))
