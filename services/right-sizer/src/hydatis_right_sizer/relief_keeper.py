"""Closes nodes that are forecast to stay hot and opens them again: what ``hydatis_placement.relief`` decides, on the API server.

Which nodes are closed stands on the nodes themselves and is read there every time, so a restart, another leader or a hand that
removes a taint changes nothing that has to be told. Switched off, and when the process ends, every taint of ours goes: who is not
there cannot open a node.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable

from hydatis_core.errors import InvalidValue
from hydatis_placement.relief import NodeRelief, ReliefAction, ReliefRules, handed_ratio, relieve
from hydatis_serving.kube.api import KubernetesApi
from hydatis_serving.logs import get_logger
from hydatis_serving.subscriber import ForecastSubscriber, TableSubscriber

from hydatis_right_sizer.audit import Audit, ObjectReference
from hydatis_right_sizer.cluster_state import ClusterState
from hydatis_right_sizer.policy import RightSizingPolicy
from hydatis_right_sizer.policy_keeper import PolicyKeeper
from hydatis_right_sizer.relief_forecasts import Heat, HeatBook
from hydatis_right_sizer.relief_metrics import ReliefMetrics
from hydatis_right_sizer.relief_taints import EFFECTS, effect_on, put_effect

__all__ = ["ReliefKeeper", "relief_mode", "relief_rules"]

_log = get_logger(__name__)
#: How often it is looked whether the policy's mode changed.
_SWITCH_SECONDS = 1.0
#: Closed or not -> what it is called in events and metrics.
_CHANGES = {True: "Tainted", False: "Untainted"}


def relief_mode(policy: RightSizingPolicy) -> str:
    """What relief may do: off where the whole right-sizer is, report where it only reports."""
    return policy.relief.mode if policy.mode == "apply" or policy.relief.mode == "off" else policy.mode


def relief_rules(policy: RightSizingPolicy) -> ReliefRules:
    """The policy's thresholds.

    Raises:
        InvalidValue: they make no sense together.
    """
    relief = policy.relief
    return ReliefRules(relief.hot_ratio, relief.cool_ratio, tainted_nodes_ratio_max=relief.node_share_ratio)


class ReliefKeeper:
    """The role that does it.

    Args:
        api: where nodes are patched.
        cluster: nodes.
        policy: mode and thresholds.
        streams: opens the streams of tables and forecasts that a book is filled by; none: nothing is known of any node.
        audit: where actions are recorded.
        metrics: where they are shown.
        pause_seconds: between two looks.
        clock: Unix seconds.
    """

    name = "relief"

    def __init__(
        self,
        api: KubernetesApi,
        cluster: ClusterState,
        policy: PolicyKeeper,
        streams: Callable[[HeatBook], tuple[TableSubscriber | ForecastSubscriber, ...]],
        audit: Audit,
        metrics: ReliefMetrics,
        pause_seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._api = api
        self._cluster = cluster
        self._policy = policy
        self._streams = streams
        self._audit = audit
        self._metrics = metrics
        self._pause_seconds = pause_seconds
        self._clock = clock
        self._states: dict[str, NodeRelief] = {}
        self._problem = ""
        self.ends = False
        """Set when the process ends: the role then takes its taints along."""

    async def run(self) -> None:
        """Looks and acts until cancelled; asks nobody for forecasts while it is switched off."""
        book, stopping = HeatBook(), threading.Event()
        streams: tuple[TableSubscriber | ForecastSubscriber, ...] = ()
        self._states, looked, next_look = {}, "", 0.0
        try:
            while True:
                mode = relief_mode(self._policy.policy)
                if mode == "off":
                    await _stopped(streams)
                    book, streams = HeatBook(), ()
                elif not streams:
                    streams = self._streams(book)
                    for stream in streams:
                        stream.start()
                # a switch acts at once, and off again and again until no taint is left
                due = mode == "off" or mode != looked or time.monotonic() >= next_look
                if due and self._cluster.synced and self._policy.was_read:
                    await asyncio.to_thread(self.round, book.newest, stopping)
                    looked, next_look = mode, time.monotonic() + self._pause_seconds
                await asyncio.sleep(min(self._pause_seconds, _SWITCH_SECONDS))
        finally:
            stopping.set()
            self._metrics.show({}, {})
            await _stopped(streams)
            if self.ends:
                await asyncio.to_thread(self.open_all, "the right-sizer ends")

    def round(self, heat: Heat | None, stopping: threading.Event) -> None:
        """One look at the newest forecast."""
        policy = self._policy.policy
        mode, rules = relief_mode(policy), self._rules(policy)
        if mode == "off" or rules is None:
            self._states = {}
            self._metrics.show({}, {})
            self.open_all("relief is switched off" if rules is not None else "its thresholds make no sense")
            return
        now_seconds = self._clock()
        made_at_seconds = heat.made_at_seconds if heat is not None else -math.inf
        forecasts = self._forecasts(heat)
        if mode in EFFECTS:
            self._states = {name: self._as_tainted(name, now_seconds) for name in forecasts}
        else:
            self.open_all("relief only reports")
        found = relieve(rules, self._states, forecasts, made_at_seconds=made_at_seconds, now_seconds=now_seconds)
        self._states = found.nodes
        for action in found.actions:
            if mode not in EFFECTS:
                self._say(action, "NodeWouldBe", "reported", "")
            elif not stopping.is_set() and not self._act(action, EFFECTS[mode] if action.tainted else ""):
                known = self._states[action.node].known_seconds
                self._states[action.node] = NodeRelief(not action.tainted, rules.dwell_ticks, known)  # tried again at the next look
        if mode in EFFECTS:
            self._keep_effect(EFFECTS[mode])
        self._metrics.held_back_nodes.set(len(found.held_back))
        self._metrics.tainted_nodes.set(sum(state.tainted for state in self._states.values()))
        self._metrics.forecast_age_seconds.set(now_seconds - made_at_seconds)
        fresh = now_seconds - made_at_seconds <= rules.fresh_seconds
        shown = forecasts if fresh else dict.fromkeys(forecasts, math.nan)
        handed = {name: handed_ratio(rules, self._states[name], ratio) for name, ratio in shown.items()} if mode in EFFECTS else {}
        self._metrics.show(shown, handed)

    def open_all(self, reason: str) -> None:
        """Takes every taint of ours."""
        for node in self._cluster.nodes.all():
            if effect_on(node) and not self._act(ReliefAction(node.metadata.name, False, math.nan, reason), ""):
                return  # the API server does not take it now: the others will fare no better
        self._metrics.tainted_nodes.set(0)

    def _rules(self, policy: RightSizingPolicy) -> ReliefRules | None:
        try:
            rules, problem = relief_rules(policy), ""
        except InvalidValue as wrong:
            rules, problem = None, str(wrong)
        if problem and problem != self._problem:
            _log.error("no relief with such thresholds", reason=problem)
        self._problem = problem
        return rules

    def _forecasts(self, heat: Heat | None) -> dict[str, float]:
        """By node of the cluster; one that is cordoned neither takes pods nor needs relief, and counts as not known."""
        ratios = heat.ratios if heat is not None else {}
        return {
            node.metadata.name: math.nan if node.spec.unschedulable else ratios.get(node.metadata.name, math.nan)
            for node in self._cluster.nodes.all()
        }

    def _as_tainted(self, name: str, now_seconds: float) -> NodeRelief:
        """What is remembered of a node, by what stands on it."""
        node = self._cluster.nodes.get("", name)
        tainted = node is not None and bool(effect_on(node))
        state = self._states.get(name, NodeRelief(known_seconds=now_seconds))
        return state if state.tainted == tainted else NodeRelief(tainted, 0, state.known_seconds)

    def _act(self, action: ReliefAction, effect: str) -> bool:
        """Gives a node a taint of this effect, or takes it, and says whether that was done."""
        problem = put_effect(self._api, action.node, effect)
        if problem:
            _log.warning("a node's taint was not changed", node=action.node, tainted=action.tainted, reason=problem)
            self._metrics.actions.labels(_CHANGES[action.tainted], "failed").inc()
            return False
        self._say(action, "Node", "done", effect)
        return True

    def _say(self, action: ReliefAction, prefix: str, result: str, effect: str) -> None:
        """Counts and records a change, or what would be one."""
        change = _CHANGES[action.tainted]
        self._metrics.actions.labels(change, result).inc()
        node = self._cluster.nodes.get("", action.node)
        subject = ObjectReference("Node", action.node, uid=node.metadata.uid if node is not None else "")
        ratio = None if math.isnan(action.forecast_ratio) else round(action.forecast_ratio, 3)
        self._audit.record(prefix + change, subject, action.reason, after={"taint": effect, "forecast_ratio": ratio})

    def _keep_effect(self, effect: str) -> None:
        """Nodes that stay closed have the effect that the policy says now."""
        for node in self._cluster.nodes.all():
            state = self._states.get(node.metadata.name)
            if effect_on(node) not in ("", effect) and state is not None and state.tainted:
                put_effect(self._api, node.metadata.name, effect)


async def _stopped(streams: tuple[TableSubscriber | ForecastSubscriber, ...]) -> None:
    for stream in streams:
        await stream.stop()
