"""How long a decision takes, measured as kube-scheduler would feel it, beside an extender that answers constants.

Absolute milliseconds on a shared machine drift by a factor of two, so every block of decisions is preceded by a block against the
floor in the same run, and the ratio is reported with both. Between blocks binds are reported and ticks advance, as in a cluster;
each block's timing holds decisions alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hydatis_core.errors import DependencyUnavailable
from hydatis_core.seeds import generator

from hydatis_cli.bench_cluster import BenchCluster, BenchRequest
from hydatis_cli.extender_client import ExtenderClient
from hydatis_cli.floor_process import FloorProcess
from hydatis_cli.process_figures import ProcessFigures
from hydatis_cli.stack import Stack

__all__ = ["BLOCKS_PER_TICK", "BLOCK_COUNT", "FIRST_TICKS", "CandidateRun", "LatencyRun", "measure_latency", "timed_block"]

#: Decisions in a block; floor and stack take turns by blocks.
BLOCK_COUNT = 50
#: Ticks before anything is measured: the windows and forecasts of a stack that has been running.
FIRST_TICKS = 6
BLOCKS_PER_TICK = 4
BINDS_COUNT = 50


@dataclass
class CandidateRun:
    """What was measured at one number of candidates; seconds of each decision, block by block."""

    figures: ProcessFigures
    floor: list[list[float]] = field(default_factory=list)
    """Of the constant extender."""
    stack: list[list[float]] = field(default_factory=list)
    """Of the running stack."""


@dataclass
class LatencyRun:
    """What was measured, in seconds unless the name says otherwise."""

    node_count: int
    candidates: dict[int, CandidateRun] = field(default_factory=dict)
    """By number of candidates."""
    table_publish: list[float] = field(default_factory=list)
    """From the samples' being sent to the node table's being published."""
    table_everywhere: list[float] = field(default_factory=list)
    """From the samples' being sent to every service's holding table, forecasts and risk."""
    bind_visible: list[float] = field(default_factory=list)
    """From a bind's being reported to the extender's holding it."""
    memory_bytes: dict[str, int] = field(default_factory=dict)
    """Largest resident memory seen of each process."""

    def tick(self, cluster: BenchCluster) -> None:
        """Advances the cluster and notes how long it took."""
        published, everywhere = cluster.tick()
        self.table_publish.append(published)
        self.table_everywhere.append(everywhere)


def measure_latency(
    stack: Stack,
    *,
    node_count: int,
    candidates: Sequence[int],
    decisions: dict[int, int],
    seed: int,
    progress: Callable[[int, int, str], None],
) -> LatencyRun:
    """Measures a running stack.

    Args:
        stack: it runs, and nothing else uses it.
        node_count: nodes of the cluster.
        candidates: numbers of candidate nodes to measure at, each <= node_count.
        decisions: how many decisions to measure, by number of candidates.
        seed: of usage, pods and candidates.
        progress: told (done, total, text).
    """
    run = LatencyRun(node_count)
    cluster = BenchCluster(stack, node_count, generator(seed, "bench/latency"))
    done, total = 0, sum(decisions.values())
    try:
        for _ in range(FIRST_TICKS):
            run.tick(cluster)
        for count in candidates:
            part = run.candidates[count] = CandidateRun(ProcessFigures(stack))
            with FloorProcess(cluster.names[:count]) as floor:
                asked, flat = (ExtenderClient(url, timeout_seconds=5) for url in (stack.extender_url, floor.url))
                for client in (flat, asked):  # warms up connections, caches, first allocations
                    timed_block(client, cluster.requests(BLOCK_COUNT, count))
                for block in range(max(1, decisions[count] // BLOCK_COUNT)):
                    if block % BLOCKS_PER_TICK == 0:
                        run.tick(cluster)
                    _measure_blocks(part, cluster, count, flat, asked)
                    done += BLOCK_COUNT
                    progress(done, total, f"{count} candidates")
                asked.close()
                flat.close()
            for name, size in part.figures.memory_bytes().items():
                run.memory_bytes[name] = max(size, run.memory_bytes.get(name, 0))
        run.bind_visible = [cluster.bind_visible() for _ in range(BINDS_COUNT)]
    finally:
        cluster.close()
    return run


def _measure_blocks(part: CandidateRun, cluster: BenchCluster, count: int, flat: ExtenderClient, asked: ExtenderClient) -> None:
    """One block against the floor and one against the stack."""
    part.floor.append(timed_block(flat, cluster.requests(BLOCK_COUNT, count)))
    requests = cluster.requests(BLOCK_COUNT, count)
    part.figures.begin()
    part.stack.append(timed_block(asked, requests))
    part.figures.end()
    cluster.come_and_go(requests)


def timed_block(client: ExtenderClient, requests: Sequence[BenchRequest]) -> list[float]:
    """Seconds of each decision: both calls, without the writing of their bodies. The second asks about what the first kept."""
    taken: list[float] = []
    for request in requests:
        kept = json.loads(_answer(client, "filter", request.body(request.node_names), taken))["NodeNames"]
        _answer(client, "prioritize", request.body(kept), taken)
    return [first + second for first, second in zip(taken[0::2], taken[1::2], strict=True)]


def _answer(client: ExtenderClient, verb: str, body: bytes, taken: list[float]) -> bytes:
    begin = time.perf_counter()
    status, answer = client.post(verb, body)
    taken.append(time.perf_counter() - begin)
    if status != 200:
        raise DependencyUnavailable(f"the extender answered {verb} with {status}", field="extender")
    return answer
