"""The forecast benchmark: what must hold whatever the series are."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hydatis_core.errors import InvalidValue, TraceRefused
from hydatis_core.event_time import DAY_SECONDS
from hydatis_forecasting.targets import TARGETS
from hydatis_simulator.benchmark.forecast.drift import shifted
from hydatis_simulator.benchmark.forecast.judged import FIGURES, coverage_worst, figures
from hydatis_simulator.benchmark.forecast.rivals import RIVALS, Past, rival_forecast
from hydatis_simulator.benchmark.forecast.run import QUICK, run_forecast
from hydatis_simulator.benchmark.forecast.series import group_machines, machine_series
from hydatis_simulator.benchmark.forecast.sets import judged_from_seconds, read_set, sets_in
from hydatis_simulator.benchmark.forecast.watched import futures

STEP = 300.0
SILENT = lambda *_: None  # noqa: E731


def _use(series: int = 4, steps: int = 900, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    hours = np.arange(steps) / 12
    wave = 0.4 + 0.1 * np.sin(2 * np.pi * hours / 24 + rng.uniform(0, 6, (series, 1)))
    return (wave + rng.normal(0, 0.03, (series, steps))).clip(0).astype(np.float32)


def _past(used: np.ndarray, judged_from: int = 600) -> Past:
    steps = np.arange(used.shape[1])
    return Past.of(used, STEP, steps < judged_from - 12, np.ones(len(used), dtype=bool), np.arange(judged_from, used.shape[1], 5))


def test_futures_are_what_came() -> None:
    used = np.arange(20, dtype=np.float32)[None] / 100
    came = futures(used, STEP)[0, 2]
    np.testing.assert_allclose(came, [0.03, 0.03, 0.05, 0.05, 0.14, 0.14], rtol=1e-6)
    assert np.isnan(futures(used, STEP)[0, 8:, 4]).all()
    holes = used.copy()
    holes[0, 3:7] = np.nan
    at_2 = futures(holes, STEP)[0, 2]
    assert np.isnan(at_2[:4]).all()
    assert at_2[4] == pytest.approx(0.14)
    assert np.isnan(at_2[5])  # 8 of 12 samples are too few


def test_the_oracle_is_never_beaten_and_persistence_has_a_mase_of_one() -> None:
    past = _past(_use())
    came, used = past.outcomes[:, past.judged], past.used[:, past.judged]
    said = {name: rival_forecast(name, past) for name in RIVALS if name != "seasonal_naive_168h"}
    said["oracle"] = np.repeat(came, 2, axis=2)
    found = figures(came, used, said)
    for target in TARGETS:
        assert found["persistence"][target.suffix]["mase"] == 1.0
        oracle = found["oracle"][target.suffix]
        assert (oracle["accuracy"], oracle["mase"], oracle["pinball_p95"]) == (1.0, 0.0, 0.0)
        for name in said:
            assert set(found[name][target.suffix]) == set(FIGURES)
            assert found[name][target.suffix]["mase"] >= 0.0
            assert found[name][target.suffix]["pinball_p95"] >= 0.0


@pytest.mark.parametrize("name", list(RIVALS))
def test_no_rival_sees_the_future(name: str) -> None:
    used = _use(steps=2900)
    changed = used.copy()
    changed[:, 2700:] = 0.9
    before, after = (rival_forecast(name, _past(one, judged_from=2600)) for one in (used, changed))
    # Judged steps are 2600, 2605, ...: the first twenty come before the change, whose outcomes lie an hour ahead at most.
    if name == "decaying_histogram":  # the scale of its buckets, not their content, comes from the whole series
        np.testing.assert_allclose(after[:, :20], before[:, :20], atol=0.02)
    else:
        np.testing.assert_array_equal(after[:, :20], before[:, :20])


def test_conformal_persistence_covers_what_it_claims_on_exchangeable_changes() -> None:
    used = np.random.default_rng(3).uniform(0.2, 0.8, (20, 1500)).astype(np.float32)
    past = _past(used, judged_from=800)
    for name in ("persistence", "persistence_rolling"):
        covered = figures(past.outcomes[:, past.judged], used[:, past.judged], {name: rival_forecast(name, past)})[name]["300s"][
            "coverage_p95"
        ]
        assert covered == pytest.approx(0.95, abs=0.015)


def test_a_moving_quantile_by_hand() -> None:
    used = np.full((1, 700), 0.2, dtype=np.float32)
    used[0, ::2] = 0.6
    said = rival_forecast("moving_quantile_12h", _past(used))
    assert set(np.unique(said[0, :, 1])) == {np.float32(0.6)}


def test_the_worst_tenth_is_the_mean_of_the_lowest_series() -> None:
    actual = np.ones((20, 10), dtype=np.float32)
    p95 = np.ones((20, 10), dtype=np.float32)
    p95[3, :5], p95[7, :3] = 0, 0
    assert coverage_worst(actual, p95, np.ones((20, 10), dtype=bool)) == pytest.approx((0.5 + 0.7) / 2)
    assert math.isnan(coverage_worst(actual, p95, np.zeros((20, 10), dtype=bool)))


def test_the_last_calendar_month_is_judged_or_else_the_last_quarter() -> None:
    def at(*date: int) -> float:
        return datetime(*date, tzinfo=UTC).timestamp()

    assert judged_from_seconds(at(2020, 1, 1), at(2020, 4, 1)) == at(2020, 3, 1)
    assert judged_from_seconds(at(2020, 1, 1), at(2020, 1, 9)) == at(2020, 1, 7)
    assert judged_from_seconds(at(2020, 1, 1), at(2020, 2, 4)) == pytest.approx(at(2020, 1, 1) + 0.75 * 34 * DAY_SECONDS)


def test_nodes_never_mix_learning_and_unseen_machines_and_sum_their_members(make_pod) -> None:
    pods = [replace(make_pod(f"p{i}", cpu=2.0, memory_gib=4.0), workload=f"vm-{i}") for i in range(10)]
    use = np.repeat(np.arange(1, 11, dtype=np.float32)[:, None] / 10, 50, axis=1)
    trace = _trace_of(pods, use)
    alone = machine_series(trace, 0.5, trace.start_seconds + 40 * STEP)
    assert alone.unseen.sum() == 5
    nodes = group_machines(trace, 0.5, trace.start_seconds + 40 * STEP, group_size=5, draws=2, seed=1)
    assert len(nodes.names) == 4
    for side in (False, True):
        np.testing.assert_allclose(nodes.cpu[nodes.unseen == side, 0], alone.cpu[alone.unseen == side, 0].mean(), rtol=1e-5)
    assert nodes.test_step == 40


def _trace_of(pods, use):
    from hydatis_simulator.trace import Trace, TracePod

    start = 1_372_629_600.0
    lives = tuple(TracePod(pod, start) for pod in pods)
    return Trace("made", STEP, start, lives, use.astype(np.float32), (use * 2**30).astype(np.float32))


def test_a_shift_lifts_and_multiplies() -> None:
    used = np.full((1, 10), 0.2, dtype=np.float32)
    np.testing.assert_allclose(shifted(used, 5)[0], [0.2] * 5 + [0.5] * 5, rtol=1e-6)


def write_bitbrains(folder: Path, machines: int, steps: int, seed: int = 1, **columns: object) -> None:
    """A month in the published layout: machines with a daily swing and noise."""
    rng = np.random.default_rng(seed)
    time = 1_372_636_800 + 300 * np.tile(np.arange(steps), machines)
    vm = np.repeat(np.arange(1, machines + 1) * 7, steps)
    swing = 20 + 10 * np.sin(2 * np.pi * time / 86_400 + vm)
    percent = (swing + rng.normal(0, 3, len(time))).clip(0).astype(np.float32)
    memory = (4e6 + 1e6 * np.cos(2 * np.pi * time / 86_400 + vm) + rng.normal(0, 2e5, len(time))).astype(np.float32)
    table: dict[str, object] = {
        "vm_id": vm.astype(np.int16),
        "timestamp_s": time.astype(np.int32),
        "cpu_cores": np.full(len(time), 2, dtype=np.int8),
        "cpu_capacity_mhz": np.full(len(time), 5200.0, dtype=np.float32),
        "cpu_usage_mhz": percent * 52,
        "cpu_usage_pct": percent,
        "memory_capacity_kib": np.full(len(time), 8388608.0, dtype=np.float32),
        "memory_usage_kib": memory,
    }
    for name in ("disk_read", "disk_write", "net_received", "net_transmitted"):
        table[f"{name}_kib_per_s"] = np.ones(len(time), dtype=np.float32)
    table |= columns
    (folder / "bitbrains").mkdir(parents=True)
    pq.write_table(
        pa.table({name: value for name, value in table.items() if value is not None}), folder / "bitbrains" / "rnd_2013-07.parquet"
    )


def test_a_small_trace_is_judged_whole(tmp_path: Path) -> None:
    write_bitbrains(tmp_path, machines=4, steps=750)
    small = replace(QUICK, learning_draws=1, workloads_count=1, rounds=4)
    run, models = run_forecast(tmp_path, sets_in(tmp_path), None, small, 1, SILENT)
    assert set(models["bitbrains"]) == {"cpu", "memory"}
    assert set(run.sets) == {"bitbrains nodes", "bitbrains workloads"}
    for resource in ("cpu", "memory"):
        unseen = run.sets["bitbrains nodes"][resource]["unseen"]
        assert unseen["ours"]["3600s"]["accuracy"] > 0.7
        assert unseen["persistence"]["900s"]["mase"] == 1.0
        assert {"ours", "ours_static", "persistence", "ewma"} <= set(unseen)
        assert "seasonal_naive_168h" not in unseen
    assert any("seasonal_naive_168h is left out" in note for note in run.notes)
    assert set(run.drift["bitbrains nodes"]) == {"cpu", "memory"}


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (lambda folder: write_bitbrains(folder, 4, 800, cpu_usage_pct=None), "lacks column cpu_usage_pct"),
        (lambda folder: write_bitbrains(folder, 4, 1), "fewer than two|too short|no machine|holds no"),
        (lambda folder: write_bitbrains(folder, 4, 0), "has no row|holds no"),
        (lambda folder: write_bitbrains(folder, 1, 800), "1 machines: too few"),
        (lambda folder: write_bitbrains(folder, 4, 4), "too short"),
    ],
)
def test_what_cannot_be_judged_is_refused_with_a_sentence(tmp_path: Path, made, sentence: str) -> None:
    made(tmp_path)
    with pytest.raises((InvalidValue, TraceRefused), match=sentence):
        read_set("bitbrains", tmp_path, QUICK, 1)


def test_too_little_to_learn_from_is_refused(tmp_path: Path) -> None:
    write_bitbrains(tmp_path, machines=4, steps=16)
    with pytest.raises(InvalidValue, match="nothing to learn from"):
        run_forecast(tmp_path, ["bitbrains"], None, QUICK, 1, SILENT)


def test_a_constant_and_an_unknown_series_are_judged_without_figures_that_mean_nothing() -> None:
    used = np.full((2, 900), 0.3, dtype=np.float32)
    used[1] = np.nan
    past = _past(used)
    found = figures(past.outcomes[:, past.judged], used[:, past.judged], {"persistence": rival_forecast("persistence", past)})
    assert math.isnan(found["persistence"]["300s"]["mase"])
    assert found["persistence"]["300s"]["accuracy"] == 1.0
    for name in RIVALS:
        assert rival_forecast(name, past).shape == (2, len(past.judged), 12)


def test_a_folder_without_data_sets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="holds none of"):
        sets_in(tmp_path)
    with pytest.raises(InvalidValue, match="is no folder"):
        sets_in(tmp_path / "nowhere")


def test_a_folder_that_must_not_be_read_is_refused() -> None:
    class Locked(type(Path())):  # a user who may read everything cannot lock a real one
        def is_dir(self, **_: object) -> bool:
            return True

        def iterdir(self):
            raise PermissionError(13, "Permission denied")

    with pytest.raises(InvalidValue, match="cannot be read: Permission denied"):
        sets_in(Locked("data"))
