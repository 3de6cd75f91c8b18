"""A seeded stream of GPU pods with the published mix of requests: for placement and fragmentation, without data.

The mix is that of openb's production list (Alibaba cluster-trace-gpu-v2023; Weng, Yang et al., USENIX ATC 2023): the kinds' shares
are published, the sizes are the most frequent of each kind, by their counts in the list. As there, use is not known and taken to
be the request.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from hydatis_core.errors import InvalidValue
from hydatis_core.event_time import DAY_SECONDS
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_core.seeds import generator

from hydatis_simulator.generator import DEFAULT_START_SECONDS, STEP_SECONDS
from hydatis_simulator.trace import Trace, TracePod, TraceReport

__all__ = ["LIFETIME_MEAN_SECONDS", "LIFETIME_MEDIAN_SECONDS", "OPENB_MIX", "GpuKind", "generate_gpu_trace"]

MIB = 2.0**20

#: Lives of the production list: median 540 s, mean 25,839 s; log-normal, so sigma = sqrt(2 ln(mean / median)).
LIFETIME_MEDIAN_SECONDS = 540.0
LIFETIME_MEAN_SECONDS = 25_839.0


@dataclass(frozen=True, slots=True)
class GpuKind:
    """Pods of one kind."""

    name: str
    share: float
    """Of all pods."""
    sizes: tuple[tuple[int, int, int, int, int], ...]
    """(CPU millicores, memory MiB, GPU devices, thousandths of each, pods of the list that ask for it)."""


OPENB_MIX: tuple[GpuKind, ...] = (
    GpuKind(
        "cpu-only",
        0.133,
        (
            (12500, 57344, 0, 0, 364),
            (32000, 49152, 0, 0, 284),
            (8000, 30517, 0, 0, 163),
            (15400, 51200, 0, 0, 120),
            (16500, 51200, 0, 0, 95),
        ),
    ),
    GpuKind(
        "shared",
        0.378,
        (
            (3152, 5600, 1, 810, 1047),
            (11908, 47104, 1, 470, 388),
            (8000, 30517, 1, 470, 360),
            (11908, 47104, 1, 650, 237),
            (4000, 22888, 1, 320, 111),
            (4000, 30517, 1, 230, 84),
        ),
    ),
    GpuKind(
        "whole",
        0.480,
        (
            (11300, 49152, 1, 1000, 857),
            (11400, 48128, 1, 1000, 534),
            (3152, 5600, 1, 1000, 470),
            (18708, 64512, 1, 1000, 255),
            (9810, 41560, 1, 1000, 195),
            (12000, 24576, 1, 1000, 158),
        ),
    ),
    GpuKind(
        "multi",
        0.009,
        ((88000, 327680, 8, 1000, 18), (64200, 263168, 8, 1000, 18), (32200, 132096, 4, 1000, 9), (16200, 66560, 2, 1000, 7)),
    ),
)
"""The production list's mix."""


def generate_gpu_trace(seed: int, pod_count: int = 1000, *, days: int = 1, start_seconds: float = DEFAULT_START_SECONDS) -> Trace:
    """A stream of GPU pods, arriving evenly over the days (ours) and living as long as the list's.

    Args:
        seed: of everything random; the same arguments give the same trace, bit for bit.
        pod_count: how many, >= 1.
        days: length, >= 1.
        start_seconds: first step, Unix seconds, a multiple of 300.

    Raises:
        InvalidValue: a number is out of range.
    """
    if pod_count < 1 or days < 1:
        raise InvalidValue(f"{pod_count} pods over {days} days", field="pod_count, days", expected="1 or more of each")
    if not 0 < start_seconds < math.inf or start_seconds % STEP_SECONDS:
        raise InvalidValue(f"{start_seconds!r} is not a start", field="start_seconds", expected="a multiple of 300, above 0")
    random = generator(seed, "generator/openb-like")
    shares = np.array([kind.share for kind in OPENB_MIX])
    kinds = random.choice(len(OPENB_MIX), pod_count, p=shares / shares.sum())
    arrivals = np.sort(random.uniform(0.0, days * DAY_SECONDS, pod_count))
    sigma = math.sqrt(2 * math.log(LIFETIME_MEAN_SECONDS / LIFETIME_MEDIAN_SECONDS))
    lives = np.maximum(random.lognormal(math.log(LIFETIME_MEDIAN_SECONDS), sigma, pod_count), 1.0)
    pods = []
    for number in range(pod_count):
        kind = OPENB_MIX[int(kinds[number])]
        counts = np.array([size[4] for size in kind.sizes])
        cpu, memory, devices, share, _ = kind.sizes[int(random.choice(len(counts), p=counts / counts.sum()))]
        uid, arrival = f"gpu-pod-{number:05d}", start_seconds + float(arrivals[number])
        requests = Resources(cpu / 1000, memory * MIB, gpu_count=devices, gpu_milli_per_device=share)
        pod = Pod(uid, uid, f"openb-like-{kind.name}", f"c{cpu}-m{memory}-g{devices}x{share}", requests)
        pods.append(TracePod(pod, arrival, arrival + float(lives[number])))
    steps_count = int(days * DAY_SECONDS // STEP_SECONDS)
    cpu_used = np.array([trace_pod.pod.requests.cpu_cores for trace_pod in pods], dtype=np.float32)
    memory_used = np.array([trace_pod.pod.requests.memory_bytes for trace_pod in pods], dtype=np.float32)
    return Trace(
        name="synthetic-gpu",
        step_seconds=STEP_SECONDS,
        start_seconds=start_seconds,
        pods=tuple(pods),
        cpu_used_cores=np.broadcast_to(cpu_used[:, None], (pod_count, steps_count)),
        memory_used_bytes=np.broadcast_to(memory_used[:, None], (pod_count, steps_count)),
        report=TraceReport(f"generator openb-like, seed {seed}", pod_count, (), ("Use is taken to be the request.",)),
    )
