"""The policy that runs gives GPU pods more of the cluster than the stock scheduler does, when they come and none leaves."""

import math
from dataclasses import replace
from itertools import accumulate

from hydatis_core.resources import Resources
from hydatis_simulator.cluster_shape import GIB, NodeShape
from hydatis_simulator.generator_gpu import generate_gpu_trace
from hydatis_simulator.learned_policy import greedy_policy
from hydatis_simulator.policy import Policy, StockPolicy
from hydatis_simulator.replay import ReplayObserver, replay
from hydatis_simulator.trace import Trace

SHAPES = ((NodeShape("large", 96.0, 384 * GIB, gpu_count=8), 8), (NodeShape("small", 64.0, 256 * GIB, gpu_count=2), 6))
NODES = [
    shape.node(f"{shape.name}-{i}") for shape, count in (*SHAPES, (NodeShape("bare", 94.0, 256 * GIB), 4)) for i in range(count)
]
DEVICES = sum(len(node.gpu_devices) for node in NODES)


def devices(requests: Resources) -> float:
    return requests.gpu_count * (requests.gpu_milli_per_device or 1000) / 1000


def pods_for_all_gpus(seed: int) -> Trace:
    """Pods that ask for 102 % of the GPU, evenly over a day, and use half of what they ask for; none ends."""
    trace = generate_gpu_trace(seed=seed, pod_count=400, days=1)
    asked = list(accumulate(devices(pod.pod.requests) for pod in trace.pods))
    count = sum(amount < 1.02 * DEVICES for amount in asked) + 1
    assert count < len(trace.pods)
    pods = tuple(
        replace(pod, arrival_seconds=trace.start_seconds + 600.0 + i * 80_000.0 / count, end_seconds=math.inf)
        for i, pod in enumerate(trace.pods[:count])
    )
    return replace(
        trace, pods=pods, cpu_used_cores=trace.cpu_used_cores[:count] / 2, memory_used_bytes=trace.memory_used_bytes[:count] / 2
    )


def allocated_ratio(policy: Policy, observers: list[ReplayObserver], trace: Trace) -> float:
    requests = {pod.pod.uid: pod.pod.requests for pod in trace.pods}
    outcome = replay(trace, NODES, policy, observers, seed=1, tick_seconds=300.0)
    return sum(devices(requests[placement.pod_uid]) for placement in outcome.placements) / DEVICES


def test_greedy_allocates_more_gpu_than_the_stock_scheduler() -> None:
    gained = []
    for seed in (1, 2):
        trace = pods_for_all_gpus(seed)
        ours = greedy_policy()
        gained.append(allocated_ratio(ours, [ours], trace) - allocated_ratio(StockPolicy(), [], trace))
    assert sum(gained) / len(gained) > 0.01
