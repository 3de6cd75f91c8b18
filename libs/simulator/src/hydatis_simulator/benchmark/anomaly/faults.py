"""Faults, as what they do to the measurements of one node: small functions of a stretch of them.

A fault changes what a node's exporter would say; the features are then computed from that by the engine that serves. Strength is
drawn from the seed, within ranges that a person would call a fault and not noise.

    stuck metric      a reading stays at its value of the start
    memory leak       memory rises in a straight line, to leave between 2 and 30 % of the node
    noisy neighbour   CPU and network rise by 15 to 45 % of the node and 2 to 6 times, in bursts
    CPU steal         the hypervisor takes 40 to 80 % of the CPU that was used
    disk saturation   disk rates stand at 3 to 10 times their highest before, CPU falls by a fifth to a half
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from hydatis_features.usage import METRICS
from numpy.typing import NDArray

__all__ = ["FAULTS", "Stretch", "inject"]

Usage = NDArray[np.float32]

CPU, MEMORY = 0, 1
NETWORK = [place for place, name in enumerate(METRICS) if name.startswith("network")]
DISK = [place for place, name in enumerate(METRICS) if name.startswith("disk")]


@dataclass(frozen=True)
class Stretch:
    """What a fault may look at."""

    usage: Usage
    """shape (ticks, 6), float32: the node's measurements while the fault lasts, columns of ``METRICS``."""
    before: Usage
    """The same of the ticks before."""
    cpu_allocatable_cores: float
    memory_allocatable_bytes: float


def _stuck_metric(stretch: Stretch, random: np.random.Generator) -> Usage:
    usage = stretch.usage.copy()
    places = [place for place in range(usage.shape[1]) if np.isfinite(usage[0, place]) and usage[0, place] > 0] or [CPU]
    place = places[int(random.integers(len(places)))]
    usage[:, place] = usage[0, place]
    return usage


def _memory_leak(stretch: Stretch, random: np.random.Generator) -> Usage:
    usage = stretch.usage.copy()
    end = stretch.memory_allocatable_bytes * (1.0 - random.uniform(0.02, 0.3))
    room = max(end - float(usage[0, MEMORY]), 0.0)
    usage[:, MEMORY] = np.minimum(usage[:, MEMORY] + room * np.linspace(0.0, 1.0, len(usage)), stretch.memory_allocatable_bytes)
    return usage


def _noisy_neighbour(stretch: Stretch, random: np.random.Generator) -> Usage:
    usage = stretch.usage.copy()
    loud = random.random(len(usage)) < 0.7
    loud[0] = True
    more = stretch.cpu_allocatable_cores * random.uniform(0.15, 0.45) * random.uniform(0.7, 1.0, len(usage)) * loud
    usage[:, CPU] = np.minimum(usage[:, CPU] + more, stretch.cpu_allocatable_cores)
    usage[:, NETWORK] *= np.where(loud, random.uniform(2.0, 6.0), 1.0)[:, None]
    return usage


def _cpu_steal(stretch: Stretch, random: np.random.Generator) -> Usage:
    usage = stretch.usage.copy()
    usage[:, CPU] *= 1.0 - random.uniform(0.4, 0.8)
    return usage


def _disk_saturation(stretch: Stretch, random: np.random.Generator) -> Usage:
    usage = stretch.usage.copy()
    highest = np.nan_to_num(np.nanmax(np.concatenate([stretch.before, stretch.usage[:1]])[:, DISK], axis=0))
    usage[:, DISK] = highest * random.uniform(3.0, 10.0) * random.uniform(0.97, 1.0, (len(usage), 1))
    usage[:, CPU] *= 1.0 - random.uniform(0.2, 0.5)
    return usage


#: By name.
FAULTS: Mapping[str, Callable[[Stretch, np.random.Generator], Usage]] = {
    "stuck metric": _stuck_metric,
    "memory leak": _memory_leak,
    "noisy neighbour": _noisy_neighbour,
    "CPU steal": _cpu_steal,
    "disk saturation": _disk_saturation,
}


def inject(fault: str, stretch: Stretch, random: np.random.Generator) -> Usage:
    """What the node's exporter says while a fault lasts: shape (ticks, 6), float32; unknown stays unknown.

    Args:
        fault: one of ``FAULTS``.
        stretch: what it would have said.
        random: draws the strength.
    """
    return np.asarray(FAULTS[fault](stretch, random), dtype=np.float32)
