"""Which data sets a folder holds, as series to forecast: nothing is tied to machines or months of any one of them.

The judged part of a trace is its last calendar month where it spans more than one, else its last quarter; half of the machines
are kept unseen (a third of a dozen or fewer).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from hydatis_core.errors import InvalidValue, TraceRefused
from hydatis_core.event_time import DAY_SECONDS
from hydatis_core.seeds import stable_fraction

from hydatis_simulator.benchmark.forecast.series import SeriesSet, group_machines, machine_series
from hydatis_simulator.trace import Trace
from hydatis_simulator.traces.arrow import read_parquet
from hydatis_simulator.traces.grid import SampleGrid, Window
from hydatis_simulator.traces.registry import read_trace

__all__ = ["SETS", "Sizes", "judged_from_seconds", "read_set", "sets_in"]

STEP_SECONDS = 300.0
#: Least judged days of a last calendar month.
_LEAST_MONTH_SECONDS = 10 * DAY_SECONDS
#: The clock of the pods' trace is anonymised and may begin at 0; times here are > 0.
_POD_ORIGIN_SECONDS = 1_767_225_600.0
_FEW_MACHINES = 12


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything."""

    node_draws: int
    """How often machines are dealt into nodes that are judged."""
    learning_draws: int
    """How often learning machines are dealt into nodes to learn from."""
    workloads_count: int
    """Single machines judged, at most, of each side."""
    learning_days: float
    judged_days: float
    rounds: int
    group_size: int = 20


def judged_from_seconds(start_seconds: float, end_seconds: float) -> float:
    """The moment from which a trace is judged, by the rule above."""
    last = datetime.fromtimestamp(end_seconds - 1, UTC)
    month = datetime(last.year, last.month, 1, tzinfo=UTC).timestamp()
    if month > start_seconds + _LEAST_MONTH_SECONDS and end_seconds - month >= _LEAST_MONTH_SECONDS:
        return month
    return start_seconds + 0.75 * (end_seconds - start_seconds)


def _unseen_share(machines_count: int) -> float:
    return 1 / 3 if machines_count <= _FEW_MACHINES else 0.5


def _trace(name: str, folder: Path) -> tuple[Trace, float, float]:
    trace = read_trace(name, folder, seed=0, arrival_window_seconds=0.0)
    share = _unseen_share(len({one.pod.workload for one in trace.pods}))
    first, last = _measured(trace)
    step = trace.step_seconds
    return trace, share, judged_from_seconds(trace.start_seconds + first * step, trace.start_seconds + last * step)


def _measured(trace: Trace) -> tuple[int, int]:
    """First step that any machine was measured in, and one past the last."""
    steps = np.flatnonzero((~np.isnan(trace.cpu_used_cores)).any(axis=0))
    return int(steps[0]), int(steps[-1]) + 1


def _bitbrains(folder: Path, sizes: Sizes, seed: int) -> tuple[list[SeriesSet], list[SeriesSet]]:
    trace, share, judged = _trace("bitbrains", folder)
    nodes = group_machines(trace, share, judged, group_size=sizes.group_size, draws=sizes.node_draws, seed=seed)
    # Other deals of the same learning machines, large nodes and small: the more ways they are mixed, the less is learned by heart.
    small = max(2, sizes.group_size // 4)
    mixes = [
        group_machines(trace, share, judged, group_size=size, draws=draws, seed=seed + 1)
        for size, draws in ((sizes.group_size, sizes.learning_draws), (small, max(1, sizes.learning_draws // 2)))
    ]
    machines = machine_series(trace, share, judged)
    span = _measured(trace)
    few = np.concatenate([np.flatnonzero(machines.unseen == side)[: sizes.workloads_count] for side in (False, True)])
    judged_sets = [nodes.between(*span), machines.take(few).between(*span)]
    return judged_sets, [one.take(~one.unseen).between(*span) for one in mixes]


def _alibaba(folder: Path, _sizes: Sizes, _seed: int) -> tuple[list[SeriesSet], list[SeriesSet]]:
    trace, share, judged = _trace("alibaba_2018", folder)
    machines = machine_series(trace, share, judged).between(*_measured(trace))
    return [machines], [machines.take(~machines.unseen)]


def _pods(folder: Path, sizes: Sizes, _seed: int) -> tuple[list[SeriesSet], list[SeriesSet]]:
    path = folder / "alibaba_genai_2026" / "memory_util_frac.parquet"
    columns = read_parquet(path, ["pod_id", "timestamp_s", "memory_util_frac"])
    times = columns["timestamp_s"].astype(np.float64)
    known = np.isfinite(times) & np.isfinite(columns["memory_util_frac"].astype(np.float64))
    if known.sum() < 2:
        raise TraceRefused(f"{path} holds fewer than two samples", field="memory_util_frac", expected="two or more")
    times = times - times[known].min() + _POD_ORIGIN_SECONDS
    window = Window(_POD_ORIGIN_SECONDS, STEP_SECONDS, int((times[known].max() - _POD_ORIGIN_SECONDS) // STEP_SECONDS) + 1)
    names, rows = np.unique(columns["pod_id"][known].astype(str), return_inverse=True)
    grid = SampleGrid(len(names), window, 1)
    # The smallest published value is -0.000012: rounding of an idle pod.
    grid.add(rows, window.steps(times[known]), [np.maximum(columns["memory_util_frac"][known].astype(np.float64), 0.0)])
    memory = grid.means(0)
    order = np.argsort([stable_fraction(name, salt="alibaba_genai_2026/unseen") for name in names])
    unseen = np.zeros(len(names), dtype=np.bool_)
    unseen[order[: len(names) // 2]] = True
    pods = SeriesSet(
        name="alibaba_genai_2026 workloads",
        start_seconds=window.start_seconds + STEP_SECONDS,
        step_seconds=STEP_SECONDS,
        names=tuple(f"pod-{i}" for i in range(len(names))),
        cpu=np.full_like(memory, np.nan),
        memory=memory,
        unseen=unseen,
        test_step=int(0.75 * window.steps_count),
    )
    few = np.concatenate([np.flatnonzero(unseen == side)[: sizes.workloads_count] for side in (False, True)])
    return [pods.take(few)], []


#: Folder name of each data set, and how it is read: into sets to judge and sets to learn from.
SETS: dict[str, Callable[[Path, Sizes, int], tuple[list[SeriesSet], list[SeriesSet]]]] = {
    "bitbrains": _bitbrains,
    "alibaba_2018": _alibaba,
    "alibaba_genai_2026": _pods,
}


def sets_in(data: Path) -> list[str]:
    """Names of the data sets that a folder holds.

    Raises:
        InvalidValue: it is no folder, cannot be listed, or holds none.
    """
    try:
        if not data.is_dir():
            raise InvalidValue(f"{data} is no folder", field="--data", expected="a folder of data sets")
        found = {entry.name for entry in data.iterdir() if entry.is_dir()}
    except OSError as error:
        raise InvalidValue(f"{data} cannot be read: {error.strerror}", field="--data", expected="a readable folder") from None
    present = [name for name in SETS if name in found]
    if not present:
        raise InvalidValue(f"{data} holds none of {', '.join(SETS)}", field="--data", expected="one of these folders")
    return present


def read_set(name: str, data: Path, sizes: Sizes, seed: int) -> tuple[list[SeriesSet], list[SeriesSet]]:
    """One data set: what is judged, and what is learned from (unseen machines and judged days cut off by whoever learns).

    Raises:
        InvalidValue, TraceRefused: it cannot be read, or is too short or too small to be split.
    """
    judged, learned = SETS[name](data, sizes, seed)
    for series in judged:
        if series.test_step < 2 or series.steps_count - series.test_step < 2:
            raise InvalidValue(
                f"{series.name} spans {series.steps_count} steps of {series.step_seconds:g} s: too short to learn and to judge",
                field=name,
                expected="a trace longer than the longest horizon on both sides of the split",
            )
    return judged, learned
