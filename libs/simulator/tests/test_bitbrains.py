from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hydatis_core.errors import TraceRefused
from hydatis_simulator.traces.bitbrains import RULES
from hydatis_simulator.traces.registry import read_trace

T0 = 1_372_629_600  # 2013-06-30 22:00 UTC, a multiple of 300
HEADER = ";\t".join(
    (
        "Timestamp [ms]",
        "CPU cores",
        "CPU capacity provisioned [MHZ]",
        "CPU usage [MHZ]",
        "CPU usage [%]",
        "Memory capacity provisioned [KB]",
        "Memory usage [KB]",
        "Disk read throughput [KB/s]",
        "Disk write throughput [KB/s]",
        "Network received throughput [KB/s]",
        "Network transmitted throughput [KB/s]",
    )
)
COLUMNS = (
    "vm_id", "timestamp_s", "cpu_cores", "cpu_capacity_mhz", "cpu_usage_mhz", "cpu_usage_pct", "memory_capacity_kib",
    "memory_usage_kib", "disk_read_kib_per_s", "disk_write_kib_per_s", "net_received_kib_per_s", "net_transmitted_kib_per_s",
)  # fmt: skip


def row(time, pct=10.0, cores=2, capacity=5200.0, memory_capacity=8388608.0, memory=1024.0, io=(1.0, 2.0, 3.0, 4.0)):
    return (T0 + time, cores, capacity, capacity * pct / 100, pct, memory_capacity, memory, *io)


def _line(values) -> str:
    return ";\t".join(f"{value}" for value in values)


def write_raw(folder, machines, month="2013-7"):
    target = folder / "rnd" / month
    target.mkdir(parents=True, exist_ok=True)
    for number, rows in machines.items():
        lines = [HEADER, *(line if isinstance(line, str) else _line(line) for line in rows)]
        (target / f"{number}.csv").write_text("\n".join(lines) + "\n")


def write_parquet(folder, machines, name="rnd_2013-07.parquet", drop=()):
    rows = [(number, *values) for number, series in machines.items() for values in series]
    columns = {name: [r[i] for r in rows] for i, name in enumerate(COLUMNS) if name not in drop}
    pq.write_table(pa.table(columns), folder / name, row_group_size=50)


def both(folder, machines, **options):
    """The trace in each layout; they must agree."""
    (folder / "raw").mkdir()
    (folder / "parquet").mkdir()
    write_raw(folder / "raw", machines)
    write_parquet(folder / "parquet", machines)
    raw, parquet = (read_trace("bitbrains", folder / layout, seed=1, **options) for layout in ("raw", "parquet"))
    assert raw.digest() == parquet.digest()
    assert raw.report.rules == parquet.report.rules
    assert np.array_equal(raw.io, parquet.io, equal_nan=True)
    return parquet


def test_both_layouts_give_the_same_trace_in_our_units(tmp_path):
    trace = both(tmp_path, {3: [row(4, pct=10), row(304, pct=50, memory=2048.0)], 7: [row(0), row(300), row(600)]})
    assert (trace.start_seconds, trace.step_seconds, trace.steps_count) == (T0, 300.0, 3)
    first = trace.row_by_uid["bitbrains-vm-3-0-0"]
    assert np.allclose(trace.cpu_used_cores[first, :2], [0.2, 1.0])
    assert np.isnan(trace.cpu_used_cores[first, 2])
    assert trace.memory_used_bytes[first, :2].tolist() == [2.0**20, 2.0**21]
    assert trace.io[first, 0].tolist() == [3 * 1024, 4 * 1024, 1 * 1024, 2 * 1024]
    pod = trace.pods[first].pod
    assert (pod.requests.cpu_cores, pod.requests.memory_bytes) == (2.0, 8 * 2.0**30)
    assert (pod.namespace, pod.workload) == ("bitbrains-cpu2", "vm-3")
    assert trace.report.rows_count == 5
    assert [rule.name for rule in trace.report.rules] == list(RULES)


def test_capacity_zero_is_unknown_use_and_ends_the_pod_after_an_hour(tmp_path):
    series = [row(300 * i, capacity=0.0 if 20 <= i < 40 else 5200.0) for i in range(60)]
    trace = both(tmp_path, {1: series})
    assert trace.report.count("capacity_zero") == 20
    assert np.isnan(trace.cpu_used_cores[0, 20:40]).all()
    assert [(p.arrival_seconds - T0, p.end_seconds - T0) for p in trace.pods][1:] == [(12_000, np.inf)]
    assert trace.pods[0].end_seconds == T0 + 6000


def test_of_repeated_timestamps_the_zero_one_goes_and_the_others_are_averaged(tmp_path):
    series = [row(0, pct=10), row(300, pct=10), row(300, pct=0.0, memory=0.0), row(600, pct=10), row(600, pct=30), row(900)]
    trace = both(tmp_path, {1: series})
    assert trace.report.count("timestamp_repeated") == 2
    assert trace.report.count("repeated_all_zero") == 1
    assert np.allclose(trace.cpu_used_cores[0], [0.2, 0.2, 0.4, 0.2])


def test_an_idle_machine_keeps_its_zeros(tmp_path):
    trace = both(tmp_path, {1: [row(300 * i, pct=0.0, memory=0.0) for i in range(4)]})
    assert trace.cpu_used_cores[0].tolist() == [0.0] * 4
    assert trace.report.count("repeated_all_zero") == 0


def test_samples_out_of_order_are_sorted_and_gaps_stay_unknown(tmp_path):
    trace = both(tmp_path, {1: [row(0), row(900, pct=40), row(300, pct=20), row(1500)]})
    assert trace.report.count("not_in_order") == 1
    assert trace.report.count("steps_without_sample") == 2
    assert np.allclose(trace.cpu_used_cores[0], [0.2, 0.4, np.nan, 0.8, np.nan, 0.2], equal_nan=True)


def test_use_above_capacity_is_kept_and_counted(tmp_path):
    trace = both(tmp_path, {1: [row(0, pct=120.0), row(300, memory=9_000_000.0)]})
    assert trace.report.count("cpu_above_capacity") == 1
    assert trace.report.count("memory_above_capacity") == 1
    assert np.isclose(trace.cpu_used_cores[0, 0], 2.4)
    assert trace.memory_used_bytes[0, 1] == 9_000_000 * 1024


def test_negative_values_are_unknown_and_changing_capacities_take_the_median(tmp_path):
    series = [row(0, pct=-1.0), row(300, cores=4), row(600, cores=4, memory=-5.0), row(900, cores=2), row(1200, cores=4)]
    trace = both(tmp_path, {1: series})
    assert trace.report.count("negative_value") == 2
    assert trace.report.count("capacity_changed") == 1
    assert trace.pods[0].pod.limits.cpu_cores == 4.0
    assert np.isnan(trace.memory_used_bytes[0, 2])
    assert np.isnan(trace.cpu_used_cores[0, 0])


def test_lines_that_do_not_parse_are_set_aside_and_counted(tmp_path):
    write_raw(tmp_path, {1: [row(0), "garbage", "1;2;3", _line(row(300)).replace("10.0", "ten"), row(600)]})
    trace = read_trace("bitbrains", tmp_path, seed=1)
    assert trace.report.count("unparsable_line") == 3
    assert trace.report.rows_count == 2


def test_the_window_counts_days_from_the_first_sample(tmp_path):
    trace = both(tmp_path, {1: [row(300 * i, pct=i % 100) for i in range(4 * 288)]}, start_day=1, days=2)
    assert trace.start_seconds == T0 + 86_400
    assert trace.steps_count == 2 * 288
    assert np.isclose(trace.cpu_used_cores[0, 0], 2 * 88 / 100)
    with pytest.raises(TraceRefused, match="no day 9"):
        read_trace("bitbrains", tmp_path / "parquet", seed=1, start_day=9)


def test_raw_months_are_read_as_one_series(tmp_path):
    write_raw(tmp_path, {1: [row(300 * i) for i in range(5)]})
    write_raw(tmp_path, {1: [row(300 * i, pct=20) for i in range(5, 9)]}, month="2013-8")
    trace = read_trace("bitbrains", tmp_path, seed=1)
    assert np.allclose(trace.cpu_used_cores[0], [0.2] * 5 + [0.4] * 4)
    assert trace.report.rows_count == 9


def test_shares_keep_machines_apart_and_pod_counts_choose_by_seed(tmp_path):
    write_parquet(tmp_path, {number: [row(300 * i) for i in range(5)] for number in range(60)})

    def machines(**options):
        return {p.pod.workload for p in read_trace("bitbrains", tmp_path, **{"seed": 1} | options).pods}

    train, test = machines(machine_share=(0.0, 0.7)), machines(machine_share=(0.7, 1.0))
    assert not train & test
    assert len(train | test) == 60
    assert 25 < len(train) < 58
    assert machines(pod_count=20) == machines(pod_count=20) != machines(pod_count=20, seed=2)


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda folder: None, "no Bitbrains trace"),
        (lambda folder: (folder / "rnd_2013-07.parquet").write_bytes(b"PAR1 nonsense"), "cannot be read as Parquet"),
        (lambda folder: write_parquet(folder, {1: [row(0), row(300)]}, drop=("cpu_usage_pct",)), "lacks column cpu_usage_pct"),
        (lambda folder: write_parquet(folder, {1: [row(0)]}), "no machine with known CPU use"),
        (lambda folder: write_parquet(folder, {}), "rnd_2013-07.parquet has no row"),
        (lambda folder: write_raw(folder, {1: [row(0)]}), "no machine with known CPU use"),
        (lambda folder: write_raw(folder, {1: []}), "holds no sample"),
        (lambda folder: (folder / "1.csv").write_text("a;b\n1;2\n"), "1.csv lacks column Timestamp"),
    ],
)
def test_what_is_no_such_trace_is_refused_in_one_sentence(tmp_path, prepare, words):
    prepare(tmp_path)
    with pytest.raises(TraceRefused, match=words) as refused:
        read_trace("bitbrains", tmp_path, seed=1)
    assert "\n" not in str(refused.value)


def test_a_truncated_file_is_refused(tmp_path):
    write_parquet(tmp_path, {1: [row(300 * i) for i in range(500)]})
    path = tmp_path / "rnd_2013-07.parquet"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(TraceRefused, match=r"rnd_2013-07\.parquet"):
        read_trace("bitbrains", tmp_path, seed=1)
