"""Objects found by what they are about: an autoscaler by its workload, a limit range by its namespace, a pod by who made it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, KeysView
from typing import Generic, TypeVar

__all__ = ["ObjectIndex"]

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


class ObjectIndex(Generic[K, T]):
    """Follows a book by its ``on_change``; groups are replaced as a whole, so that readers need no lock.

    Args:
        group: what an object is about.
        identity: tells one object of a group from another.
    """

    def __init__(self, group: Callable[[T], K], identity: Callable[[T], Hashable]) -> None:
        self._group = group
        self._identity = identity
        self._groups: dict[K, dict[Hashable, T]] = {}

    def of(self, key: K) -> tuple[T, ...]:
        """The objects about it."""
        return tuple(self._groups.get(key, {}).values())

    def groups(self) -> KeysView[K]:
        """All that there are objects about, at any time: who walks over it takes a copy first."""
        return self._groups.keys()

    def change(self, before: T | None, after: T | None) -> None:
        """Takes one object's change; from one thread."""
        if before is not None:
            key = self._group(before)
            left = {one: value for one, value in self._groups.get(key, {}).items() if one != self._identity(before)}
            if left:
                self._groups[key] = left
            else:
                self._groups.pop(key, None)
        if after is not None:
            key = self._group(after)
            self._groups[key] = {**self._groups.get(key, {}), self._identity(after): after}
