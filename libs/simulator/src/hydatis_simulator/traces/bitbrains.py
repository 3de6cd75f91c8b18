"""Bitbrains (GWA-T-12): what business-critical virtual machines were given and used, every five minutes for months.

Published by the Grid Workloads Archive; Shen, van Beek, Iosup, "Statistical Characterization of Business-Critical Workloads Hosted
in Cloud Datacenters", CCGrid 2015. Its collectors repeat, pause and report machines that are off as having no capacity: RULES says
what is done about each, and every reading counts them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from hydatis_core.errors import TraceRefused
from hydatis_core.event_time import DAY_SECONDS
from numpy.typing import NDArray

from hydatis_simulator.trace import Trace, TraceReport
from hydatis_simulator.traces.arrow import Columns, check_columns, column_range, read_parquet, read_text
from hydatis_simulator.traces.folder import find, trace_folder
from hydatis_simulator.traces.grid import SampleGrid, Window
from hydatis_simulator.traces.options import TraceOptions
from hydatis_simulator.traces.rules import RuleCounts
from hydatis_simulator.workload_shape import MachineSeries, make_trace

__all__ = ["NAME", "RULES", "read"]

NAME = "bitbrains"
STEP_SECONDS = 300.0
KIB = 1024.0

RULES = {
    "unparsable_line": "A line of the raw layout has another number of fields or something that is no number: set aside.",
    "negative_value": "A measure or capacity is below 0 or not finite: taken as unknown.",
    "not_in_order": "A sample is older than the one before it: sorted by time.",
    "timestamp_repeated": "A sample repeats a machine's timestamp (interleaved collectors): the mean is taken, see the next rule.",
    "repeated_all_zero": "Of repeated timestamps, a sample of zero CPU and memory beside one that is not: set aside.",
    "capacity_zero": "CPU capacity is 0 (machine off or absent): use is unknown, and the machine is off in that step.",
    "memory_capacity_zero": "Memory capacity is 0 where CPU capacity is not: use of memory is unknown.",
    "cpu_above_capacity": "Use of CPU is above 100 % of the capacity: kept as it is.",
    "memory_above_capacity": "Use of memory is above the capacity: kept as it is where there is a capacity.",
    "capacity_changed": "Machines whose capacity varies: provisioned is the median of the samples.",
    "samples_merged": "More than one sample falls in a step: the step holds their mean.",
    "steps_without_sample": "Steps between a machine's first and last sample without one: unknown.",
    "machine_without_use": "Machines chosen that have fewer than two known samples in the window: left out.",
}

_MEASURES = (
    "cpu_usage_pct",
    "memory_usage_kib",
    "net_received_kib_per_s",
    "net_transmitted_kib_per_s",
    "disk_read_kib_per_s",
    "disk_write_kib_per_s",
)
_CAPACITIES = ("cpu_cores", "cpu_capacity_mhz", "memory_capacity_kib")
_COLUMNS = ("vm_id", "timestamp_s", *_CAPACITIES, *_MEASURES)
#: Labels of the raw header. It says ms; the values are seconds.
_RAW_COLUMNS = {
    "Timestamp [ms]": "timestamp_s",
    "CPU cores": "cpu_cores",
    "CPU capacity provisioned [MHZ]": "cpu_capacity_mhz",
    "CPU usage [MHZ]": "cpu_usage_mhz",
    "CPU usage [%]": "cpu_usage_pct",
    "Memory capacity provisioned [KB]": "memory_capacity_kib",
    "Memory usage [KB]": "memory_usage_kib",
    "Disk read throughput [KB/s]": "disk_read_kib_per_s",
    "Disk write throughput [KB/s]": "disk_write_kib_per_s",
    "Network received throughput [KB/s]": "net_received_kib_per_s",
    "Network transmitted throughput [KB/s]": "net_transmitted_kib_per_s",
}
_PARQUET_FILES = ("rnd_*.parquet", "fastStorage_*.parquet")
_RAW_FILES = ("rnd/*/*.csv", "fastStorage/*/*.csv", "20*/*.csv", "*.csv")
_RAW_FILES_A_BATCH = 40


def read(folder: Path, options: TraceOptions) -> Trace:
    """Reads the trace: Parquet ``rnd_YYYY-MM.parquet``, or raw ``rnd/YYYY-M/N.csv`` (or fastStorage, or a month's folder).

    Days count from the first sample's (22:00 UTC: midnight where the archive was made). CPU in cores is percentage times cores.

    Raises:
        TraceRefused: the folder, a file or a column is missing or damaged, or no machine has two samples in the window.
    """
    folder = trace_folder(NAME, folder)
    source = _source(folder)
    window = _window(*source.time_range(), options, folder)
    names = options.choose(NAME, source.machines(window))
    if not names:
        raise TraceRefused(f"{folder} holds no machine in these days and shares", field="machine_share, days")
    rules = RuleCounts(RULES)
    grid = SampleGrid(len(names), window, len(_MEASURES))
    capacities = [np.zeros((0, 1 + len(_CAPACITIES)), dtype=np.float32)]
    for batch in source.batches(names, window, rules):
        capacities.append(_add(batch, window, grid, rules))
    series = _series(names, grid, np.concatenate(capacities), rules)
    report = TraceReport(f"{source.layout} in {folder.name}", rules.rows_count, rules.applied(), ASSUMPTIONS)
    return make_trace(
        NAME, series, options.shape, start_seconds=window.start_seconds, step_seconds=window.step_seconds, report=report
    )


ASSUMPTIONS = (
    "Memory use is what the hypervisor saw as active, less than what a kernel would hold resident.",
    "A core of one machine counts as much as a core of another.",
)


def _window(first: float, last: float, options: TraceOptions, folder: Path) -> Window:
    start = math.floor(first / STEP_SECONDS) * STEP_SECONDS + options.start_day * DAY_SECONDS
    end = math.floor(last / STEP_SECONDS + 1) * STEP_SECONDS
    if options.days is not None:
        end = min(end, start + options.days * DAY_SECONDS)
    if end <= start:
        days = math.ceil((last - first) / DAY_SECONDS)
        raise TraceRefused(f"{folder} has no day {options.start_day}", field="start_day", expected=f"0 to {days - 1}")
    return Window(start, STEP_SECONDS, int((end - start) // STEP_SECONDS))


class _ParquetLayout:
    """One file per month, sorted by machine."""

    layout = "Parquet"

    def __init__(self, paths: list[Path]) -> None:
        self._paths = paths
        self._ranges = {path: column_range(path, "timestamp_s") for path in paths}

    def time_range(self) -> tuple[float, float]:
        return min(r[0] for r in self._ranges.values()), max(r[1] for r in self._ranges.values())

    def _within(self, window: Window) -> list[Path]:
        return [p for p, (first, last) in self._ranges.items() if first < window.end_seconds and last >= window.start_seconds]

    def machines(self, window: Window) -> list[str]:
        ids: set[int] = set()
        for path in self._within(window):
            columns = read_parquet(path, ["vm_id", "timestamp_s"])
            inside = (columns["timestamp_s"] >= window.start_seconds) & (columns["timestamp_s"] < window.end_seconds)
            ids.update(np.unique(columns["vm_id"][inside]).tolist())
        return [str(number) for number in sorted(ids)]

    def batches(self, names: list[str], window: Window, rules: RuleCounts) -> Iterator[Columns]:
        row_of = {int(name): row for row, name in enumerate(names)}
        start, end = int(window.start_seconds), int(window.end_seconds)
        for path in self._within(window):
            chosen = ("vm_id", "in", sorted(row_of))
            batch = read_parquet(path, _COLUMNS, [chosen, ("timestamp_s", ">=", start), ("timestamp_s", "<", end)])
            lookup = np.full(max(row_of) + 1, -1, dtype=np.int64)
            lookup[list(row_of)] = list(row_of.values())
            batch["machine"] = lookup[batch.pop("vm_id")]
            rules.rows_count += len(batch["machine"])
            yield batch


class _RawLayout:
    """One file per machine and month."""

    layout = "raw files"

    def __init__(self, paths: list[Path]) -> None:
        self._paths = paths
        self._first = {path: first for path in paths if (first := _first_time(path)) is not None}
        if not self._first:
            raise TraceRefused(f"{paths[0].parent} holds no sample", field=paths[0].name, expected="at least two samples")

    def time_range(self) -> tuple[float, float]:
        newest = max(self._first.values())
        last_paths = [path for path, first in self._first.items() if first > newest - 40 * DAY_SECONDS]
        return min(self._first.values()), max(_last_time(path) for path in last_paths)

    def _within(self, window: Window) -> list[Path]:
        # A file holds one month, so one that begins over 40 days before the window ends before it.
        span = 40 * DAY_SECONDS
        return [p for p, first in self._first.items() if window.start_seconds - span < first < window.end_seconds]

    def machines(self, window: Window) -> list[str]:
        return sorted({path.stem for path in self._within(window)}, key=lambda stem: (len(stem), stem))

    def batches(self, names: list[str], window: Window, rules: RuleCounts) -> Iterator[Columns]:
        row_of = {name: row for row, name in enumerate(names)}
        paths = [path for path in self._within(window) if path.stem in row_of]
        for at in range(0, len(paths), _RAW_FILES_A_BATCH):
            parts = [
                part for path in paths[at : at + _RAW_FILES_A_BATCH] for part in _raw_file(path, row_of[path.stem], window, rules)
            ]
            if parts:
                yield {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _source(folder: Path) -> _ParquetLayout | _RawLayout:
    parquet = find(folder, _PARQUET_FILES)
    if parquet is not None:
        return _ParquetLayout(parquet[1])
    raw = find(folder, _RAW_FILES)
    if raw is not None:
        return _RawLayout(raw[1])
    raise TraceRefused(f"{folder} holds no Bitbrains trace", field="folder", expected="rnd_YYYY-MM.parquet or rnd/YYYY-M/N.csv")


def _first_time(path: Path) -> float | None:
    """Time of the first sample; None: the file has none."""
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            check_columns(path, [label.strip() for label in next(lines, "").split(";")], list(_RAW_COLUMNS))
            for line in lines:
                try:
                    return float(line.split(";")[0])
                except ValueError:
                    continue
    except OSError as error:
        raise TraceRefused(f"{path} cannot be read: {error.strerror}", field=path.name) from None
    return None


def _last_time(path: Path) -> float:
    last = -math.inf
    for block in read_text(path, _raw_names(path), keep=["timestamp_s"], delimiter=";", skip_lines=1):
        last = max(last, float(np.nanmax(block.columns["timestamp_s"], initial=-math.inf)))
    return last


def _raw_names(path: Path) -> list[str]:
    with path.open(encoding="utf-8", errors="replace") as lines:
        return [_RAW_COLUMNS.get(label.strip(), label.strip()) for label in next(lines, "").split(";")]


def _raw_file(path: Path, row: int, window: Window, rules: RuleCounts) -> Iterator[Columns]:
    keep = [name for name in _COLUMNS if name != "vm_id"]
    for block in read_text(path, _raw_names(path), keep=keep, delimiter=";", skip_lines=1):
        times = block.columns["timestamp_s"]
        inside = (times >= window.start_seconds) & (times < window.end_seconds)
        rules.add("unparsable_line", block.unparsable_count)
        rules.rows_count += int(inside.sum())
        columns: Columns = {name: values[inside] for name, values in block.columns.items()}
        columns["machine"] = np.full(int(inside.sum()), row, dtype=np.int64)
        yield columns


def _add(batch: Columns, window: Window, grid: SampleGrid, rules: RuleCounts) -> NDArray[np.float32]:
    """Adds a batch to the grid by the rules.

    Returns:
        shape (samples with capacity, 4): machine and its three capacities.
    """
    batch = _in_order(batch, rules)
    for name in (*_CAPACITIES, *_MEASURES):
        values = batch[name].astype(np.float32, copy=True)
        bad = (values < 0) | np.isinf(values)
        rules.add("negative_value", bad.sum())
        values[bad] = np.nan
        batch[name] = values
    off = ~(batch["cpu_capacity_mhz"] > 0)
    no_memory = ~off & ~(batch["memory_capacity_kib"] > 0)
    rules.add("capacity_zero", off.sum())
    rules.add("memory_capacity_zero", no_memory.sum())
    rules.add("cpu_above_capacity", (batch["cpu_usage_pct"] > 100).sum())
    rules.add("memory_above_capacity", (batch["memory_usage_kib"] > batch["memory_capacity_kib"]).sum())
    batch["memory_usage_kib"][no_memory] = np.nan
    for name in _MEASURES:
        batch[name][off] = np.nan
    kept = ~_zero_beside_other(batch, rules)
    machines, steps = batch["machine"], window.steps(batch["timestamp_s"])
    columns: list[NDArray[np.float32]] = [
        (batch["cpu_usage_pct"] * batch["cpu_cores"] / 100).astype(np.float32),
        *(batch[name] * np.float32(KIB) for name in _MEASURES[1:]),
    ]
    grid.mark_off(machines[kept & off], steps[kept & off])
    grid.add(machines[kept], steps[kept], [column[kept] for column in columns])
    on = ~off
    return np.column_stack([machines[on], *(batch[name][on] for name in _CAPACITIES)]).astype(np.float32)


def _in_order(batch: Columns, rules: RuleCounts) -> Columns:
    machines, times = batch["machine"], batch["timestamp_s"]
    backwards = (machines[1:] == machines[:-1]) & (times[1:] < times[:-1])
    rules.add("not_in_order", backwards.sum())
    if not backwards.any() and (np.diff(machines) >= 0).all():
        return batch
    order = np.lexsort((times, machines))
    return {name: values[order] for name, values in batch.items()}


def _zero_beside_other(batch: Columns, rules: RuleCounts) -> NDArray[np.bool_]:
    """Samples of zero use that share machine and timestamp with one that is not; the batch is in order."""
    machines, times = batch["machine"], batch["timestamp_s"]
    if not len(machines):
        return np.zeros(0, dtype=np.bool_)
    begins = np.concatenate([[True], (machines[1:] != machines[:-1]) | (times[1:] != times[:-1])])
    group = np.cumsum(begins) - 1
    zero = ~((batch["cpu_usage_pct"] > 0) | (batch["memory_usage_kib"] > 0))
    other = np.bincount(group, weights=~zero) > 0
    rules.add("timestamp_repeated", len(machines) - begins.sum())
    set_aside: NDArray[np.bool_] = zero & other[group]
    rules.add("repeated_all_zero", set_aside.sum())
    return set_aside


def _series(names: list[str], grid: SampleGrid, capacities: NDArray[np.float32], rules: RuleCounts) -> MachineSeries:
    cores, memory = np.ones(len(names)), np.full(len(names), KIB)
    order = np.argsort(capacities[:, 0], kind="stable")
    bounds = np.searchsorted(capacities[order, 0], np.arange(len(names) + 1))
    for row in range(len(names)):
        own = capacities[order[bounds[row] : bounds[row + 1]]]
        if len(own):
            cores[row] = max(float(np.nanmedian(own[:, 1])), 1.0)
            memory[row] = max(float(np.nanmedian(own[:, 3])) * KIB, KIB)
            rules.add("capacity_changed", bool((np.ptp(own[:, 1:], axis=0) > 0).any()))
    cpu = grid.means(0)
    known = ~np.isnan(cpu)
    rules.add("samples_merged", grid.merged_count)
    rules.add("machine_without_use", (known.sum(axis=1) < 2).sum())
    first, last = known.argmax(axis=1), known.shape[1] - known[:, ::-1].argmax(axis=1)
    rules.add("steps_without_sample", np.where(known.any(axis=1), last - first - known.sum(axis=1), 0).sum())
    io = np.stack([grid.means(column) for column in range(2, 6)], axis=-1)
    return MachineSeries(
        names=tuple(f"vm-{name}" for name in names),
        cpu_provisioned_cores=cores,
        memory_provisioned_bytes=memory,
        cpu_used_cores=cpu,
        memory_used_bytes=grid.means(1),
        off=grid.off & ~known,
        io=io,
    )
