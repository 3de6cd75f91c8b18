"""The law of what a pod uses over weeks, small enough to be streamed, from which the load of a node can be added up.

Percentiles of pods do not add up to a percentile of their node; effective uses do. The effective use at tail weight t is

    e(t) = ln E[exp(t x)] / t,    x = use / request,    e(0) = E[x]

(the "effective bandwidth" of Kelly, "Notes on effective bandwidths", 1996): the mean for a small t, towards the maximum for a
large one. A pod that asks for q of what a node may hold loads it, at scale s, by q e(s q); over the independent pods of a node
these loads add up, and a node whose sum at any scale is well below 1 is safe (``hydatis_placement.overload_bound``).
"""

from __future__ import annotations

import numpy as np
from hydatis_core.errors import WrongShape
from numpy.typing import NDArray

__all__ = ["COLD_LAW", "ROOM_RATIOS", "SCALES", "TAIL_WEIGHTS", "effective_uses", "hedged", "loads"]

#: Tail weights t at which a law is kept: rows of e are piecewise linear between them.
TAIL_WEIGHTS = np.array([0.0, 0.6, 1.2, 2.0, 3.0, 4.5, 6.5, 9.0, 13.0, 19.0, 28.0, 40.0])
#: Scales s at which loads of nodes are added up: 10 looks at means, 40 at tails.
SCALES = np.array([10.0, 20.0, 40.0])
#: What of allocatable a node may hold, CPU and memory. ``hydatis_placement.overload`` takes its thresholds from here.
ROOM_RATIOS = np.array([0.90, 0.95])
#: Chance that a workload leaves the range of its past for ``_JUMP_RATIO`` of its request, CPU and memory. Calibrated on two
#: training months of Bitbrains: memory jumps do to exponential moments what a chance of 0.2 to 1.2 % does; of CPU none can be told
#: from chance.
_JUMP_CHANCES = np.array([0.001, 0.01])
_JUMP_RATIO = 0.8
#: Samples by which ``COLD_LAW`` counts beside a workload's own: half of an hour's past of five minutes, hardly 1 % of a week's.
_COLD_WEIGHT = 12.0
#: What a workload of which nothing is known uses: (share of the request, chance). Rounded quantiles of two training months of
#: Bitbrains, CPU and memory together: half of the samples lie below 0.03, one in twenty above 0.3.
_COLD_USE = np.array([[0.02, 0.50], [0.10, 0.30], [0.30, 0.15], [1.00, 0.05]])


def effective_uses(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """e at ``TAIL_WEIGHTS`` of weighted values.

    Args:
        values: shape (values,), use as a share of the request, >= 0; exponents are cut at 60.
        weights: shape (..., values), >= 0: how often each was seen.

    Returns:
        shape (..., tail weights), >= 0, not descending along the last axis; NaN where all weights are zero.

    Raises:
        WrongShape: there is not one weight per value.
    """
    if values.ndim != 1 or weights.shape[-1:] != values.shape:
        raise WrongShape(f"values {values.shape}, weights {weights.shape}", field="weights", expected="one weight per value")
    tails = TAIL_WEIGHTS[1:]
    powers = np.concatenate([values[:, None], np.exp(np.minimum(values[:, None] * tails, 60.0))], axis=1)
    flat = weights.reshape(-1, values.size).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = flat @ powers / flat.sum(axis=1, keepdims=True)
        means[:, 1:] = np.log(means[:, 1:]) / tails
    return np.maximum.accumulate(means, axis=1).reshape(*weights.shape[:-1], TAIL_WEIGHTS.size)


def hedged(effective: NDArray[np.float64], sample_weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The law as it is reckoned with: a short past counts for little, and a quiet week does not promise quiet weeks.

    Args:
        effective: shape (..., 2, tail weights), CPU and memory, e of the past; NaN: not known.
        sample_weights: shape (..., 2), samples behind it, > 0 where it is known.

    Returns:
        The same shape: the law ``COLD_LAW`` mixed in with the weight of ``_COLD_WEIGHT`` samples, then jumps by their chance.
    """
    with np.errstate(invalid="ignore", divide="ignore"):  # NaN: not known
        cold = _COLD_WEIGHT / (sample_weights[..., None] + _COLD_WEIGHT)
        return _mixed(_mixed(effective, COLD_LAW, cold), np.full(TAIL_WEIGHTS.size, _JUMP_RATIO), _JUMP_CHANCES[:, None])


def _mixed(effective: NDArray[np.float64], other: NDArray[np.float64], chance: NDArray[np.float64]) -> NDArray[np.float64]:
    """The law of one who follows the other law by that chance: exponential moments mix as chances do."""
    tails = TAIL_WEIGHTS[1:]
    means = (1 - chance) * effective[..., :1] + chance * other[..., :1]
    bent = np.logaddexp(np.log1p(-chance) + tails * effective[..., 1:], np.log(chance) + tails * other[..., 1:]) / tails
    return np.concatenate([means, bent], axis=-1)


def loads(effective: NDArray[np.float64], bases: NDArray[np.float64], rooms: NDArray[np.float64]) -> NDArray[np.float64]:
    """What pods load nodes by, at each of ``SCALES``: q e(s q) with q = base / room, s q cut at the largest tail weight.

    Args:
        effective: shape (m, 2, tail weights), the pods' laws, CPU and memory.
        bases: shape (m, 2), what the laws' shares are of, cores and bytes (``request_classes.base_amounts``), > 0.
        rooms: shape (m, 2), what the nodes may hold: allocatable x ``ROOM_RATIOS``, > 0. The first axes may broadcast.

    Returns:
        shape (m, 2, scales), shares of the room, >= 0, not descending along the last axis.
    """
    shares = bases / rooms
    tail = np.minimum(shares[..., None] * SCALES, TAIL_WEIGHTS[-1])
    segment = np.clip(np.searchsorted(TAIL_WEIGHTS, tail, side="right") - 1, 0, TAIL_WEIGHTS.size - 2)
    within = (tail - TAIL_WEIGHTS[segment]) / (TAIL_WEIGHTS[segment + 1] - TAIL_WEIGHTS[segment])
    spread = np.broadcast_to(effective, (*tail.shape[:-1], TAIL_WEIGHTS.size))
    low, high = np.take_along_axis(spread, segment, axis=-1), np.take_along_axis(spread, segment + 1, axis=-1)
    return np.asarray(shares[..., None] * (low + within * (high - low)))


#: The law of a workload of which nothing is known, both resources, shape (2, tail weights); jumps are in it. Of float32 values, as
#: all laws that are streamed.
COLD_LAW = np.tile(effective_uses(_COLD_USE[:, 0], _COLD_USE[:, 1]), (2, 1)).astype(np.float32).astype(np.float64)
