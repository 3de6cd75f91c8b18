"""What the ledger of credits holds of each pod, in arrays, and how much of it a table does not show yet.

Arrays and not objects, since a new table asks all entries at once; which pods are held and for how long is ``credit_ledger``.
"""

from __future__ import annotations

import numpy as np
from hydatis_core.pods import Pod
from hydatis_features.expected_use import ExpectedUse
from hydatis_features.request_classes import base_amounts
from hydatis_features.table import NodeTable
from hydatis_features.use_law import COLD_LAW, loads
from numpy.typing import NDArray

from hydatis_placement.credits import CREDIT_COLUMNS

__all__ = ["CreditEntries"]

#: Where the columns of requests begin, and those of loads.
_REQUESTS, _LOADS = CREDIT_COLUMNS.index("cpu_requested_cores"), CREDIT_COLUMNS.index("cpu_effective_10_ratio")
_FIRST_SIZE = 64
_ARRAYS = ("values", "laws", "bases", "nodes", "bind_times", "generations", "confirmed")


class CreditEntries:
    """One entry per pod, in slots 0 to ``len`` - 1; arrays may be longer. Read by the ledger, written by methods alone."""

    def __init__(self) -> None:
        self.uids: list[str] = []
        """Pod of each slot."""
        self.slot_by_uid: dict[str, int] = {}
        """Slot of each pod."""
        self.values = np.zeros((_FIRST_SIZE, _LOADS))
        """shape (slots, 7): expected use, requests and 1, columns as in ``CREDIT_COLUMNS``."""
        self.laws = np.zeros((_FIRST_SIZE, *COLD_LAW.shape))
        """shape (slots, 2, tail weights): laws of use."""
        self.bases = np.ones((_FIRST_SIZE, 2))
        """shape (slots, 2): what the laws' shares are of, cores and bytes."""
        self.nodes = np.zeros(_FIRST_SIZE, dtype=np.intp)
        """shape (slots,): numbers of nodes, the ledger's own."""
        self.bind_times = np.zeros(_FIRST_SIZE)
        """shape (slots,): event time of the choice or bind, seconds."""
        self.generations = np.zeros(_FIRST_SIZE, dtype=np.int64)
        """shape (slots,): the newest table when it happened."""
        self.confirmed = np.zeros(_FIRST_SIZE, dtype=bool)
        """shape (slots,): bound, not only chosen."""

    def __len__(self) -> int:
        """Entries held."""
        return len(self.uids)

    def write(self, pod: Pod, node: int, use: ExpectedUse, time_seconds: float, generation: int, *, confirmed: bool) -> None:
        """Makes or replaces the pod's entry."""
        slot = self.slot_by_uid.get(pod.uid)
        if slot is None:
            slot = len(self.uids)
            if slot == self.bind_times.size:
                self._grow()
            self.uids.append(pod.uid)
            self.slot_by_uid[pod.uid] = slot
        self.values[slot] = (
            use.cpu_p50_cores,
            use.cpu_p95_cores,
            use.memory_p50_bytes,
            use.memory_p95_bytes,
            pod.requests.cpu_cores,
            pod.requests.memory_bytes,
            1.0,
        )
        self.laws[slot] = np.reshape(use.effective_use_ratio, COLD_LAW.shape)
        self.bases[slot] = base_amounts(pod)
        self.nodes[slot] = node
        self.bind_times[slot] = time_seconds
        self.generations[slot] = generation
        self.confirmed[slot] = confirmed

    def drop(self, slot: int) -> None:
        """Fills the gap with the last entry, so that the arrays stay dense."""
        last = len(self.uids) - 1
        del self.slot_by_uid[self.uids[slot]]
        if slot != last:
            for name in _ARRAYS:
                array = getattr(self, name)
                array[slot] = array[last]
            self.uids[slot] = self.uids[last]
            self.slot_by_uid[self.uids[slot]] = slot
        self.uids.pop()

    def amounts(self, slots: NDArray[np.intp], table: NodeTable, rooms: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the table does not show of some entries (the formula stands at ``CreditLedger``).

        Args:
            slots: shape (entries,).
            table: the table that is decided on.
            rooms: shape (entries, 2), what the node of each entry may hold, cores and bytes.

        Returns:
            shape (entries, 13), >= 0, columns as in ``CREDIT_COLUMNS``.
        """
        confirmed = self.confirmed[slots]
        age = table.generation - table.scrape_delay_seconds - self.bind_times[slots]
        unseen = 1.0 - np.clip(age / table.metric_window_seconds, 0.0, 1.0)
        unseen[~confirmed] = 1.0
        uncounted = (self.generations[slots] >= table.generation) | ~confirmed
        amounts = np.zeros((slots.size, len(CREDIT_COLUMNS)))
        amounts[:, :_LOADS] = self.values[slots]
        amounts[:, :_REQUESTS] *= unseen[:, None]
        amounts[:, _REQUESTS:_LOADS] *= uncounted[:, None]
        new = np.flatnonzero(uncounted)
        if new.size:
            loaded = loads(self.laws[slots[new]], self.bases[slots[new]], rooms[new])
            amounts[new, _LOADS:] = loaded.reshape(new.size, -1)
        return amounts

    def _grow(self) -> None:
        for name in _ARRAYS:
            array = getattr(self, name)
            setattr(self, name, np.concatenate([array, np.zeros_like(array)]))
