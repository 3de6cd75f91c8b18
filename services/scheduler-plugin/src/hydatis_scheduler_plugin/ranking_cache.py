"""The rankings of the last pods: /filter and /prioritize of one pod share one.

kube-scheduler asks twice per pod, one call right after the other. Between the two a tick may pass or another pod's bind may
come in; the pod's second answer must still fit its first, so a ranking made for /filter is handed to the /prioritize that
follows it, whatever happened meanwhile. Any other reuse needs the same state: same pod, generation, credits, policy and
candidates.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["RankingCache", "StateKey"]

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class StateKey:
    """The state that a ranking was made on: equal keys make equal rankings of the same candidates."""

    generation: int
    """Generation decided on; 0: none."""
    credits_epoch: int
    """Rises with every change of the credits."""
    policy_revision: int
    """Rises with every reading of the policy file."""


@dataclass(slots=True)
class _Entry(Generic[R]):
    state: StateKey
    candidates: bytes
    ranking: R
    made_seconds: float
    for_prioritize: bool


class RankingCache(Generic[R]):
    """A small least-recently-made cache by pod uid. Times are passed in, monotonic seconds of the wall clock.

    A ranking weighs about ten times its candidates' names (256 of 5,000 nodes were 180 MB), and kube-scheduler asks for one pod
    after the other, so the names bound the memory; the newest ranking stays, however many it has.

    Args:
        limit_count: how many pods it remembers.
        limit_bytes: how long their candidates may be together, as they came.
        expiry_seconds: how long a ranking lives: longer than kube-scheduler's pause between its two calls.
    """

    def __init__(self, *, limit_count: int = 256, limit_bytes: int = 2**20, expiry_seconds: float = 10.0) -> None:
        self._limit_count = limit_count
        self._limit_bytes = limit_bytes
        self._bytes = 0
        self._expiry_seconds = expiry_seconds
        self._entries: OrderedDict[str, _Entry[R]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, uid: str, state: StateKey, candidates: bytes, ranking: R, *, now_seconds: float, for_prioritize: bool) -> None:
        """Remembers a ranking, in place of the pod's older one.

        Args:
            uid: the pod.
            state: what it was made on.
            candidates: the candidates as they came, compared byte by byte.
            ranking: the ranking.
            now_seconds: now.
            for_prioritize: whether the next /prioritize of the pod may have it on any state.
        """
        self._forget(uid)
        self._entries[uid] = _Entry(state, candidates, ranking, now_seconds, for_prioritize)
        self._bytes += len(candidates)
        while len(self._entries) > self._limit_count or (self._bytes > self._limit_bytes and len(self._entries) > 1):
            self._forget(next(iter(self._entries)))

    def same(self, uid: str, state: StateKey, candidates: bytes, *, now_seconds: float) -> R | None:
        """The pod's ranking if it was made on the same state and candidates, else None."""
        entry = self._fresh(uid, now_seconds)
        if entry is None or entry.state != state or entry.candidates != candidates:
            return None
        return entry.ranking

    def handed_over(self, uid: str, *, now_seconds: float, only_if: Callable[[R], bool] = lambda _ranking: True) -> R | None:
        """The ranking that /filter left for this pod's /prioritize, once; else None.

        Args:
            uid: the pod.
            now_seconds: now.
            only_if: what must hold of it; when it does not, the ranking stays.
        """
        entry = self._fresh(uid, now_seconds)
        if entry is None or not entry.for_prioritize or not only_if(entry.ranking):
            return None
        entry.for_prioritize = False
        return entry.ranking

    def _fresh(self, uid: str, now_seconds: float) -> _Entry[R] | None:
        entry = self._entries.get(uid)
        if entry is not None and now_seconds - entry.made_seconds > self._expiry_seconds:
            self._forget(uid)
            return None
        return entry

    def _forget(self, uid: str) -> None:
        entry = self._entries.pop(uid, None)
        if entry is not None:
            self._bytes -= len(entry.candidates)
