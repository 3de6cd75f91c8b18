"""How long it takes to read features: from feature-service by gRPC, from Feast online, and joined for training.

The three answer different questions, so they stand side by side: what a decision could wait for, what an online store costs for as
many nodes, and what a training set costs. Every answer is compared with the table to the bit before its time counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
import uvloop
from hydatis_core.errors import DependencyUnavailable
from hydatis_core.nodes import Node
from hydatis_core.resources import Resources
from hydatis_core.seeds import generator
from hydatis_feature_store.repository import FeatureRepository
from hydatis_features.table import NodeTable
from hydatis_features.usage import METRICS
from hydatis_serving.clients import FeatureClient, ReplaySourceClient

__all__ = ["JoinRun", "OnlineRun", "ServedRun", "measure_join", "measure_online", "measure_served"]

GIB = 2.0**30
TICK_SECONDS = 300
FIRST_GENERATION = 1_700_000_100
_TICKS = 6
_TIMEOUT_SECONDS = 60.0
_MOST_MESSAGE_BYTES = 64 * 2**20

Progress = Callable[[int, int, str], None]


@dataclass
class ServedRun:
    """Reads of a feature-service with one number of nodes; seconds each, from the call to the matrix in the reader's hand."""

    node_count: int
    column_count: int = 0
    all_nodes: list[float] = field(default_factory=list)
    """Every node of the table, named by nobody."""
    named_nodes: list[float] = field(default_factory=list)
    """1,000 nodes by name, in random order."""
    tick_to_rows: list[float] = field(default_factory=list)
    """From a tick's samples being sent to its whole table being read: all features of all nodes made anew in between."""
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    """Of one read, by who asks ("all_nodes", "named_nodes"): CPU of service and reader, which other load hardly touches."""


@dataclass
class OnlineRun:
    """Reads of Feast's online store; seconds each."""

    store: str
    push_seconds: float = 0.0
    """Of pushing all nodes."""
    reads: dict[int, list[float]] = field(default_factory=dict)
    """By number of nodes, all features."""


@dataclass
class JoinRun:
    """One point-in-time join for training."""

    rows_count: int
    columns_count: int
    seconds: float


def measure_served(
    address: str, pid: int, node_count: int, reads_count: int, seed: int, progress: Progress
) -> tuple[ServedRun, NodeTable]:
    """Reads of a running feature-service, in the event loop that services run in, and the table that was read.

    Args:
        address: of a feature-service with the replay source; nothing else uses it.
        pid: its process.
        node_count: nodes of its cluster from now on.
        reads_count: of each kind; a tenth as many ticks.
        seed: of use and of the names' order.
        progress: told (done, total, text).

    Raises:
        DependencyUnavailable: an answer was not the table.
    """
    return uvloop.run(_measure_served(address, pid, node_count, reads_count, seed, progress))


async def _measure_served(
    address: str, pid: int, node_count: int, reads_count: int, seed: int, progress: Progress
) -> tuple[ServedRun, NodeTable]:
    draws = generator(seed, "bench/features")
    names = [f"node-{i:05d}" for i in range(node_count)]
    source = ReplaySourceClient(address, _MOST_MESSAGE_BYTES)
    client = FeatureClient(address, _MOST_MESSAGE_BYTES)
    run = ServedRun(node_count)
    try:
        nodes = [Node(name, Resources(32.0, 128 * GIB)) for name in names]
        await source.load_cluster(nodes, float(TICK_SECONDS), 15.0, timeout_seconds=_TIMEOUT_SECONDS)
        ticks_count = _TICKS + max(1, reads_count // 10)
        for tick in range(ticks_count):
            at = FIRST_GENERATION + TICK_SECONDS * tick
            usage = draws.uniform(0.1, 8.0, (node_count, len(METRICS))).astype(np.float32)
            begin = time.perf_counter()
            await source.advance_tick(at, at - 15.0, usage, [], np.zeros((0, 2), np.float32), timeout_seconds=_TIMEOUT_SECONDS)
            table = await client.node_features(generation=at, timeout_seconds=_TIMEOUT_SECONDS)
            if tick >= _TICKS:  # those before fill windows and warm connections
                run.tick_to_rows.append(time.perf_counter() - begin)
            progress(tick + 1, ticks_count + 2 * reads_count, f"{node_count} nodes: ticks")
        run.column_count = len(table.columns)
        wanted = [names[row] for row in draws.permutation(node_count)[:1000]]
        expected = {(): table.values.tobytes(), tuple(wanted): table.values[table.rows_of(wanted)].tobytes()}
        kinds: dict[str, tuple[Sequence[str], list[float]]] = {
            "all_nodes": ((), run.all_nodes),
            "named_nodes": (wanted, run.named_nodes),
        }
        for position, (kind, (asked, taken)) in enumerate(kinds.items()):
            cpu = _cpu_seconds(pid)
            for number in range(reads_count):
                begin = time.perf_counter()
                answer = await client.node_features(asked, timeout_seconds=_TIMEOUT_SECONDS)
                taken.append(time.perf_counter() - begin)
                if answer.values.tobytes() != expected[tuple(asked)]:
                    raise DependencyUnavailable("feature-service answered another table", field="features_address")
                progress(
                    ticks_count + position * reads_count + number + 1, ticks_count + 2 * reads_count, f"{node_count} nodes: reads"
                )
            run.cpu_seconds[kind] = (_cpu_seconds(pid) - cpu) / reads_count
    finally:
        await client.close()
        await source.close()
    return run, table


def measure_online(
    folder: Path, online: str, table: NodeTable, counts: Sequence[int], reads_count: int, progress: Progress
) -> OnlineRun:
    """Reads of Feast's online store after a push of a table.

    Args:
        folder: of a repository of the benchmark's own.
        online: "sqlite" or a Redis URL.
        table: what is pushed.
        counts: of how many nodes, each <= those of the table.
        reads_count: of each number.
        progress: told (done, total, text).

    Raises:
        DependencyUnavailable: the store does not answer, or an answer was not the table.
    """
    run = OnlineRun(online.partition(":")[0])
    repository = FeatureRepository(folder, online)
    repository.apply()
    most = max(counts)
    names, rows = list(table.node_names[:most]), np.ascontiguousarray(table.values[:most])
    begin = time.perf_counter()
    repository.push(table.generation, names, rows, table.columns)
    run.push_seconds = time.perf_counter() - begin
    for position, count in enumerate(counts):
        run.reads[count] = []
        for number in range(-1, reads_count):
            begin = time.perf_counter()
            answer = repository.online_rows(names[:count], table.columns)
            taken = time.perf_counter() - begin
            if answer.tobytes() != rows[:count].tobytes():
                raise DependencyUnavailable("the online store answered other rows", field="online")
            run.reads[count] += [taken] if number >= 0 else []  # the first opens connections
            progress(position * reads_count + number + 1, len(counts) * reads_count, f"Feast on {run.store}: {count} nodes")
    return run


def measure_join(folder: Path, node_count: int, ticks_count: int, columns_count: int, seed: int) -> JoinRun:
    """One training set: every node at every tick, asked for 7 s after it.

    Args:
        folder: of a repository of the benchmark's own.
        node_count: nodes.
        ticks_count: tables written.
        columns_count: how many columns are joined.
        seed: of the values; a fifth is unknown.

    Raises:
        DependencyUnavailable: a row was not that of its tick.
    """
    draws = generator(seed, "bench/features/join")
    repository = FeatureRepository(folder)
    repository.apply()
    columns = repository.offline().view.names
    rows = draws.random((ticks_count, node_count, len(columns)), dtype=np.float32)
    rows[draws.random(rows.shape, dtype=np.float32) < 0.2] = np.nan
    names = [f"node-{i:05d}" for i in range(node_count)]
    generations = [FIRST_GENERATION + TICK_SECONDS * tick for tick in range(ticks_count)]
    repository.write_offline(generations, names, rows)
    begin = time.perf_counter()
    joined = repository.training_rows(names * ticks_count, np.repeat(generations, node_count) + 7.0, columns[:columns_count])
    taken = time.perf_counter() - begin
    if joined.tobytes() != np.ascontiguousarray(rows[:, :, :columns_count]).tobytes():
        raise DependencyUnavailable("a row of the training set is not that of its tick", field="offline")
    return JoinRun(len(joined), columns_count, taken)


def _cpu_seconds(pid: int) -> float:
    """CPU that the service and this process have used so far."""
    return sum(sum(psutil.Process(one).cpu_times()[:2]) for one in (pid, None))
