"""What is replayed: a part of a trace that trains nothing (``hydatis_pipelines.trace_parts``), and the timing of replays."""

from __future__ import annotations

from pathlib import Path

from hydatis_pipelines.trace_parts import CHOICES, SYNTHETIC, Part, Workload, choice_of, read_part, training_workload

__all__ = ["CHOICES", "SCRAPE_DELAY_SECONDS", "SYNTHETIC", "TICK_SECONDS", "Workload", "evaluation_workload", "training_workload"]

#: Length of a tick of replays: the sampling interval of the traces.
TICK_SECONDS = 300.0
#: Age of measurements when they are seen.
SCRAPE_DELAY_SECONDS = 15.0


def evaluation_workload(
    name: str,
    data: Path | None,
    *,
    seed: int,
    pod_count: int | None = None,
    node_count: int | None = None,
    start_day: int | None = None,
    days: int | None = None,
) -> Workload:
    """What is replayed.

    Raises:
        InvalidValue: the trace is unknown, needs a data folder, or an option is out of range.
        TraceRefused: the folder does not hold it.
    """
    part = choice_of(name).replay
    chosen = Part(
        part.start_day if start_day is None else start_day, days or part.days, pod_count or part.pod_count, part.machine_share
    )
    # another seed than training's: the generator must not replay the very machines that trained
    return read_part(name, data, chosen, seed=seed + 1_000 if name == SYNTHETIC else seed, node_count=node_count)
