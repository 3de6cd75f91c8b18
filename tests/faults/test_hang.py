"""SIGSTOP: a process that hangs is worse than one that is gone, since its connections stand and nobody says no.

Each decision has a budget, so a process that hangs costs a few decisions a part of it, then nothing. How long decisions took is
noted and not asserted: this machine may be slow, but no pod may be lost to it.
"""

import signal
import time

import pytest

HANG_AT = 50
#: What hangs, the rungs (with reasons) it may cost, and the decision at which that must have been seen.
HANGS = {
    "placement-policy": ({("greedy", "policy_late"), ("greedy", "no_policy")}, 80),
    "model-placement-policy": ({("full_local", "no_model_server"), ("greedy", "policy_late")}, 80),
    "forecaster": ({("load", "no_forecast")}, 95),
}


@pytest.mark.parametrize("victim", HANGS)
def test_a_process_that_hangs_costs_its_rung_and_no_pod(faults, chaos, victim):
    costs, seen_at = HANGS[victim]
    feed = faults.feed()
    seen = {}

    def hang():
        seen["before"] = faults.metrics("scheduler-plugin")
        feed.patience_seconds = chaos.broken_tick_seconds
        seen["pid"] = faults.send(victim, signal.SIGSTOP)

    def wake():
        seen["during"] = chaos.differences(seen["before"], faults.metrics("scheduler-plugin"))
        faults.send(victim, signal.SIGCONT)
        seen["woken"] = time.monotonic()
        faults.wait_whole(f"{victim} goes on")
        seen["full"] = time.monotonic()
        seen["after"] = faults.metrics("scheduler-plugin")
        feed.patience_seconds = 30.0

    try:
        replayed = faults.replay({HANG_AT: hang, seen_at: wake}, feed)
    finally:
        feed.close()
        if faults.pid(victim) == seen.get("pid"):
            faults.send(victim, signal.SIGCONT)

    during = chaos.rungs(seen["during"])
    latencies = sorted(replayed.latencies_seconds[HANG_AT - 1 : seen_at - 1])
    faults.note(
        f"SIGSTOP {victim}",
        outage=", ".join(f"{rung} {reason}: {count}" for (rung, reason), count in during.items()),
        recovery_seconds=round(seen["full"] - seen["woken"], 2),
        median_decision_ms=round(1000 * latencies[len(latencies) // 2], 1),
        slowest_decision_ms=round(1000 * latencies[-1]),
    )
    assert replayed.undecided == ()
    assert replayed.unanswered_count == 0
    assert chaos.only(during, costs)
    assert costs & set(during)
    after = chaos.differences(seen["after"], faults.metrics("scheduler-plugin"))
    assert chaos.only(chaos.rungs(after))
