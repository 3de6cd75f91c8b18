"""The GPU arena: golden scores of the peers on small clusters, the protocol, and orderings that must hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hydatis_core.errors import InvalidValue, TraceRefused, WrongShape
from hydatis_simulator.benchmark.fragmentation.arena import Arena
from hydatis_simulator.benchmark.fragmentation.bound import allocation_bound_milli
from hydatis_simulator.benchmark.fragmentation.cluster import GpuCluster, GpuNode
from hydatis_simulator.benchmark.fragmentation.compare import paired_difference
from hydatis_simulator.benchmark.fragmentation.experiment import CHECKPOINTS_PCT, run_fragmentation
from hydatis_simulator.benchmark.fragmentation.mix import typical_mix, weighted_mix
from hydatis_simulator.benchmark.fragmentation.openb import read_nodes, read_workload
from hydatis_simulator.benchmark.fragmentation.ours import LeastLoss
from hydatis_simulator.benchmark.fragmentation.peers.best_fit import BestFit
from hydatis_simulator.benchmark.fragmentation.peers.dot_product import DotProduct
from hydatis_simulator.benchmark.fragmentation.peers.fgd import FGD
from hydatis_simulator.benchmark.fragmentation.peers.gpu_clustering import GpuClustering
from hydatis_simulator.benchmark.fragmentation.peers.gpu_packing import GpuPacking
from hydatis_simulator.benchmark.fragmentation.policies import OURS, POLICIES, make_policy
from hydatis_simulator.benchmark.fragmentation.protocol import arrivals, node_order
from hydatis_simulator.benchmark.fragmentation.published import read_published
from hydatis_simulator.benchmark.fragmentation.shapes import PodShape, Workload

CPU_ONLY = PodShape(8_000, 1_024, 0, 0)
SHARE = PodShape(4_000, 1_024, 1, 500)
SMALL_SHARE = PodShape(2_000, 1_024, 1, 250)
WHOLE = PodShape(8_000, 1_024, 1, 1_000)
PAIR = PodShape(16_000, 1_024, 2, 1_000)
ONLY_T4 = PodShape(4_000, 1_024, 1, 1_000, frozenset({"T4"}))


def nodes(count: int = 4) -> tuple[GpuNode, ...]:
    kinds = [(64_000, 4, "G2"), (32_000, 2, "T4"), (96_000, 8, "G2"), (16_000, 2, "P100")]
    return tuple(GpuNode(f"node-{i:03d}", kinds[i % 4][0], 262_144, kinds[i % 4][1], kinds[i % 4][2]) for i in range(count))


def workload(pods: int = 400) -> Workload:
    pool = [SHARE] * 4 + [SMALL_SHARE] * 3 + [PodShape(3_000, 2_048, 1, 810)] * 5 + [WHOLE] * 6 + [PAIR, ONLY_T4, CPU_ONLY]
    return Workload.of([pool[i * 7 % len(pool)] for i in range(pods)])


ROWS = np.arange(4)


def test_dot_product_prefers_the_smaller_product() -> None:
    cluster = GpuCluster(nodes())
    # 1 - (64/128 * 8/128 + 4/8 * 1/8) / 2 = 0.953125 for the first node
    assert DotProduct().score(cluster, WHOLE, ROWS).tolist() == [95.0, 97.0, 91.0, 98.0]


def test_best_fit_prefers_the_node_with_least_left() -> None:
    cluster = GpuCluster(nodes())
    # 1 - ((64 - 8) / 128 + (4 - 1) / 8) / 2 = 0.59375 for the first node
    assert BestFit().score(cluster, WHOLE, ROWS).tolist() == [59.0, 84.0, 21.0, 90.0]


def test_packing_fills_used_devices_then_used_nodes_then_idle_ones() -> None:
    cluster = GpuCluster(nodes())
    cluster.place(SHARE, 0, 2)
    assert GpuPacking().score(cluster, SHARE, ROWS).tolist() == [95.0, 31.0, 25.0, 31.0]
    assert GpuPacking().score(cluster, WHOLE, ROWS).tolist() == [49.0, 31.0, 25.0, 31.0]
    assert GpuPacking().score(cluster, CPU_ONLY, ROWS).tolist() == [0.0] * 4


def test_clustering_keeps_kinds_together() -> None:
    cluster = GpuCluster(nodes())
    cluster.place(SHARE, 0, 0)
    cluster.place(WHOLE, 2, None)
    cluster.place(SHARE, 2, 1)
    # free: 3500, 2000, 6500, 2000 of 8000
    assert GpuClustering().score(cluster, SHARE, ROWS).tolist() == [75 + 14.0, 25 + 18.0, 50 + 4.0, 25 + 18.0]
    assert GpuClustering().score(cluster, PAIR, ROWS).tolist() == [14.0, 25 + 18.0, 4.0, 25 + 18.0]


def test_fgd_scores_by_the_change_of_fragmentation() -> None:
    cluster = GpuCluster((GpuNode("a", 64_000, 262_144, 2, "G2"), GpuNode("b", 64_000, 262_144, 1, "G2")))
    cluster.place(SHARE, 0, 0)
    mix = weighted_mix([SHARE, WHOLE], np.array([1.0, 1.0]), cluster.models)
    policy = FGD(mix)
    # node a (500, 1000) -> device 0 (0, 1000): F 250 -> 0; node b (1000) -> (500): F 0 -> 250
    expected = [np.floor(100 / (1 + np.exp(-0.25))), np.floor(100 / (1 + np.exp(0.25)))]
    assert policy.score(cluster, SHARE, np.arange(2)).tolist() == expected
    assert policy.device(cluster, SHARE, 0) == 0


def test_a_pod_goes_only_to_models_it_may_run_on() -> None:
    assert GpuCluster(nodes()).fits(ONLY_T4, ROWS).tolist() == [False, True, False, False]


def test_typical_pods_are_the_most_frequent_until_95_percent() -> None:
    rare = PodShape(1_000, 0, 1, 100)
    work = Workload.of([SHARE] * 60 + [WHOLE] * 35 + [rare] * 5)
    mix = typical_mix(work, ("G2",))
    assert mix.gpu_milli.tolist() == [500, 1000]
    assert mix.popularity.tolist() == pytest.approx([60 / 95, 35 / 95])


def test_arrivals_stop_at_the_demand_wanted_whether_the_list_is_long_or_short() -> None:
    for pods in (40, 2000):
        work = workload(pods)
        order = arrivals(work, 100_000, seed=42)
        asked = work.gpu_milli[order].sum()
        assert 130_000 - 2_000 <= asked <= 130_000


def test_the_same_seed_gives_the_same_run_and_another_seed_another() -> None:
    first, again, other = (
        run_fragmentation(nodes(20), {"a": workload()}, policies=["Random"], seeds=[s]).runs[0] for s in (1, 1, 2)
    )
    assert np.array_equal(first.gpu_allocated_pct, again.gpu_allocated_pct, equal_nan=True)
    assert not np.array_equal(first.gpu_allocated_pct, other.gpu_allocated_pct, equal_nan=True)


@dataclass
class Forgetful:
    """A policy that is asked for every node every time."""

    inner: FGD
    epoch: int = 0
    remembers: bool = False

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)


def test_remembered_scores_place_as_asking_every_node_every_time() -> None:
    work, rows = workload(), []
    for wrap in (lambda policy: policy, Forgetful):
        cluster = GpuCluster(nodes(20))
        policy = wrap(make_policy("FGD", work, cluster.models, 1))
        rows.append(Arena(cluster, work.shapes, policy).run(arrivals(work, cluster.gpu_total_milli, 1)).row)
    assert np.array_equal(rows[0], rows[1])


def test_no_policy_gives_more_than_there_is_or_was_asked_for_and_fgd_beats_chance() -> None:
    result = run_fragmentation(nodes(40), {"small": workload(2000)}, seeds=[1, 2])
    for run in result.runs:
        curve = run.gpu_allocated_pct
        known = ~np.isnan(curve)
        assert (curve[known] <= np.minimum(100.0, np.arange(curve.size)[known] + 0.5)).all()
        assert (np.diff(curve[known]) >= 0).all()
        assert (run.gpu_fragmented_pct[-2] <= 100.0 - curve[120] + 1e-9) or np.isnan(run.gpu_fragmented_pct[-2])
        bounds = dict(zip(CHECKPOINTS_PCT, run.bound_pct, strict=True))
        assert all(curve[percent] <= bound + 1e-9 for percent, bound in bounds.items() if not np.isnan(bound + curve[percent]))
    assert {run.policy for run in result.runs} == set(POLICIES)
    at_100 = {policy: result.allocated_pct("small", policy, 100).mean() for policy in POLICIES}
    assert at_100["FGD"] > at_100["Random"] + 1.0
    assert at_100[OURS] >= at_100["BestFit"]
    assert at_100[OURS] > at_100["Random"] + 1.0


def test_the_bound_counts_what_is_cut_off() -> None:
    work = Workload.of([PodShape(1_000, 1, 1, 810)] * 10)
    # one share of 810 a device, whatever one does: 8 devices hold 8 of the 10
    assert allocation_bound_milli(work, work.shape_of_pod, 8_000) == pytest.approx(8 * 810)
    assert allocation_bound_milli(work, work.shape_of_pod, 12_000) == pytest.approx(10 * 810)
    odd = Workload.of([PodShape(1_000, 1, 1, 333)] * 9)
    assert allocation_bound_milli(odd, odd.shape_of_pod, 2_000) >= 6 * 333


def test_ours_leaves_poor_nodes_to_pods_that_need_little_cpu() -> None:
    light, heavy = PodShape(2_000, 1, 1, 1_000), PodShape(14_000, 1, 1, 1_000)
    cluster = GpuCluster((GpuNode("poor", 16_000, 100, 4, "G2"), GpuNode("rich", 64_000, 100, 4, "G2")))
    policy = LeastLoss((light, heavy))
    for shape in (0, 1, 0, 1):
        policy.arrive(cluster, shape)
    assert policy.score(cluster, heavy, np.arange(2)).argmax() == 1
    placed = Arena(cluster, (light, heavy), policy).run(np.array([1, 1, 0, 0, 1, 0, 0, 1]))
    assert (placed.row >= 0).all()


def test_paired_differences_keep_pairs_together() -> None:
    base = np.array([80.0, 90.0, 100.0])
    found = paired_difference(base + 1.0, base)
    assert (found.mean, found.low, found.high) == (1.0, 1.0, 1.0)
    assert np.isnan(paired_difference(np.array([np.nan]), np.array([1.0])).mean)
    with pytest.raises(WrongShape):
        paired_difference(base, base[:2])


def test_ties_are_broken_by_the_order_of_the_run() -> None:
    assert node_order(nodes(), 1) != node_order(nodes(), 2)
    assert sorted(node.name for node in node_order(nodes(), 1)) == [node.name for node in nodes()]


def test_bad_requests_are_refused() -> None:
    with pytest.raises(InvalidValue, match="share of one"):
        PodShape(1, 1, 2, 500)
    with pytest.raises(InvalidValue, match="no pod of the list asks for a GPU"):
        Workload.of([CPU_ONLY])
    with pytest.raises(InvalidValue, match="without any GPU"):
        GpuCluster([GpuNode("a", 1, 1, 0, "")])
    with pytest.raises(InvalidValue, match="no policy 'Best'"):
        make_policy("Best", workload(), ("G2",), 1)
    with pytest.raises(InvalidValue, match="nothing to run"):
        run_fragmentation(nodes(), {})


def openb(folder: Path) -> Path:
    path = folder / "openb"
    path.mkdir()
    node_table = {
        "node_name": ["b", "a"],
        "cpu_milli": [64_000, 32_000],
        "memory_mib": [1024, 1024],
        "gpu_count": [2, 1],
        "gpu_model": ["G2", "T4"],
    }
    pods = {
        "pod_list": ["default", "default", "other"],
        "cpu_milli": [1000, 1000, 1000],
        "memory_mib": [1, 1, 1],
        "gpu_count": [1, 0, 1],
        "gpu_milli_per_gpu": [500, 0, 1000],
        "gpu_spec": [None, None, "G2|T4"],
    }
    pq.write_table(pa.table(node_table), path / "nodes_gpu_node.parquet")
    pq.write_table(pa.table(pods), path / "pods.parquet")
    return path


def test_openb_is_read_by_list(tmp_path: Path) -> None:
    openb(tmp_path)
    assert [node.name for node in read_nodes(tmp_path)] == ["a", "b"]
    assert read_workload(tmp_path, "other").shapes == (PodShape(1000, 1, 1, 1000, frozenset({"G2", "T4"})),)
    with pytest.raises(TraceRefused, match="no list 'cpu1'"):
        read_workload(tmp_path, "cpu1")


def test_published_figures_are_optional_and_their_columns_are_checked(tmp_path: Path) -> None:
    path = openb(tmp_path)
    assert read_published(tmp_path) == {}
    columns = "pod_list,policy,arrived_gpu_pct,gpu_alloc_pct_mean,gpu_alloc_pct_std,frag_gpu_pct_mean,frag_gpu_pct_std"
    header = f"{columns},frag_ratio_pct_mean,frag_ratio_pct_std\n"
    (path / "fgd_peer_results.csv").write_text(header + "default,FGD,100,95.23,0.1,4.57,0.2,99,0.5\n")
    assert read_published(tmp_path)["default", "FGD", 100].gpu_allocated_pct == 95.23
    (path / "fgd_peer_results.csv").write_text("a,b\n")
    with pytest.raises(TraceRefused, match="has the columns a,b"):
        read_published(tmp_path)
