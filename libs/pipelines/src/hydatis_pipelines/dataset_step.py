"""build-dataset: replays the training days under the stock scheduler and records the node table.

Under the stock scheduler, because that is what a cluster runs before there are models: the record looks like the one that a first
week of watching gives.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from hydatis_core.nodes import Node
from hydatis_simulator.policy import StockPolicy
from hydatis_simulator.replay import replay
from hydatis_simulator.trace import Trace

from hydatis_pipelines.node_record import NodeRecord, NodeRecorder
from hydatis_pipelines.progress import Progress, untold

__all__ = ["SCRAPE_DELAY_SECONDS", "TICK_SECONDS", "build_dataset"]

#: Length of a tick: the sampling interval of the published traces.
TICK_SECONDS = 300.0
#: Age of measurements when they are seen.
SCRAPE_DELAY_SECONDS = 15.0


def build_dataset(
    trace: Trace, nodes: Sequence[Node], *, seed: int, rows_count_at_most: int, progress: Progress = untold
) -> NodeRecord:
    """The record of a replay.

    Args:
        trace: the training days.
        nodes: the cluster.
        seed: of the scheduler's tie-breaks.
        rows_count_at_most: ticks are sampled so that nodes x sampled ticks stay below.
        progress: told after each tick.

    Raises:
        InvalidValue: no nodes, or a trace shorter than a tick.
    """
    ticks_count = max(1, int((trace.end_seconds - trace.start_seconds) // TICK_SECONDS))
    recorder = NodeRecorder(max(1, math.ceil(ticks_count * len(nodes) / rows_count_at_most)))
    replay(
        trace,
        nodes,
        StockPolicy(),
        [recorder],
        seed=seed,
        tick_seconds=TICK_SECONDS,
        scrape_delay_seconds=SCRAPE_DELAY_SECONDS,
        progress=progress,
    )
    return recorder.record()
