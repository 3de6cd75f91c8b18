"""PlanetLab: use of CPU by some thousand virtual machines, in days of 288 samples.

From the CoMon project (Park and Pai, ACM OSR 2006), published with Beloglazov and Buyya, CCPE 24(13), 2012, and known from
CloudSim. It says nothing of sizes or memory: sizes are those CloudSim runs it with, memory stays unknown.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from hydatis_core.errors import TraceRefused
from hydatis_core.seeds import stable_fraction
from numpy.typing import NDArray

from hydatis_simulator.trace import Trace, TraceReport
from hydatis_simulator.traces.arrow import read_coded, read_parquet
from hydatis_simulator.traces.folder import find, trace_folder
from hydatis_simulator.traces.options import TraceOptions
from hydatis_simulator.traces.rules import RuleCounts
from hydatis_simulator.workload_shape import MachineSeries, make_trace

__all__ = ["ASSUMED_SIZES", "NAME", "RULES", "read"]

NAME = "planetlab"
STEP_SECONDS = 300.0
STEPS_A_DAY = 288
MB = 1e6

#: Cores and bytes of the virtual machine types that CloudSim runs this trace with (2500, 2000, 1000 and 500 MIPS; 870, 1740, 1740
#: and 613 MB), 2500 MIPS taken as one core. A machine's type is drawn by its name.
ASSUMED_SIZES: tuple[tuple[float, float], ...] = ((1.0, 870 * MB), (0.8, 1740 * MB), (0.4, 1740 * MB), (0.2, 613 * MB))

RULES = {
    "unparsable_line": "A line of the raw layout is no whole number: its sample is unknown.",
    "out_of_range": "A use below 0 or above 100 %: taken as unknown.",
    "day_too_long": "Samples beyond the 288 of a day: set aside.",
    "day_too_short": "Machine-days with fewer than 288 samples: the missing ones are unknown.",
    "sample_repeated": "A sample repeats a machine's step (Parquet): the last one counts.",
    "machine_absent_days": "Days of the window in which a machine has no samples: it is off.",
    "machine_without_use": "Machines with fewer than two known samples in the window: left out.",
}

ASSUMPTIONS = (
    "Sizes are assumed (CloudSim's four types of virtual machine, by the machine's name): the trace has none.",
    "Use of memory is unknown: the trace has none.",
    "Days of the trace are not consecutive: they are laid end to end, from midnight UTC of the first one chosen.",
)

Grid = NDArray[np.float32]


def read(folder: Path, options: TraceOptions) -> Trace:
    """Reads the trace: Parquet ``cpu_usage.parquet``, or raw ``YYYYMMDD/<machine>`` with one whole number (percent) a line.

    Raises:
        TraceRefused: the folder, a file or a column is missing or damaged, or the chosen days hold fewer than two samples.
    """
    folder = trace_folder(NAME, folder)
    rules = RuleCounts(RULES)
    parquet, raw = find(folder, ["cpu_usage.parquet"]), find(folder, ["[12][0-9][0-9][0-9][0-9][0-9][0-9][0-9]"])
    if parquet is not None:
        layout, dates, names, used = _parquet(parquet[1][0], options, rules)
    elif raw is not None:
        layout, dates, names, used = _raw(raw[1], options, rules)
    else:
        raise TraceRefused(f"{folder} holds no PlanetLab trace", field="folder", expected="cpu_usage.parquet or YYYYMMDD/<machine>")
    known = ~np.isnan(used)
    rules.add("machine_without_use", (known.sum(axis=1) < 2).sum())
    absent = ~known.reshape(len(names), len(dates), STEPS_A_DAY).any(axis=2)
    rules.add("machine_absent_days", absent.sum())
    sizes = np.array([ASSUMED_SIZES[int(stable_fraction(name, "planetlab/size") * len(ASSUMED_SIZES))] for name in names])
    series = MachineSeries(
        names=tuple(names),
        cpu_provisioned_cores=sizes[:, 0],
        memory_provisioned_bytes=sizes[:, 1],
        cpu_used_cores=(used / 100 * sizes[:, :1]).astype(np.float32),
        memory_used_bytes=np.full_like(used, np.nan),
        off=np.repeat(absent, STEPS_A_DAY, axis=1),
    )
    start = datetime.strptime(str(dates[0]), "%Y%m%d").replace(tzinfo=UTC).timestamp()
    report = TraceReport(f"{layout} in {folder.name}", rules.rows_count, rules.applied(), ASSUMPTIONS)
    return make_trace(NAME, series, options.shape, start_seconds=start, step_seconds=STEP_SECONDS, report=report)


def _chosen_dates(dates: list[int], options: TraceOptions) -> list[int]:
    end = None if options.days is None else options.start_day + options.days
    chosen = dates[options.start_day : end]
    if not chosen:
        raise TraceRefused(f"the trace has no day {options.start_day}", field="start_day", expected=f"0 to {len(dates) - 1}")
    return chosen


def _parquet(path: Path, options: TraceOptions, rules: RuleCounts) -> tuple[str, list[int], list[str], Grid]:
    every_date = sorted({int(date) for date in np.unique(read_parquet(path, ["date_yyyymmdd"])["date_yyyymmdd"])})
    dates = _chosen_dates(every_date, options)
    rows, machine, every_name = read_coded(
        path, ["date_yyyymmdd", "step_5min", "cpu_usage_pct"], "vm_name", [("date_yyyymmdd", "in", dates)]
    )
    rules.rows_count += len(machine)
    names = options.choose(NAME, every_name)
    used = _empty(names, dates)
    row_of = np.full(len(every_name), -1)
    row_of[np.searchsorted(every_name, names)] = np.arange(len(names))
    row, step = row_of[machine], rows["step_5min"].astype(np.int64)
    long = (step < 0) | (step >= STEPS_A_DAY)
    rules.add("day_too_long", (long & (row >= 0)).sum())
    kept = (row >= 0) & ~long
    values = rows["cpu_usage_pct"][kept].astype(np.float32)
    column = np.searchsorted(dates, rows["date_yyyymmdd"][kept]) * STEPS_A_DAY + step[kept]
    cells = row[kept] * used.shape[1] + column
    rules.add("sample_repeated", len(cells) - len(np.unique(cells)))
    used.reshape(-1)[cells] = _in_range(values, rules)
    rules.add("day_too_short", _short_days(used, dates))
    return "Parquet", dates, names, used


def _raw(folders: list[Path], options: TraceOptions, rules: RuleCounts) -> tuple[str, list[int], list[str], Grid]:
    by_date = {int(folder.name): folder for folder in folders if folder.is_dir()}
    dates = _chosen_dates(sorted(by_date), options)
    files = {date: {path.name: path for path in sorted(by_date[date].iterdir()) if path.is_file()} for date in dates}
    names = options.choose(NAME, sorted({name for day in files.values() for name in day}))
    used = _empty(names, dates)
    for day, date in enumerate(dates):
        for row, name in enumerate(names):
            if name in files[date]:
                values = _raw_day(files[date][name], rules)
                at = day * STEPS_A_DAY
                used[row, at : at + len(values)] = _in_range(values, rules)
    rules.add("day_too_short", _short_days(used, dates))
    return "raw files", dates, names, used


def _raw_day(path: Path, rules: RuleCounts) -> Grid:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split()
    except OSError as error:
        raise TraceRefused(f"{path} cannot be read: {error.strerror}", field=path.name) from None
    rules.rows_count += len(lines)
    rules.add("day_too_long", max(len(lines) - STEPS_A_DAY, 0))
    values = np.full(min(len(lines), STEPS_A_DAY), np.nan, dtype=np.float32)
    for step, line in enumerate(lines[:STEPS_A_DAY]):
        if line.lstrip("-").isascii() and line.lstrip("-").isdigit():
            values[step] = int(line)
        else:
            rules.add("unparsable_line", 1)
    return values


def _empty(names: list[str], dates: list[int]) -> Grid:
    if not names:
        raise TraceRefused("no machine lies in these days and shares", field="machine_share, days")
    return np.full((len(names), len(dates) * STEPS_A_DAY), np.nan, dtype=np.float32)


def _in_range(values: Grid, rules: RuleCounts) -> Grid:
    bad = (values < 0) | (values > 100)
    rules.add("out_of_range", bad.sum())
    return np.where(bad, np.float32(np.nan), values)


def _short_days(used: Grid, dates: list[int]) -> int:
    counts = (~np.isnan(used)).reshape(len(used), len(dates), STEPS_A_DAY).sum(axis=2)
    return int(((counts > 0) & (counts < STEPS_A_DAY)).sum())
