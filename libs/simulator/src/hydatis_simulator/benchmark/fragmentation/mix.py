"""Mixes of pods: the authors' typical pods of a whole list, and a mix learned from the pods seen so far."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hydatis_placement.gpu_fragmentation import WorkloadMix
from numpy.typing import NDArray

from hydatis_simulator.benchmark.fragmentation.shapes import PodShape, Workload, model_bits

__all__ = ["typical_mix", "weighted_mix"]

#: Most frequent kinds that together make up this share of the pods are typical (the authors' setting).
TYPICAL_RATIO = 0.95


def weighted_mix(shapes: Sequence[PodShape], counts: NDArray[np.float64], models: Sequence[str]) -> WorkloadMix:
    """The mix in which each shape is as likely as its count over all counts."""
    return WorkloadMix(
        cpu_milli=np.array([shape.cpu_milli for shape in shapes], dtype=np.int64),
        gpu_count=np.array([shape.gpu_count for shape in shapes], dtype=np.int64),
        gpu_milli=np.array([shape.gpu_milli for shape in shapes], dtype=np.int64),
        model_bits=np.array([model_bits(shape.models, models) for shape in shapes], dtype=np.int64),
        popularity=counts / counts.sum(),
    )


def typical_mix(workload: Workload, models: Sequence[str]) -> WorkloadMix:
    """The most frequent kinds of pods of the list, without memory, until they make up 95 % of it; CPU-only pods count."""
    kinds: dict[PodShape, int] = {}
    counts = np.bincount(workload.shape_of_pod, minlength=len(workload.shapes))
    for shape, count in zip(workload.shapes, counts, strict=True):
        kind = PodShape(shape.cpu_milli, 0, shape.gpu_count, shape.gpu_milli, shape.models)
        kinds[kind] = kinds.get(kind, 0) + int(count)
    ranked = sorted(kinds.items(), key=lambda item: (-item[1], -item[0].cpu_milli, -item[0].gpu_milli, -item[0].gpu_count))
    reached = np.cumsum([count for _, count in ranked]) >= TYPICAL_RATIO * counts.sum() - 1e-9
    kept = ranked[: int(reached.argmax()) + 1]
    return weighted_mix([kind for kind, _ in kept], np.array([count for _, count in kept], dtype=np.float64), models)
