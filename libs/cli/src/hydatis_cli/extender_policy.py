"""The running stack as a policy of the simulator: every decision is the two HTTP requests that kube-scheduler sends.

It treats the extender as kube-scheduler treats one that is ``ignorable: true``: an answer that is late, an error or no answer
leaves the pod to the stock scheduler, and is counted.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from hydatis_core.errors import DependencyUnavailable
from hydatis_core.pods import Pod
from hydatis_simulator.policy import Ranking

from hydatis_cli.extender_client import ExtenderClient, pod_json

__all__ = ["ExtenderPolicy"]


class ExtenderPolicy:
    """Asks an extender.

    Args:
        url: base URL of the extender.
        timeout_seconds: kube-scheduler's ``httpTimeout``.
    """

    name = "hydatis"

    def __init__(self, url: str, timeout_seconds: float = 1.0) -> None:
        self._client = ExtenderClient(url, timeout_seconds)
        self.latencies_seconds: list[float] = []
        """Wall-clock seconds of each decision: both requests together."""
        self.unanswered_count = 0
        """Decisions that the extender did not answer; kube-scheduler then places as without it."""

    def filter_and_score(self, pod: Pod, node_names: Sequence[str], time_seconds: float) -> Ranking | None:
        """Filters, then scores what is left when more than one node is."""
        wire = pod_json(pod)
        begin = time.perf_counter()
        try:
            kept = self._filtered(wire, node_names)
            # with one feasible node kube-scheduler does not ask for scores
            scores = self._client.prioritize(wire, kept) if len(kept) > 1 else {}
        except DependencyUnavailable:
            self.unanswered_count += 1
            return None
        finally:
            self.latencies_seconds.append(time.perf_counter() - begin)
        return kept, scores

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()

    def _filtered(self, wire: dict[str, object], node_names: Sequence[str]) -> list[str]:
        answer = self._client.filter(wire, node_names)
        if answer.get("Error"):
            raise DependencyUnavailable(str(answer["Error"]), field="extender")
        return list(answer.get("NodeNames") or [])
