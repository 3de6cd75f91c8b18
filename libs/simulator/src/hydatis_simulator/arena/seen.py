"""What a policy may see when it decides: the cluster as metrics and the API server show it, and nothing of the future.

Every policy gets the same view, so that a comparison compares policies and not what they were told. A sample of node metrics is
there one step after it began, plus the scrape delay; between samples a policy knows what was bound, by requests, and no more.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hydatis_simulator.arena.fleet import Fleet

__all__ = ["NONZERO_REQUESTS", "SAMPLES_KEPT_COUNT", "UNPLACED", "Seen"]

#: Samples of node metrics that are kept: a day of five minutes, as far back as any peer looks.
SAMPLES_KEPT_COUNT = 288
UNPLACED = -1
#: What LeastAllocated and MostAllocated count for a pod that asks for none (``non_zero.go``): cores, bytes.
NONZERO_REQUESTS = (0.1, 200 * 2.0**20)


class Seen:
    """The cluster as a policy sees it. Written by the arena alone.

    Args:
        fleet: the pods; a policy reads requests, limits and workloads of it, and use through ``past``.
        allocatable: shape (2, nodes), cores and bytes, > 0.
        scrape_delay_seconds: time from the end of a sample until it can be seen.
        window_seconds: length of the metric window that means and deviations are over.
    """

    def __init__(
        self, fleet: Fleet, allocatable: NDArray[np.float64], *, scrape_delay_seconds: float = 60.0, window_seconds: float = 900.0
    ) -> None:
        self.fleet = fleet
        self.allocatable = np.ascontiguousarray(allocatable, dtype=np.float64)
        """shape (2, nodes), cores and bytes."""
        self.nodes_count = self.allocatable.shape[1]
        self.scrape_delay_seconds = scrape_delay_seconds
        self.window_steps = max(round(window_seconds / fleet.step_seconds), 1)
        self.now_seconds = fleet.history_steps * fleet.step_seconds
        """Event time."""
        self.step = fleet.history_steps
        """Samples of steps before this one are measured and visible."""
        self.requested = np.zeros_like(self.allocatable)
        """shape (2, nodes): sum of requests of bound pods."""
        self.requested_nonzero = np.zeros_like(self.allocatable)
        """shape (2, nodes): the same with NONZERO_REQUESTS as the least of each pod."""
        self.limited = np.zeros_like(self.allocatable)
        """shape (2, nodes): sum of limits of bound pods."""
        self.pods_count = np.zeros(self.nodes_count, dtype=np.int64)
        """shape (nodes,): bound pods."""
        self.node_of = np.full(fleet.pods_count, UNPLACED, dtype=np.int32)
        """shape (pods,): node of each pod, UNPLACED before it is bound."""
        self.bound_seconds = np.full(fleet.pods_count, np.nan)
        """shape (pods,): when it was bound."""
        self._tape = np.zeros((2 * SAMPLES_KEPT_COUNT, *self.allocatable.shape))
        self._tape_end = SAMPLES_KEPT_COUNT
        self.sample_age_seconds = np.zeros(self.nodes_count)
        """shape (nodes,): time from the end of the newest scraped sample of each node until now, less the usual delay."""

    @property
    def samples(self) -> NDArray[np.float64]:
        """shape (samples, 2, nodes), oldest first: use of each node as scraped, cores and bytes; NaN: no metric.

        Nodes idled before the first pod came.
        """
        return self._tape[self._tape_end - SAMPLES_KEPT_COUNT : self._tape_end]

    @property
    def latest(self) -> NDArray[np.float64]:
        """shape (2, nodes): newest sample."""
        return np.asarray(self.samples[-1])

    @property
    def window(self) -> NDArray[np.float64]:
        """shape (window samples, 2, nodes): samples of the metric window, oldest first."""
        return np.asarray(self.samples[-self.window_steps :])

    def scraped(self, sample: NDArray[np.float64]) -> None:
        """Takes the sample of a step: shape (2, nodes), NaN where nothing was scraped. Only the arena calls this."""
        if self._tape_end == len(self._tape):  # what is kept moves to the front once in so many samples
            self._tape[:SAMPLES_KEPT_COUNT] = self._tape[-SAMPLES_KEPT_COUNT:]
            self._tape_end = SAMPLES_KEPT_COUNT
        self._tape[self._tape_end] = sample
        self._tape_end += 1
        missed = np.isnan(sample).any(axis=0)
        self.sample_age_seconds = np.where(missed, self.sample_age_seconds + self.fleet.step_seconds, 0.0)
        self.step += 1
        self.now_seconds = self.step * self.fleet.step_seconds + self.scrape_delay_seconds

    def past(self, steps_count: int, pods: NDArray[np.intp] | slice | int = slice(None)) -> NDArray[np.float32]:
        """Measured use of workloads, which were there before their pods arrived.

        Args:
            steps_count: how many steps back; fewer are given at the start.
            pods: which pods; a number: one, without that axis.

        Returns:
            shape (2, pods, steps), oldest first, the last the newest measured; NaN: not measured, or no such workload yet.
        """
        return np.asarray(self.fleet.usage[:, pods, max(self.step - steps_count, 0) : self.step])
