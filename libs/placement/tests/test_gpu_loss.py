"""GPU lost by a placement: gap values by hand, stranded GPU, devices to choose from, FGD's measure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hydatis_core.errors import InvalidValue, WrongShape
from hydatis_core.nodes import GpuDevice
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_features.expected_use import ExpectedUse, UseSource
from hydatis_features.gpu_demand import GpuDemand, GpuDemandSums
from hydatis_features.schema import SCHEMA
from hydatis_features.table import NodeTable
from hydatis_placement import greedy
from hydatis_placement.credits import CREDIT_COLUMNS, Credits
from hydatis_placement.fragmentation import gpu_lost
from hydatis_placement.gap_values import gap_values
from hydatis_placement.gpu_choices import after_placement
from hydatis_placement.gpu_fragmentation import WorkloadMix, gpu_fragmentation
from hydatis_placement.gpu_loss import GpuPrices, NodeRoom, gpu_loss_cost
from hydatis_placement.load_after import load_after
from hydatis_placement.reward import RewardWeights, placement_costs
from hydatis_placement.view import ClusterView


def ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def test_halves_cost_half_a_device_and_gaps_below_them_are_worth_nothing() -> None:
    values = gap_values(ints(47), np.array([10.0]))
    assert values[[46, 47, 93, 94, 100]].tolist() == pytest.approx([0.0, 0.5, 0.5, 1.0, 1.0])


def test_a_share_that_fills_the_waste_of_others_costs_nothing_while_it_is_rare() -> None:
    # one 81 per device leaves 19; few 16s fit there for nothing, many of them need devices of their own (six in one)
    rare = gap_values(ints(16, 81), np.array([1.0, 10.0]))
    many = gap_values(ints(16, 81), np.array([100.0, 1.0]))
    assert rare[[16, 80, 81]].tolist() == pytest.approx([0.0, 0.0, 1.0], abs=1e-6)
    assert many[16] == pytest.approx(1 / 6, abs=1e-6)


def test_complementary_shares_cost_what_their_device_costs() -> None:
    values = gap_values(ints(35, 65), np.array([50.0, 50.0]))
    assert values[35] + values[65] == pytest.approx(1.0)
    assert values[34] == 0.0


@pytest.mark.parametrize("seed", range(5))
def test_gap_values_grow_and_two_gaps_are_never_worth_more_than_one_as_large(seed: int) -> None:
    random = np.random.default_rng(seed)
    sizes = np.sort(random.choice(np.arange(1, 101), size=12, replace=False))
    values = gap_values(sizes, random.integers(1, 500, size=12).astype(np.float64))
    assert (np.diff(values) >= -1e-9).all()
    assert values[100] == 1.0
    for gap in range(101):
        assert (values[: gap + 1] + values[gap::-1] <= values[gap] + 1e-6).all()


def test_without_shares_only_a_whole_device_is_worth_something() -> None:
    values = gap_values(ints(), np.zeros(0))
    assert values[100] == 1.0
    assert values[:100].sum() == 0.0
    with pytest.raises(InvalidValue, match="1 to 100 hundredths"):
        gap_values(ints(101), np.ones(1))


def test_a_share_in_the_wrong_gap_loses_what_the_gap_was_worth() -> None:
    prices = GpuPrices(gap_values(ints(35, 65), np.array([50.0, 50.0])), 0.0, 0.0)
    worth = prices.gap_worth
    # into the gap left by a 65 it loses nothing; into an idle device nothing either: the rest is what a 65 needs
    assert prices.gap_loss(ints(350, 1000), 350).tolist() == pytest.approx([0.0, 0.0], abs=1e-6)
    assert prices.gap_loss(ints(650), 350)[0] == pytest.approx(1000 * (worth[65] - worth[35] - worth[30]))


def test_gpu_is_stranded_where_cpu_is_gone_and_not_on_an_empty_node_poor_in_cpu() -> None:
    prices = GpuPrices(gap_values(ints(), np.zeros(0)), cpu_per_gpu=10.0, memory_per_gpu=0.0)
    whole = NodeRoom(ints(80_000, 40_000, 80_000), ints(1, 1, 1), ints(8_000, 8_000, 0))
    free = NodeRoom(ints(20_000, 40_000, 0), ints(1, 1, 1), ints(4_000, 8_000, 0))
    # 20 cores serve two of the four devices; the second node has five cores a device from the start; the third has no GPU
    assert prices.stranded(free, whole).tolist() == [2_000.0, 0.0, 0.0]
    half = NodeRoom(ints(20_000, 10_000, 0), ints(1, 1, 1), ints(4_000, 8_000, 0))
    assert prices.stranded(half, whole).tolist() == [2_000.0, 6_000.0, 0.0]


def test_stranded_memory_counts_as_cpu_does() -> None:
    prices = GpuPrices(gap_values(ints(), np.zeros(0)), cpu_per_gpu=0.0, memory_per_gpu=30.0)
    whole = NodeRoom(ints(1), ints(240_000), ints(8_000))
    assert prices.stranded(NodeRoom(ints(1), ints(60_000), ints(3_000)), whole).tolist() == [1_000.0]


def test_demand_is_learned_from_gpu_pods_only() -> None:
    demand = GpuDemandSums()
    nothing = GpuPrices.of(demand.demand())
    assert (nothing.cpu_per_gpu, nothing.memory_per_gpu, nothing.gap_worth[:100].sum()) == (0.0, 0.0, 0.0)
    demand.add(64_000, 1, 0, 0)
    demand.add(4_000, 2_000, 1, 500)
    demand.add(32_000, 8_000, 2, 1000)
    prices = GpuPrices.of(demand.demand())
    assert prices.cpu_per_gpu == pytest.approx(36_000 / 2_500)
    assert prices.memory_per_gpu == pytest.approx(4.0)
    assert prices.gap_worth[50] == pytest.approx(0.5)


def test_devices_alike_are_tried_once_and_whole_ones_are_the_first_free() -> None:
    free = np.array([[500, 1000, 1000, 500], [300, 1000, 0, 0]])
    state, device, left = after_placement(free, 1, 500)
    assert list(zip(state.tolist(), device.tolist(), strict=True)) == [(0, 0), (0, 1), (1, 1)]
    assert left.tolist() == [[0, 1000, 1000, 500], [500, 500, 1000, 500], [300, 500, 0, 0]]
    assert after_placement(np.array([[500, 1000, 1000, 1000]]), 2, 1000)[2].tolist() == [[500, 0, 0, 1000]]
    assert after_placement(free, 0, 0)[2].tolist() == free.tolist()


MIX = WorkloadMix(
    cpu_milli=ints(4_000, 8_000, 4_000, 16_000),
    gpu_count=ints(1, 1, 0, 2),
    gpu_milli=ints(500, 1000, 0, 1000),
    model_bits=ints(0b11, 0b11, 0b11, 0b10),
    popularity=np.array([0.4, 0.3, 0.2, 0.1]),
)


def test_fragmentation_by_hand() -> None:
    cpu = ints(64_000, 64_000, 4_000)
    gpu = np.array([[300, 1000, 1000], [300, 1000, 1000], [1000, 0, 0]])
    # node 0 may not run the pair (model 0): 0.4 * 300 + 0.3 * 300 + 0.2 * 2300 + 0.1 * 2300
    # node 1 may: 0.1 * 300 instead. Node 2 lacks CPU for all but the half: 0.3 * 1000 + 0.2 * 1000 + 0.1 * 1000
    expected = [210 + 460 + 230, 210 + 460 + 30, 600]
    assert gpu_fragmentation(cpu, gpu, ints(0, 1, 1), MIX).tolist() == pytest.approx(expected)


def test_without_gpu_classes_all_idle_gpu_is_fragmented() -> None:
    only_cpu = WorkloadMix(ints(1), ints(0), ints(0), ints(1), np.ones(1))
    assert gpu_fragmentation(ints(8_000), np.array([[1000, 400]]), ints(0), only_cpu).tolist() == [1400.0]


def test_a_mix_is_checked() -> None:
    with pytest.raises(InvalidValue, match=r"popularities sum to 0\.5"):
        WorkloadMix(ints(1), ints(1), ints(500), ints(1), np.array([0.5]))
    with pytest.raises(WrongShape):
        WorkloadMix(ints(1, 2), ints(1), ints(500), ints(1), np.ones(1))


GIB = 2.0**30


def gpu_view(demand: GpuDemand = GpuDemand((50,), (1,), 5_000, 0, 500), gpus: bool = True) -> ClusterView:  # noqa: B008  # a value
    """A node with much CPU and one with little left, two devices each, and one without GPU; 40 cores and 160 GiB each."""
    values = np.full((3, len(SCHEMA.names)), np.nan, dtype=np.float32)
    known = {"cpu_allocatable_cores": 40.0, "memory_allocatable_bytes": 160 * GIB, "memory_requested_ratio": 0.0}
    for row, requested in enumerate((0.25, 0.75, 0.0)):
        for name, value in {**known, "cpu_requested_ratio": requested}.items():
            values[row, SCHEMA.index[name]] = value
    devices = {row: (GpuDevice(0, "T4", 1000), GpuDevice(1, "T4", 500)) for row in (0, 1)} if gpus else {}
    names = ("rich", "poor", "bare")
    return ClusterView(NodeTable(600, names, SCHEMA.names, values, SCHEMA.hashes, gpus=devices, gpu_demand=demand))


def lost(view: ClusterView, pod: Pod, credits: Credits = Credits()) -> list[float]:  # noqa: B008  # a value
    rows = np.arange(3, dtype=np.int32)
    after = load_after(view, rows, pod, request_use(pod.requests.cpu_cores, pod.requests.memory_bytes), credits)
    found = gpu_lost(view, rows, pod, after.cpu_requested, after.memory_requested)
    assert found.dtype == np.float32
    return [pytest.approx(value, abs=1e-4) for value in found.tolist()]


def request_use(cpu_cores: float, memory_bytes: float) -> ExpectedUse:
    return ExpectedUse(cpu_cores, cpu_cores, memory_bytes, memory_bytes, UseSource.REQUEST)


def test_gpu_lost_on_nodes_of_a_view_by_hand() -> None:
    # one device is left, which counts a hundredth.
    # rich: 30 cores serve all 1.5 devices before and after. poor: 10 cores serve 1 of 1.5, then 2 serve 0.2 of 1.
    assert lost(gpu_view(), Pod("p", requests=Resources(8.0, GIB, 1, 500))) == [0.01, 0.31, 0.0]
    # without GPU it takes the CPU of 0.8 devices, of which the poor node has 0.2 to lose less 0.5 already stranded
    assert lost(gpu_view(), Pod("p", requests=Resources(8.0, GIB))) == [0.0, 0.8, 0.0]


def test_a_credit_takes_cpu_beside_idle_gpu() -> None:
    values = np.zeros((1, len(CREDIT_COLUMNS)), dtype=np.float32)
    values[0, CREDIT_COLUMNS.index("cpu_requested_cores")] = 20.0
    credited = Credits(np.zeros(1, dtype=np.int32), values)
    # rich: 10 cores are left instead of 30, as on the poor node
    assert lost(gpu_view(), Pod("p", requests=Resources(8.0, GIB)), credited)[0] == 0.8


def test_a_share_is_charged_for_the_gap_on_the_device_that_it_takes() -> None:
    # pairs of 30 and 70 fill a device: 30 in the gap of 50 leaves 20, which is worth nothing, and so was the 50 to a 70
    pairs = gpu_view(GpuDemand((30, 70), (50, 50), 0, 0, 500))
    worth = pairs.gpu_prices.gap_worth
    assert lost(pairs, Pod("p", requests=Resources(1.0, GIB, 1, 300)))[0] == float(worth[50] - worth[30] - worth[20]) + 0.012
    # halves, and a few of which three fill a device
    halves = gpu_view(GpuDemand((26, 50), (1, 99), 0, 0, 500))
    assert lost(halves, Pod("p", requests=Resources(1.0, GIB, 1, 260)))[0] == 1 / 2 - 1 / 3 + 0.0124
    assert lost(halves, Pod("p", requests=Resources(1.0, GIB, 1, 500)))[0] == 0.01


def test_a_node_without_room_by_the_table_loses_all_that_is_asked_for() -> None:
    assert lost(gpu_view(), Pod("p", requests=Resources(1.0, GIB, 2)))[:2] == [2.0, 2.0]


def test_among_equal_losses_a_pod_takes_the_node_with_least_gpu_left() -> None:
    devices = {0: tuple(map(GpuDevice, range(4))), 1: (GpuDevice(0, "", 0), *map(GpuDevice, range(1, 4))), 2: (GpuDevice(0),)}
    values = np.nan_to_num(gpu_view().table.values, nan=0.0)
    table = replace(gpu_view().table, gpus=devices, values=values, gpu_demand=GpuDemand((), (), 0, 0, 1_000))
    assert lost(ClusterView(table), Pod("p", requests=Resources(1.0, GIB, 1))) == [0.03, 0.02, 0.0]
    assert lost(ClusterView(table), Pod("p", requests=Resources(1.0, GIB))) == [0.0, 0.0, 0.0]


def test_before_the_first_gpu_pod_and_without_gpu_nothing_is_lost() -> None:
    for view in (gpu_view(GpuDemand()), gpu_view(gpus=False)):
        assert lost(view, Pod("p", requests=Resources(8.0, GIB))) == [0.0, 0.0, 0.0]


def test_views_of_the_same_demand_share_prices() -> None:
    assert gpu_view().gpu_prices is gpu_view().gpu_prices


def test_the_cost_of_a_loss_is_bounded_and_a_tenth_of_a_device_is_no_trifle() -> None:
    cost = gpu_loss_cost(np.array([-8.0, 0.0, 0.1, 0.25, 8.0]))
    assert cost.tolist() == pytest.approx([-0.97, 0.0, 0.2857, 0.5, 0.97], abs=1e-3)


def utilities(view: ClusterView, pod: Pod) -> list[float]:
    rows = np.arange(3, dtype=np.int32)
    use = request_use(pod.requests.cpu_cores, pod.requests.memory_bytes)
    return greedy.utility(view, rows, pod, use, Credits(), 0.0).tolist()


def test_a_pod_without_gpu_leaves_the_cpu_of_idle_gpu_alone() -> None:
    values = gpu_view().table.values.copy()
    values[:, SCHEMA.index["cpu_requested_ratio"]] = (0.3, 0.3, 0.4)
    rows = NodeTable(
        600,
        ("gpu", "gpu too", "bare"),
        SCHEMA.names,
        values,
        SCHEMA.hashes,
        gpus={row: (GpuDevice(0), GpuDevice(1)) for row in (0, 1)},
        gpu_demand=GpuDemand((), (), 14_000, 0, 1_000),
    )
    pod = Pod("p", requests=Resources(8.0, GIB))
    gpu, _, bare = utilities(ClusterView(rows), pod)
    assert bare > gpu
    # where GPU pods ask for little CPU, the emptier node is the better one again
    gpu, _, bare = utilities(ClusterView(replace(rows, gpu_demand=GpuDemand((), (), 1_000, 0, 1_000))), pod)
    assert gpu > bare


def test_gpu_never_draws_a_pod_onto_a_node_about_to_be_overloaded() -> None:
    values = gpu_view().table.values.copy()
    values[:, SCHEMA.index["cpu_requested_ratio"]] = (0.2, 0.95, 0.2)
    table = NodeTable(
        600,
        ("empty", "full", "bare"),
        SCHEMA.names,
        values,
        SCHEMA.hashes,
        gpus={0: tuple(GpuDevice(i) for i in range(4)), 1: (GpuDevice(0, "", 500),)},
        gpu_demand=GpuDemand((50,), (1,), 10_000, 0, 1_000),
    )
    empty, full, bare = utilities(ClusterView(table), Pod("p", requests=Resources(16.0, GIB)))
    assert min(empty, bare) > full


def test_the_reward_charges_lost_gpu() -> None:
    idle, none = np.zeros((2, 3), dtype=np.float32), np.zeros(2, dtype=np.float32)
    lost = np.array([0.0, 0.25], dtype=np.float32)
    weights = RewardWeights()
    costs = placement_costs(cpu=idle, memory=idle, stranded_change=none, opened=none > 0, gpu_lost_devices=lost)
    free, charged = (cost.reward(0.0, weights) for cost in costs)
    assert free - charged == pytest.approx(weights.gpu_loss * 0.5)


def test_a_share_goes_where_its_gap_fits_best() -> None:
    prices = GpuPrices(gap_values(ints(50, 100), np.array([1.0, 1.0])), 0.0, 0.0)
    room = NodeRoom(ints(1), ints(1), ints(1500))
    lost = prices.lost(room, room, np.array([[1000, 500, 0]]), 1, 1, 1, 500)
    assert lost.tolist() == [[pytest.approx(0.0, abs=1e-3), pytest.approx(0.0, abs=1e-3), np.inf]]
    assert prices.lost(room, room, np.array([[1000, 500, 0]]), 1, 1, 1, 400)[0, :2] == pytest.approx([500.0, 500.0], abs=1e-3)
