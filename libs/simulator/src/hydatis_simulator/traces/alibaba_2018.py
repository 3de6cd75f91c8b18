"""Alibaba cluster-trace-v2018: use of whole machines over eight days.

Published in alibaba/clusterdata; Guo et al., "Who Limits the Resource Efficiency of My Datacenter", IWQoS 2019. A machine's use is
the sum of what ran on it, which the usage table does not tell apart: here each machine's course over time becomes that of a pod
of a stated size.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from hydatis_core.errors import TraceRefused
from hydatis_core.event_time import DAY_SECONDS

from hydatis_simulator.trace import Trace, TraceReport
from hydatis_simulator.traces.arrow import Columns, read_parquet, read_text
from hydatis_simulator.traces.folder import find, trace_folder
from hydatis_simulator.traces.grid import SampleGrid, Window
from hydatis_simulator.traces.options import TraceOptions
from hydatis_simulator.traces.rules import RuleCounts
from hydatis_simulator.workload_shape import MachineSeries, make_trace

__all__ = ["NAME", "ORIGIN_SECONDS", "POD_CPU_CORES", "POD_MEMORY_BYTES", "RULES", "read"]

NAME = "alibaba_2018"
STEP_SECONDS = 300.0
#: The trace counts from its own start; its clock is set to Monday 2018-01-01 00:00 UTC: hours of the day are not true ones.
ORIGIN_SECONDS = 1_514_764_800.0
TRACE_DAYS = 8
#: A pod has the course of a 96-core machine at a twelfth of its size.
POD_CPU_CORES = 8.0
POD_MEMORY_BYTES = 32 * 2.0**30

RULES = {
    "unparsable_line": "A line of the raw layout has another number of fields or something that is no number: set aside.",
    "outside_trace": "A sample before the start or after the eighth day: set aside.",
    "outside_window": "Samples of other days than those chosen: not used.",
    "out_of_range": "CPU or memory below 0 or above 100 %, or missing: that measure of the sample is unknown.",
    "timestamp_repeated": "A sample repeats a machine's timestamp: the mean is taken.",
    "samples_merged": "Samples beyond the first of a machine's 5-minute step: the step holds their mean.",
    "steps_without_sample": "Steps between a machine's first and last sample without one: unknown.",
    "machine_without_use": "Machines with fewer than two known samples in the window: left out.",
}

ASSUMPTIONS = (
    f"A machine's course becomes that of a pod of {POD_CPU_CORES:g} cores and {POD_MEMORY_BYTES / 2**30:g} GiB.",
    "The clock is set to 2018-01-01 00:00 UTC at the trace's start: hours of the day are not the true ones.",
    "Network, disk, memory bandwidth and cache misses are published normalised, without a unit: they are not used.",
)

#: Columns of the raw file, which has no header.
_RAW_COLUMNS = (
    "machine_id",
    "timestamp_s",
    "cpu_util_pct",
    "mem_util_pct",
    "mem_bandwidth",
    "cache_miss",
    "net_in",
    "net_out",
    "disk_io_pct",
)
_KEPT = ("machine_id", "timestamp_s", "cpu_util_pct", "mem_util_pct")


def read(folder: Path, options: TraceOptions) -> Trace:
    """Reads the trace: ``machine_usage.parquet``, or raw ``machine_usage.csv`` (no header; read in blocks, whatever its size).

    Raises:
        TraceRefused: the folder, the file or a column is missing or damaged, or the window holds fewer than two samples.
    """
    folder = trace_folder(NAME, folder)
    if options.start_day >= TRACE_DAYS:
        raise TraceRefused(f"the trace has no day {options.start_day}", field="start_day", expected=f"0 to {TRACE_DAYS - 1}")
    days = min(options.days or TRACE_DAYS, TRACE_DAYS - options.start_day)
    window = Window(ORIGIN_SECONDS + options.start_day * DAY_SECONDS, STEP_SECONDS, int(days * DAY_SECONDS // STEP_SECONDS))
    rules = RuleCounts(RULES)
    machines: dict[str, SampleGrid] = {}
    for block in _blocks(folder, rules):
        _add(block, window, machines, rules)
    names = options.choose(NAME, sorted(machines))
    if not names:
        raise TraceRefused(f"{folder} holds no machine in these days and shares", field="machine_share, days")
    cpu = np.concatenate([machines[name].means(0) for name in names])
    memory = np.concatenate([machines[name].means(1) for name in names])
    known = ~np.isnan(cpu)
    rules.add("samples_merged", sum(machines[name].merged_count for name in names))
    rules.add("machine_without_use", (known.sum(axis=1) < 2).sum())
    first, last = known.argmax(axis=1), known.shape[1] - known[:, ::-1].argmax(axis=1)
    rules.add("steps_without_sample", np.where(known.any(axis=1), last - first - known.sum(axis=1), 0).sum())
    series = MachineSeries(
        names=tuple(name.replace("_", "-") for name in names),
        cpu_provisioned_cores=np.full(len(names), POD_CPU_CORES),
        memory_provisioned_bytes=np.full(len(names), POD_MEMORY_BYTES),
        cpu_used_cores=cpu * np.float32(POD_CPU_CORES / 100),
        memory_used_bytes=memory * np.float32(POD_MEMORY_BYTES / 100),
    )
    report = TraceReport(f"machine_usage in {folder.name}", rules.rows_count, rules.applied(), ASSUMPTIONS)
    return make_trace(NAME, series, options.shape, start_seconds=window.start_seconds, step_seconds=STEP_SECONDS, report=report)


def _blocks(folder: Path, rules: RuleCounts) -> Iterator[Columns]:
    parquet, raw = find(folder, ["machine_usage.parquet"]), find(folder, ["machine_usage.csv"])
    if parquet is not None:
        yield read_parquet(parquet[1][0], _KEPT)
    elif raw is not None:
        for block in read_text(raw[1][0], _RAW_COLUMNS, keep=_KEPT, text=["machine_id"]):
            rules.add("unparsable_line", block.unparsable_count)
            yield block.columns
    else:
        expected = "machine_usage.parquet or machine_usage.csv"
        raise TraceRefused(f"{folder} holds no machine usage of the Alibaba trace", field="folder", expected=expected)


def _add(block: Columns, window: Window, machines: dict[str, SampleGrid], rules: RuleCounts) -> None:
    times = block["timestamp_s"].astype(np.float64)
    rules.rows_count += len(times)
    in_trace = (times >= 0) & (times < TRACE_DAYS * DAY_SECONDS)
    steps = np.zeros(len(times), dtype=np.int64)
    steps[in_trace] = window.steps(times[in_trace] + ORIGIN_SECONDS)
    inside = in_trace & (steps >= 0) & (steps < window.steps_count)
    rules.add("outside_trace", (~in_trace).sum())
    rules.add("outside_window", (in_trace & ~inside).sum())
    measures = []
    for name in ("cpu_util_pct", "mem_util_pct"):
        values = block[name].astype(np.float64)
        bad = ~((values >= 0) & (values <= 100))
        rules.add("out_of_range", (bad & inside).sum())
        measures.append(np.where(bad, np.nan, values))
    names, of = np.unique(block["machine_id"][inside].astype(str), return_inverse=True)
    inside_rows = np.flatnonzero(inside)
    order = np.argsort(of, kind="stable")
    for name, rows in zip(names, np.split(inside_rows[order], np.cumsum(np.bincount(of, minlength=len(names)))[:-1]), strict=True):
        rules.add("timestamp_repeated", len(rows) - len(np.unique(times[rows])))
        grid = machines.setdefault(str(name), SampleGrid(1, window, 2))
        grid.add(np.zeros(len(rows), dtype=np.int64), steps[rows], [values[rows] for values in measures])
