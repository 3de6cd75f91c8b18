from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hydatis_core.errors import TraceRefused
from hydatis_simulator.traces.planetlab import ASSUMED_SIZES
from hydatis_simulator.traces.registry import read_trace

DAY = 288


def write_raw(folder, days):
    for date, machines in days.items():
        (folder / str(date)).mkdir(parents=True)
        for name, values in machines.items():
            (folder / str(date) / name).write_text("\n".join(str(v) for v in values) + "\n")


def write_parquet(folder, days, drop=()):
    rows = [(d, n, s, v) for d, machines in days.items() for n, values in machines.items() for s, v in enumerate(values)]
    columns = {
        "date_yyyymmdd": pa.array([r[0] for r in rows], pa.int32()),
        "vm_name": pa.array([r[1] for r in rows]).dictionary_encode(),
        "step_5min": pa.array([r[2] for r in rows], pa.int16()),
        "cpu_usage_pct": pa.array([r[3] for r in rows], pa.int16()),
    }
    pq.write_table(pa.table({k: v for k, v in columns.items() if k not in drop}), folder / "cpu_usage.parquet")


def both(folder, days, **options):
    (folder / "raw").mkdir()
    (folder / "parquet").mkdir()
    write_raw(folder / "raw", days)
    write_parquet(folder / "parquet", days)
    raw, parquet = (read_trace("planetlab", folder / layout, seed=1, **options) for layout in ("raw", "parquet"))
    assert raw.digest() == parquet.digest()
    assert raw.report.rules == parquet.report.rules
    return parquet


def test_percent_becomes_cores_of_an_assumed_size_and_memory_stays_unknown(tmp_path):
    trace = both(tmp_path, {20110303: {"vm_a": [50] * DAY, "vm_b": [10] * DAY}})
    row = next(i for i, p in enumerate(trace.pods) if p.pod.workload == "vm_a")
    limits = trace.pods[row].pod.limits
    assert (limits.cpu_cores, limits.memory_bytes) in ASSUMED_SIZES
    assert np.allclose(trace.cpu_used_cores[row], limits.cpu_cores / 2)
    assert not trace.memory_known
    assert trace.start_seconds == 1_299_110_400.0
    assert any("assumed" in text for text in trace.report.assumptions)


def test_days_are_laid_end_to_end_and_an_absent_machine_is_off(tmp_path):
    days = {20110303: {"a": [1] * DAY, "b": [2] * DAY}, 20110306: {"b": [4] * DAY}, 20110322: {"a": [3] * DAY, "b": [6] * DAY}}
    trace = both(tmp_path, days, arrival_window_seconds=0.0)
    assert trace.steps_count == 3 * DAY
    of_a = [p for p in trace.pods if p.pod.workload == "a"]
    assert [(p.arrival_seconds - trace.start_seconds, p.end_seconds - trace.start_seconds) for p in of_a] == [
        (0, 86_400),
        (172_800, np.inf),
    ]
    assert len([p for p in trace.pods if p.pod.workload == "b"]) == 1
    assert trace.report.count("machine_absent_days") == 1
    assert both_days(tmp_path, start_day=1, days=1) == {"b"}


def both_days(folder, **options):
    return {p.pod.workload for p in read_trace("planetlab", folder / "raw", seed=1, **options).pods}


def test_values_out_of_range_short_and_long_days_are_counted(tmp_path):
    trace = both(tmp_path, {20110303: {"a": [-1, 101, 5] + [7] * (DAY - 3), "b": [3] * 200, "c": [9] * (DAY + 2)}})
    counts = [trace.report.count(name) for name in ("out_of_range", "day_too_short", "day_too_long")]
    assert counts == [2, 2, 2]
    row = next(i for i, p in enumerate(trace.pods) if p.pod.workload == "a")
    assert np.isnan(trace.cpu_used_cores[row, :2]).all()


def test_raw_lines_that_are_no_numbers_are_unknown_samples(tmp_path):
    write_raw(tmp_path, {20110303: {"a": [1, "x", "", 3, "-"] + [5] * 283}})
    trace = read_trace("planetlab", tmp_path, seed=1)
    assert trace.report.count("unparsable_line") == 2


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda folder: None, "no PlanetLab trace"),
        (lambda folder: write_parquet(folder, {20110303: {"a": [1]}}, drop=("vm_name",)), "lacks column vm_name"),
        (lambda folder: write_parquet(folder, {20110303: {"a": [1]}}), "no machine with known CPU use"),
        (lambda folder: write_raw(folder, {20110303: {}}), "no machine lies in"),
        (lambda folder: (folder / "cpu_usage.parquet").write_text("x"), "cannot be read as Parquet"),
    ],
)
def test_what_is_no_such_trace_is_refused(tmp_path, prepare, words):
    prepare(tmp_path)
    with pytest.raises(TraceRefused, match=words):
        read_trace("planetlab", tmp_path, seed=1)


def test_a_day_the_trace_lacks_is_refused(tmp_path):
    write_raw(tmp_path, {20110303: {"a": [1] * DAY}})
    with pytest.raises(TraceRefused, match="no day 1"):
        read_trace("planetlab", tmp_path, seed=1, start_day=1)
