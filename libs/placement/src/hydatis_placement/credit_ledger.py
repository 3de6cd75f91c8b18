"""The ledger of credits: which pods were chosen or bound, and what of each no measurement and no table shows yet.

Between two decisions a handful of pods change and thousands do not, so the sums per node stand and only touched nodes are added up
anew.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice

import numpy as np
from hydatis_core.errors import InvalidValue
from hydatis_core.pods import Pod
from hydatis_features.expected_use import ExpectedUse
from hydatis_features.table import NodeTable
from numpy.typing import NDArray

from hydatis_placement.credit_entries import CreditEntries
from hydatis_placement.credits import CREDIT_COLUMNS, Credits
from hydatis_placement.rooms import rooms_of

__all__ = ["CreditLedger"]

_WIDTH = len(CREDIT_COLUMNS)

#: Tables of this many ticks before the newest may still be decided on: entries are kept for them.
_KEPT_TICKS = 4


@dataclass(slots=True)
class _Sums:
    """Credits of every row of a table."""

    values: NDArray[np.float64]
    """shape (rows, 13)."""
    credited: NDArray[np.bool_]
    """shape (rows,): whether any of a row's values is > 0; kept, since looking through all of them costs more than all else."""

    def credits(self) -> Credits:
        """The credited rows."""
        rows = np.flatnonzero(self.credited)
        return Credits(rows.astype(np.int32), self.values[rows].astype(np.float32)) if rows.size else Credits()


class CreditLedger:
    """The pods that were chosen or bound and are not wholly measured yet.

    A pod is *provisional* from ``choose`` (an extender is not told which node kube-scheduler took, so its own first choice stands
    in) until ``confirm`` (the bind delta, which may name another node) or until it expires. It is *confirmed* until ``end``, or
    until no table that may still be used needs it. Everything is keyed by pod uid and may be said twice. After a restart the
    ledger is rebuilt by confirming the recent bind deltas again.

    Credit of one pod at a table of generation G, with bind time b and the delta's generation g:

    * use: expected use x (1 - visible), visible = clip((G - scrape_delay - b) / metric_window, 0, 1); a provisional pod runs
      nowhere yet, so nothing of it is visible;
    * requests, pod count and loads: in full while g >= G, since a table of a later generation counts them itself; of a provisional
      pod always, since no table counts it. Loads depend on the node's room, so an entry holds its law and they are computed when
      the nodes are added up.

    Not safe for threads; times are event time in seconds and are passed in.

    Args:
        provisional_seconds: how long a choice counts without a bind delta, > 0.
    """

    def __init__(self, *, provisional_seconds: float = 30.0) -> None:
        if not provisional_seconds > 0:
            raise InvalidValue(f"{provisional_seconds!r} is no duration", field="provisional_seconds", expected="seconds > 0")
        self._provisional_seconds = provisional_seconds
        self.clear()

    def clear(self) -> None:
        """Forgets everything: another cluster was loaded."""
        self._entries = CreditEntries()
        self._node_id: dict[str, int] = {}
        self._ended: dict[str, float] = {}
        self._rows_of_names: tuple[str, ...] = ()
        self._row_of_id = np.empty(0, dtype=np.intp)
        self._next_expiry = math.inf
        self._summed: NodeTable | None = None
        self._rooms = np.empty((0, 2))
        self._sums = _Sums(np.empty((0, _WIDTH)), np.empty(0, dtype=bool))
        self._touched: set[int] = set()
        self._standing: Credits | None = None

    def __len__(self) -> int:
        """Entries held: provisional, and confirmed that some table may still need."""
        return len(self._entries)

    def choose(self, pod: Pod, node_name: str, expected_use: ExpectedUse, time_seconds: float, generation: int) -> bool:
        """Credits a first choice provisionally; a later choice for the same pod moves it.

        Args:
            pod: the pod that was ranked.
            node_name: the node with the best score.
            expected_use: what the pod is expected to use.
            time_seconds: moment of the decision.
            generation: generation of the table it was decided on.

        Returns:
            False: the pod is already bound, or ended; nothing changed.
        """
        slot = self._entries.slot_by_uid.get(pod.uid)
        if pod.uid in self._ended or (slot is not None and self._entries.confirmed[slot]):
            return False
        self._write(pod, node_name, expected_use, time_seconds, generation, confirmed=False)
        return True

    def confirm(self, pod: Pod, node_name: str, expected_use: ExpectedUse, time_seconds: float, generation: int) -> bool:
        """Takes a bind delta: the pod is on this node, whatever was chosen.

        Args:
            pod: the pod that was bound.
            node_name: the node it was bound to.
            expected_use: what the delta says it is expected to use.
            time_seconds: moment of the bind.
            generation: the delta's generation: the newest table when it happened.

        Returns:
            False: already known as bound, or ended; nothing changed.
        """
        slot = self._entries.slot_by_uid.get(pod.uid)
        if pod.uid in self._ended or (slot is not None and self._entries.confirmed[slot]):
            return False
        self._write(pod, node_name, expected_use, time_seconds, generation, confirmed=True)
        return True

    def end(self, uid: str, time_seconds: float) -> bool:
        """Takes back the credit of a pod that ended. Its bind delta, should it come late or again, changes nothing.

        Returns:
            False: no credit was held for it.
        """
        self._ended[uid] = time_seconds
        slot = self._entries.slot_by_uid.get(uid)
        if slot is None:
            return False
        self._drop(slot)
        return True

    def credits(self, table: NodeTable, now_seconds: float, *, without_uid: str = "") -> Credits:
        """Credits for a decision on a table. Drops what has expired.

        Args:
            table: the table that is decided on.
            now_seconds: moment of the decision.
            without_uid: the pod being decided: a choice made for it earlier does not weigh on it.

        Returns:
            Rows ascending; nodes that the table lacks have none.
        """
        self._forget(table, now_seconds)
        self._bring_up_to_date(table)
        own = self._entries.slot_by_uid.get(without_uid) if without_uid else None
        if own is not None:
            without = _Sums(self._sums.values.copy(), self._sums.credited.copy())
            self._add_up(without, table, [int(self._entries.nodes[own])], without_slot=own)
            return without.credits()
        if self._standing is None:
            self._standing = self._sums.credits()
        return self._standing

    def _bring_up_to_date(self, table: NodeTable) -> None:
        """Makes ``_sums`` those of the table and of all entries.

        Between two decisions a handful of entries change and the table mostly does not, so the sums stand and only the touched
        nodes are added up anew. (From all their entries: subtracting an amount again would leave rounding errors below zero.)
        """
        if self._summed is not table:
            count = len(table.node_names)
            self._rooms = rooms_of(table)
            self._sums = _Sums(np.zeros((count, _WIDTH)), np.zeros(count, dtype=bool))
            self._add_up(self._sums, table, list(self._node_id.values()))
            self._summed = table
        elif self._touched:
            self._add_up(self._sums, table, list(self._touched))
        else:
            return
        self._touched.clear()
        self._standing = None

    def _add_up(self, sums: _Sums, table: NodeTable, nodes: list[int], *, without_slot: int | None = None) -> None:
        """Adds the sums of some nodes up anew, in place."""
        count = len(self._entries)
        rows = self._table_rows(table)
        is_wanted = np.zeros(rows.size, dtype=bool)
        is_wanted[nodes] = True
        is_wanted &= rows >= 0
        wanted = rows[is_wanted]
        sums.values[wanted] = 0.0
        is_member = is_wanted[self._entries.nodes[:count]]
        if without_slot is not None:
            is_member[without_slot] = False
        slots = np.flatnonzero(is_member)
        at = rows[self._entries.nodes[slots]]
        np.add.at(sums.values, at, self._entries.amounts(slots, table, self._rooms[at]))
        sums.credited[wanted] = sums.values[wanted].any(axis=1)

    def _write(self, pod: Pod, node_name: str, use: ExpectedUse, time_seconds: float, generation: int, *, confirmed: bool) -> None:
        slot = self._entries.slot_by_uid.get(pod.uid)
        if slot is not None:
            self._touched.add(int(self._entries.nodes[slot]))
        node = self._node_id.setdefault(node_name, len(self._node_id))
        self._touched.add(node)
        self._entries.write(pod, node, use, time_seconds, generation, confirmed=confirmed)
        if not confirmed:
            self._next_expiry = min(self._next_expiry, time_seconds + self._provisional_seconds)

    def _drop(self, slot: int) -> None:
        self._touched.add(int(self._entries.nodes[slot]))
        self._entries.drop(slot)

    def _forget(self, table: NodeTable, now_seconds: float) -> None:
        """Drops expired choices and binds that every table still in use shows and counts.

        Both can only happen when the table is another one or the earliest expiry has come, so that most decisions look no further.
        """
        if table is self._summed and now_seconds < self._next_expiry:
            return
        count = len(self._entries)
        oldest_table = table.generation - _KEPT_TICKS * table.tick_seconds
        measured_before = oldest_table - table.scrape_delay_seconds - table.metric_window_seconds
        confirmed = self._entries.confirmed[:count]
        times = self._entries.bind_times[:count]
        measured = confirmed & (times <= measured_before) & (self._entries.generations[:count] < oldest_table)
        expired = ~confirmed & (times + self._provisional_seconds <= now_seconds)
        for slot in np.flatnonzero(measured | expired)[::-1]:
            self._drop(int(slot))
        waiting = self._entries.bind_times[: len(self._entries)][~self._entries.confirmed[: len(self._entries)]]
        self._next_expiry = float(waiting.min(initial=math.inf)) + self._provisional_seconds
        if self._ended and next(iter(self._ended.values())) <= measured_before:
            self._ended = {uid: time for uid, time in self._ended.items() if time > measured_before}

    def _table_rows(self, table: NodeTable) -> NDArray[np.intp]:
        """Row of each node id in the table; -1: the table lacks it."""
        known = self._row_of_id.size
        if self._rows_of_names is not table.node_names:
            self._rows_of_names, known = table.node_names, 0
        if known != len(self._node_id):
            lookup = table.row_by_name
            new = [lookup.get(name, -1) for name in islice(self._node_id, known, None)]
            self._row_of_id = np.append(self._row_of_id[:known], np.array(new, dtype=np.intp))
        return self._row_of_id
