"""The run: for each size of the cluster some rounds, in each round the three configurations one after the other.

The stack runs only while it is measured, so that nothing of it weighs on the other two. What else the machine does weighs on all
three of a round alike, so that the ratio is taken by rounds.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from control_plane.scheduler import OUR_NAME, SECOND, shipped, stock
from hydatis_cli.exposition import Samples, differences, scrape, total_by
from hydatis_cli.state_folder import StateFolder

from cluster_bench.bind_watch import BindWatch
from cluster_bench.outage import outage
from cluster_bench.scene import Scene
from cluster_bench.watched_stack import RunningStack, WatchedStack

__all__ = ["measure"]

NO_EXTENDER, CONSTANT, OURS = "no extender", "constant extender", "HYDATIS"
Progress = Callable[[int, int, str], None]


def measure(
    folder: Path, state: Path, port: int, node_counts: Sequence[int], pods: int, rounds: int, filled_pods: int, progress: Progress
) -> dict[str, Any]:
    """Figures of the whole run, by number of nodes.

    Args:
        folder: empty; the control plane goes there.
        state: state folder of the stack, with its models.
        port: the stack's base port.
        node_counts: sizes of the cluster, each at least the one before.
        pods: pods that wait in each run.
        rounds: rounds at each size.
        filled_pods: pods that run on the largest cluster when feature-service's memory is measured; 0: it is not.
        progress: told (done, total, what comes next).
    """
    total = len(node_counts) * (3 * rounds + 2) + 2
    done = 0

    def step(text: str) -> None:
        nonlocal done
        progress(done, total, text)
        done += 1

    step("control plane")
    scene = Scene(folder)
    stack = WatchedStack(StateFolder(state), port, kubeconfig=str(scene.kubeconfig))
    figures: dict[str, Any] = {"kubernetes": scene.plane.binaries.version, "sizes": {}}
    try:
        for nodes in node_counts:
            step(f"{nodes} nodes")
            scene.grow(nodes)
            runs: dict[str, list[dict[str, Any]]] = {NO_EXTENDER: [], CONSTANT: [], OURS: []}
            for number in range(rounds):
                for name, found in runs.items():
                    step(f"{nodes} nodes, round {number + 1} of {rounds}, {name}")
                    found.append(_RUNS[name](scene, stack, nodes, pods))
            step(f"{nodes} nodes, the extender dies")
            size = {name: _summary(found) for name, found in runs.items()}
            size["ratio_to_constant"] = _ratio(runs)
            running = RunningStack(stack, nodes)
            try:
                size["outage_seconds"] = outage(scene, running)
            finally:
                running.stop()
            figures["sizes"][str(nodes)] = size
        if filled_pods:
            step(f"memory with {filled_pods} pods")
            figures["memory"] = _memory(scene, stack, node_counts[-1], filled_pods)
        progress(total, total, "")
    finally:
        scene.stop()
    return figures


def _without(scene: Scene, stack: WatchedStack, nodes: int, pods: int) -> dict[str, Any]:
    return _figures(scene.place(stock(OUR_NAME), pods, {}))


def _constant(scene: Scene, stack: WatchedStack, nodes: int, pods: int) -> dict[str, Any]:
    with scene.constant_extender() as (url, pid):
        return _figures(scene.place(shipped(SECOND, url), pods, {CONSTANT: pid}))


def _ours(scene: Scene, stack: WatchedStack, nodes: int, pods: int) -> dict[str, Any]:
    running = RunningStack(stack, nodes)
    try:
        before = _decisions(stack)
        figures = _figures(scene.place(shipped(SECOND, stack.extender_url), pods, running.pids()))
        rose = differences(before, _decisions(stack))
        figures["rungs"] = total_by(rose, "hydatis_decisions_total", "rung")
        figures["reasons"] = {
            reason: count for reason, count in total_by(rose, "hydatis_decisions_total", "reason").items() if reason
        }
        figures["memory_mib"] = {name: psutil.Process(pid).memory_info().rss / 2**20 for name, pid in running.pids().items()}
        return figures
    finally:
        running.stop()


_RUNS: dict[str, Callable[[Scene, WatchedStack, int, int], dict[str, Any]]] = {
    NO_EXTENDER: _without,
    CONSTANT: _constant,
    OURS: _ours,
}


def _memory(scene: Scene, stack: WatchedStack, nodes: int, pods: int) -> dict[str, Any]:
    """Memory of a stack that meets a cluster full of pods, and how long it took to know it."""
    uids = scene.fill(pods)
    running = RunningStack(stack, nodes, uids)
    try:
        memory = {name: psutil.Process(pid).memory_info().rss / 2**20 for name, pid in running.pids().items()}
        return {"nodes": nodes, "pods": pods, "ready_seconds": running.ready_seconds, "memory_mib": memory}
    finally:
        running.stop()


def _decisions(stack: WatchedStack) -> Samples:
    return scrape(f"{stack.extender_url}/metrics")


def _figures(watch: BindWatch) -> dict[str, Any]:
    return {
        "pods_per_second": watch.pods_per_second,
        "cpu_ms_per_pod": watch.cpu_ms_per_pod(),
        "load_average": os.getloadavg()[0],
    }


def _summary(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians over the rounds, and the rounds themselves."""
    names = found[0]["cpu_ms_per_pod"]
    return {
        "pods_per_second": median(one["pods_per_second"] for one in found),
        "cpu_ms_per_pod": {name: median(one["cpu_ms_per_pod"].get(name, 0.0) for one in found) for name in names},
        "rounds": found,
    }


def _ratio(runs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    each = [ours["pods_per_second"] / flat["pods_per_second"] for ours, flat in zip(runs[OURS], runs[CONSTANT], strict=True)]
    return {"median": median(each), "rounds": each}
