"""feature-service killed in a replay: what it forgot is told again, so that its table counts the pods that are really there."""

import asyncio
import signal
from collections import Counter

import numpy as np
import pytest
from hydatis_cli.extender_client import ExtenderClient
from hydatis_serving.clients import FeatureClient


class Tally:
    """What is bound where, as the cluster knows it: now, and at the newest tick."""

    def __init__(self):
        self.bound, self.at_tick, self.tick_seconds = {}, {}, 0.0

    def on_nodes(self, nodes, tick_seconds, scrape_delay_seconds):
        self.bound.clear()

    def on_tick(self, tick_time_seconds, *_):
        self.at_tick, self.tick_seconds = dict(self.bound), tick_time_seconds

    def on_bind(self, pod, node_name, time_seconds):
        self.bound[pod.uid] = node_name

    def on_end(self, uid, node_name, time_seconds):
        self.bound.pop(uid, None)


async def newest_table(address):
    async with FeatureClient(address) as client:
        return await client.node_features(timeout_seconds=10)


@pytest.mark.parametrize("back_at", [53, 50], ids=["while pods are placed", "between two calls"])
def test_after_a_restart_of_feature_service_no_pod_is_lost_none_is_left_over_and_the_table_is_warm(faults, chaos, back_at):
    tally, feed, seen = Tally(), faults.feed(), {}
    warm_starts = sum(line["message"] == "warm start" for line in faults.log("feature-service"))

    def kill():
        chaos.until(lambda: faults.count("feature-service", "hydatis_warm_writes_total", outcome="written") > 0, "a state is kept")
        seen["bound"] = set(tally.bound)
        seen["pid"] = faults.send("feature-service", signal.SIGKILL)
        if back_at == 50:
            back()

    def back():
        faults.wait_started_again("feature-service", seen["pid"])
        seen["meanwhile"] = set(tally.bound) - seen["bound"]

    def credited():
        extender = ExtenderClient(faults.stack.extender_url)
        for uid in seen["meanwhile"] & set(tally.bound):
            path = f"/state?pod={uid}"
            chaos.until(lambda p=path: extender.get_json(p, timeout_seconds=5)["credited"], f"{uid} is credited", 5)
        extender.close()

    try:
        replayed = faults.replay({50: kill} | ({back_at: back} if back_at > 50 else {}) | {56: credited}, feed, [tally])
        table = asyncio.run(newest_table(faults.stack.features_address))
    finally:
        feed.close()

    assert replayed.undecided == ()
    assert replayed.unanswered_count == 0
    assert table.generation == tally.tick_seconds
    counts = Counter(tally.at_tick.values())
    assert table.column("pod_count").tolist() == [counts[name] for name in table.node_names]
    assert sum(line["message"] == "warm start" for line in faults.log("feature-service")) == warm_starts + 1
    # The hour before the last tick begins before the kill: only what was kept can know it.
    assert np.isfinite(table.column("cpu_used_mean_1h_ratio")).all()
