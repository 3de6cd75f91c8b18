"""The shim killed between /filter and /prioritize of one pod: kube-scheduler goes on with what it has, and loses no pod."""

import signal

from hydatis_cli.extender_client import ExtenderClient, pod_json
from hydatis_cli.extender_policy import ExtenderPolicy
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources


class KilledBetween(ExtenderClient):
    """Has something happen after the answer to /filter and before /prioritize is asked."""

    def __init__(self, url, between):
        super().__init__(url)
        self.between = between

    def prioritize(self, pod, node_names):
        self.between()
        return super().prioritize(pod, node_names)


def test_a_pod_whose_shim_dies_between_its_two_requests_is_placed_as_without_it_and_asked_anew_it_is_ranked(faults, chaos):
    seen = {}

    def kill():
        seen["pid"] = faults.send("scheduler-plugin", signal.SIGKILL)

    faults.replay({1: lambda: None})
    faults.wait_whole("a replay")
    pod = Pod(uid=f"between-{faults.pid('scheduler-plugin')}", requests=Resources(0.1, 2.0**27))
    names = [node.name for node in faults.workload.nodes]
    policy = ExtenderPolicy(faults.stack.extender_url)
    policy._client = KilledBetween(faults.stack.extender_url, kill)
    assert policy.filter_and_score(pod, names, 0.0) is None
    assert policy.unanswered_count == 1

    faults.wait_started_again("scheduler-plugin", seen["pid"])
    faults.wait_whole("the shim is ready")
    # kube-scheduler may ask the second question of a shim that never heard the first.
    client = ExtenderClient(faults.stack.extender_url)
    scores = client.prioritize(pod_json(pod), names)
    client.close()
    assert set(scores) == set(names)
    assert max(scores.values()) == 10
