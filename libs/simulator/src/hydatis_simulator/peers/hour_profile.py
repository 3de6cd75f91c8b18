"""Hour-of-day profiles: pods whose peaks fall into different hours share a node.

Each pod has, for every hour s of the day (24 slots) or of the week (168), the mean m_i[s] and the variance v_i[s] of its use in the
last week. With k deviations, and pods' deviations from their profiles taken as independent:

    P = max over s of (sum m_i[s] + k sqrt(sum v_i[s]))

A slot without a known sample takes the pod's mean and variance over the week; cold pods count with their limit in every slot. No
published scheduler is quite this; Coach (ASPLOS 2025) predicts by time windows of the day in this manner.
"""

from __future__ import annotations

import numpy as np
from hydatis_core.event_time import DAY_SECONDS
from numpy.typing import NDArray

from hydatis_simulator.arena.seen import Seen
from hydatis_simulator.peers.n_sigma import history_steps
from hydatis_simulator.peers.predictor import WARM_COUNT, WEEK_SECONDS, PodSums

__all__ = ["HourProfile"]

Matrix = NDArray[np.float64]


class HourProfile(PodSums):
    """Mean and deviations by hour.

    Args:
        deviations: k, >= 0.
        slots: 24 or 168.
    """

    name = "hour-profile"

    def __init__(self, deviations: float = 2.0, slots: float = 24) -> None:
        super().__init__(refresh_seconds=DAY_SECONDS)
        self._deviations, self._slots = deviations, int(slots)
        self.described_by = (slots,)

    def describe(self, seen: Seen) -> Matrix:
        """Means of all slots, then variances: shape (2, pods, 2 x slots)."""
        past = seen.past(history_steps(seen, WEEK_SECONDS / 3600.0))
        seconds = (seen.step - past.shape[2] + np.arange(past.shape[2])) * seen.fleet.step_seconds
        slot = (seconds // 3600).astype(np.int64) % self._slots
        order = np.argsort(slot, kind="stable")
        present, firsts = np.unique(slot[order], return_index=True)
        known = ~np.isnan(past)
        middle = (np.where(known, past, 0.0).sum(axis=2) / np.maximum(known.sum(axis=2), 1)).astype(np.float32)[:, :, None]
        off = np.where(known, past - middle, np.float32(0.0))[:, :, order].astype(
            np.float64
        )  # off the mean: bytes squared stay exact
        shape = (*past.shape[:2], self._slots)
        count, first, second = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        count[:, :, present] = np.add.reduceat(known[:, :, order], firsts, axis=2, dtype=np.float64)
        first[:, :, present] = np.add.reduceat(off, firsts, axis=2)
        second[:, :, present] = np.add.reduceat(off * off, firsts, axis=2)
        total = np.maximum(count.sum(axis=2, keepdims=True), 1.0)
        missing = count == 0
        some = np.maximum(count, 1.0)
        mean = first / some
        variance = np.maximum(second / some - mean**2, 0.0)
        variance = np.where(missing, second.sum(axis=2, keepdims=True) / total, variance)
        warm = total >= WARM_COUNT
        return np.concatenate([np.where(warm, middle + mean, seen.fleet.limits[:, :, None]), np.where(warm, variance, 0.0)], axis=2)

    def load(self, sums: Matrix) -> Matrix:
        """shape (2, nodes)."""
        peak = np.sqrt(sums[self._slots :], out=sums[self._slots :])
        peak *= self._deviations
        peak += sums[: self._slots]
        return np.asarray(peak.max(axis=0))
