"""Every column of a random history equals its formula, written out plainly: one node, one sample, one pod at a time in float64."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hydatis_core.nodes import GpuDevice, Node
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_features.engine import FeatureEngine
from hydatis_features.request_classes import base_amounts
from hydatis_features.schema import SCHEMA
from hydatis_features.usage import METRICS
from hydatis_features.use_law import TAIL_WEIGHTS
from hypothesis import given, settings
from hypothesis import strategies as st

START = 1_699_999_800
NAN = math.nan
WINDOW = 900.0


class History:
    """A random cluster, driven into an engine and remembered as plain lists."""

    def __init__(self, seed, tick, delay, gap, spans):
        rng = np.random.default_rng(seed)
        self.tick, self.delay = tick, delay
        gpus = (GpuDevice(0), GpuDevice(1))
        self.nodes = [Node(f"n{i}", Resources(4.0 * (i + 1), 16e9), 20, gpus if i == 1 else ()) for i in range(3)]
        self.engine = FeatureEngine(self.nodes, tick, delay, WINDOW)
        self.samples, self.pods, self.ends = [], {}, []
        uid = 0
        for span in spans:
            start = START if not self.samples else self.now + tick * int(rng.integers(1, 40))
            for step in range(span):
                self.now = start + step * tick
                time = self.now - delay
                for _ in range(int(rng.integers(0, 2))):
                    pod = Pod(
                        f"u{uid}", workload=f"w{uid % 3}",
                        requests=Resources(float(rng.random()), float(rng.integers(0, 2)) * 1e9, int(rng.integers(0, 2)), 300),
                        limits=Resources(float(rng.random()), 0.0),
                    )  # fmt: skip
                    node, at = int(rng.integers(0, 3)), self.now - float(rng.random()) * 30
                    self.engine.bind(pod, f"n{node}", at)
                    self.pods[pod.uid] = (pod, node, at)
                    uid += 1
                if len(self.pods) > 8:
                    gone = sorted(self.pods)[int(rng.integers(0, len(self.pods)))]
                    self.engine.end(gone, float(self.now))
                    self.ends.append((self.pods.pop(gone), float(self.now)))
                usage = (rng.random((3, len(METRICS))) * [6, 16e9, 1e6, 1e6, 1e6, 1e6]).astype(np.float32)
                usage[rng.random(usage.shape) < gap] = NAN
                usage[rng.random(3) < gap / 2, :2] = 0
                uids = sorted(self.pods)
                pod_usage = (rng.random((len(uids), 2)) * [1, 2e9]).astype(np.float32)
                kept = usage.astype(float)
                for node in range(3):
                    settled = any(n == node and at <= time - WINDOW for _, n, at in self.pods.values())
                    if settled and usage[node, 0] == usage[node, 1] == 0:
                        kept[node, :2] = NAN
                self.samples.append((time, kept, usage))
                self.table = self.engine.tick(self.now, time, usage, uids, pod_usage)

    def values(self, node, metric, whole=1.0, after=-math.inf, until=math.inf):
        """Known samples as (time, share)."""
        found = [(time, kept[node, metric] / whole) for time, kept, _ in self.samples if after < time <= until]
        return [(time, value) for time, value in found if not math.isnan(value)]

    def bins(self, node, metric, whole):
        """Means of closed bins that lie wholly in the past, by their end; NaN: a bin without a known sample."""
        ends = {}
        for time, kept, _ in self.samples:
            ends.setdefault(math.ceil(time / 300) * 300, []).append((time, kept[node, metric] / whole))
        last = max(time for time, _, _ in self.samples)
        found = []
        for end, pairs in sorted(ends.items()):
            closed = max(time for time, _ in pairs) + self.tick > end or last > end
            if closed and end <= self.now // 300 * 300:
                known = [value for _, value in pairs if not math.isnan(value)]
                found.append((end, sum(known) / len(known) if known else NAN))
        return found


def _stat(function, values, least=1):
    return function(np.array(values)) if len(values) >= least else NAN


def _closest(pairs, target):
    near = [(abs(time - target), -time, value) for time, value in pairs if abs(time - target) <= 600 and not math.isnan(value)]
    return min(near)[2] if near else NAN


def _slope(pairs):
    if len(pairs) < 2:
        return NAN
    times, values = (np.array(column) for column in zip(*pairs, strict=True))
    times = (times - times.mean()) / 3600
    return (times * (values - values.mean())).sum() / (times**2).sum()


def _use_columns(history, node, name, metric, whole, requested):
    now, tick = history.now, history.tick
    hour = history.values(node, metric, whole, now - 3600, now)
    quarter = [value for time, value in hour if time > now - 900]
    values = [value for _, value in hour]
    times = sorted(time for time, _, _ in history.samples)
    neighbours = {(a, b) for a, b in pairwise(times) if b - a <= 1.5 * tick}
    changes = [abs(w - v) for (a, v), (b, w) in pairwise(hour) if (a, b) in neighbours]
    weights = [2 ** (-(now - time) / 1800) for time, _ in hour]
    end = now // 300 * 300
    bins = history.bins(node, metric, whole)
    day = [value for time, value in bins if time > end - 86400 and not math.isnan(value)]
    six = [value for time, value in bins if time > end - 6 * 3600 and not math.isnan(value)]
    next_hour = [value for time, value in bins if end - 86400 < time <= end - 82800 and not math.isnan(value)]
    std, mean = _stat(np.std, values, 2), _stat(np.mean, values)
    used = quarter[-1] if quarter else NAN
    p95 = _stat(lambda v: np.quantile(v, 0.95), values)
    columns = {
        "used_ratio": used,
        "used_mean_15m_ratio": _stat(np.mean, quarter),
        "used_mean_1h_ratio": mean,
        "used_mean_6h_ratio": _stat(np.mean, six),
        "used_mean_24h_ratio": _stat(np.mean, day),
        "used_max_15m_ratio": _stat(np.max, quarter),
        "used_max_1h_ratio": _stat(np.max, values),
        "used_max_6h_ratio": _stat(np.max, six),
        "used_max_24h_ratio": _stat(np.max, day),
        "used_min_1h_ratio": _stat(np.min, values),
        "used_p50_1h_ratio": _stat(np.median, values),
        "used_p95_1h_ratio": p95,
        "used_p50_24h_ratio": _stat(np.median, day),
        "used_p95_24h_ratio": _stat(lambda v: np.quantile(v, 0.95), day),
        "used_std_1h_ratio": std,
        "used_std_24h_ratio": _stat(np.std, day, 2),
        "used_ewma_30m_ratio": np.average(values, weights=weights) if values else NAN,
        "used_change_15m_ratio": quarter[-1] - quarter[0] if len(quarter) >= 2 else NAN,
        "used_lag_1h_ratio": _closest(history.values(node, metric, whole, now - 4200, now), now - 3600),
        "used_lag_24h_ratio": _closest(bins, end - 86400),
        "used_max_next_hour_yesterday_ratio": _stat(np.max, next_hour),
        "used_slope_1h_ratio_per_hour": _slope(hour),
        "used_volatility_1h_ratio": _stat(np.mean, changes),
        "used_burstiness_1h": NAN if math.isnan(std) else -1.0 if std + mean == 0 else (std - mean) / (std + mean),
        "hot_1h_ratio": _stat(lambda v: (v > 0.8).mean(), values),
        "headroom_p95_1h_ratio": 1 - p95,
        "request_slack_ratio": requested - used,
    }
    return {f"{name}_{column}": value for column, value in columns.items()}


def _load(pod, use, resource, room, scale):
    """q e(s q) of one pod."""
    law = use.effective_use_ratio[resource * len(TAIL_WEIGHTS) :][: len(TAIL_WEIGHTS)]
    share = base_amounts(pod)[resource] / room
    return share * np.interp(scale * share, TAIL_WEIGHTS, law)


def _row(history, node):
    now, shape = history.now, history.nodes[node]
    cpu, memory = shape.allocatable.cpu_cores, shape.allocatable.memory_bytes
    mine = [(pod, at) for pod, n, at in history.pods.values() if n == node]
    started = [at for _, n, at in [*history.pods.values(), *(ended for ended, _ in history.ends)] if n == node]
    ended = [time for (_, n, _), time in history.ends if n == node]
    expected = [history.engine.profiles.expect(pod, float(now)) for pod, _ in mine]
    both = [t for t, kept, _ in history.samples if not np.isnan(kept[node, :2]).all()]
    _, newest_kept, newest_raw = history.samples[-1]
    suspect = NAN if np.isnan(newest_raw[node, :2]).all() else float(newest_raw[node, 0] == 0 and np.isnan(newest_kept[node, 0]))
    end = now // 300 * 300
    cpu_bins, memory_bins = (history.bins(node, metric, 1.0) for metric in (0, 1))
    covered = [
        a for (a, c), (_, m) in zip(cpu_bins, memory_bins, strict=True) if a > end - 86400 and not (math.isnan(c) and math.isnan(m))
    ]
    asked_gpu = sum(pod.requests.gpu_count * 0.3 for pod, _ in mine)
    hour, week = now % 86400 / 86400 * 2 * math.pi, ((now / 3600 + 72) % 168) / 168 * 2 * math.pi
    row = {
        "cpu_allocatable_cores": cpu,
        "memory_allocatable_bytes": memory,
        "pod_limit_count": 20,
        "gpu_device_count": len(shape.gpu_devices),
        "node_age_seconds": now - START,
        "cpu_requested_ratio": sum(pod.requests.cpu_cores for pod, _ in mine) / cpu,
        "memory_requested_ratio": sum(pod.requests.memory_bytes for pod, _ in mine) / memory,
        "cpu_limit_ratio": sum(max(pod.limits.cpu_cores, pod.requests.cpu_cores) for pod, _ in mine) / cpu,
        "memory_limit_ratio": sum(max(pod.limits.memory_bytes, pod.requests.memory_bytes) for pod, _ in mine) / memory,
        "gpu_requested_ratio": asked_gpu / 2 if shape.gpu_devices else NAN,
        "pod_count": len(mine),
        "pod_count_ratio": len(mine) / 20,
        "pods_started_15m_count": sum(now - 900 < at <= now for at in started),
        "pods_ended_15m_count": sum(now - 900 < at <= now for at in ended),
        "cpu_expected_ratio": sum(use.cpu_p50_cores for use in expected) / cpu,
        "memory_expected_ratio": sum(use.memory_p50_bytes for use in expected) / memory,
        "cpu_expected_p95_ratio": sum(use.cpu_p95_cores for use in expected) / cpu,
        "memory_expected_p95_ratio": sum(use.memory_p95_bytes for use in expected) / memory,
        "usage_age_seconds": now - max(both, default=NAN),
        "usage_coverage_1h_ratio": min(sum(t > now - 3600 for t in both) * history.tick / 3600, 1),
        "usage_coverage_24h_ratio": len(covered) / 288,
        "usage_zero_suspect": suspect,
        "hour_of_day_sin": math.sin(hour),
        "hour_of_day_cos": math.cos(hour),
        "hour_of_week_sin": math.sin(week),
        "hour_of_week_cos": math.cos(week),
    }
    row |= {
        f"{name}_effective_{scale}_ratio": sum(
            _load(pod, use, resource, room, scale) for (pod, _), use in zip(mine, expected, strict=True)
        )
        for resource, (name, room) in enumerate((("cpu", 0.90 * cpu), ("memory", 0.95 * memory)))
        for scale in (10, 20, 40)
    }
    row |= _use_columns(history, node, "cpu", 0, cpu, row["cpu_requested_ratio"])
    row |= _use_columns(history, node, "memory", 1, memory, row["memory_requested_ratio"])
    for metric, name in enumerate(METRICS):
        if metric >= 2:
            short = name.removesuffix("_bytes_per_second")
            hour_values = history.values(node, metric, 1.0, now - 3600, now)
            row[f"{short}_mean_15m_bytes_per_second"] = _stat(np.mean, [v for t, v in hour_values if t > now - 900])
            row[f"{short}_max_1h_bytes_per_second"] = _stat(np.max, [v for _, v in hour_values])
    return row


#: Their formula is a rule of assignment, tested in test_gpu_shares.
_BY_RULE = {"gpu_largest_free_ratio", "gpu_whole_free_count"}

histories = st.builds(
    History,
    seed=st.integers(0, 2**32 - 1),
    tick=st.sampled_from([15, 60, 300]),
    delay=st.sampled_from([0.0, 7.5, 15.0]),
    gap=st.sampled_from([0.0, 0.1, 0.5]),
    spans=st.lists(st.integers(1, 25), min_size=1, max_size=4),
)


def _compare(history):
    table = history.table
    assert table.columns == SCHEMA.names
    assert not np.isinf(table.values).any()
    for node in range(3):
        naive = _row(history, node)
        assert naive.keys() | _BY_RULE == set(SCHEMA.names)
        found = {name: float(table.column(name)[node]) for name in naive}
        assert found == pytest.approx(naive, rel=2e-4, abs=2e-4, nan_ok=True)


@settings(max_examples=15, deadline=None)
@given(histories)
def test_every_column_equals_its_formula(history):
    _compare(history)


def test_every_column_equals_its_formula_over_more_than_a_day():
    _compare(History(seed=7, tick=300, delay=15.0, gap=0.05, spans=[310, 20]))


@settings(max_examples=6, deadline=None)
@given(histories)
def test_a_restored_engine_makes_the_same_tables_to_the_last_bit(history):
    again = FeatureEngine.restore(history.engine.snapshot())
    rng = np.random.default_rng(11)
    uids = sorted(history.pods)
    for step in range(1, 4):
        now = history.now + step * history.tick
        usage = rng.random((3, len(METRICS))).astype(np.float32)
        pod_usage = rng.random((len(uids), 2)).astype(np.float32)
        tables = []
        for engine in (history.engine, again):
            engine.bind(Pod(f"late-{step}", workload="w1"), f"n{step % 3}", now - 1.0)
            tables.append(engine.tick(now, now - history.delay, usage, uids, pod_usage))
        assert tables[0].values.tobytes() == tables[1].values.tobytes()
        assert tables[0].gpus == tables[1].gpus
