"""The objects of one resource as the API server has them: what a watcher tells goes in, look-ups and whole snapshots come out.

Written by the watcher's thread, read by the event loop and by threads. A look-up takes no lock: dictionaries are replaced, or
changed by one assignment at a time, and an object itself never changes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from hydatis_core.errors import HydatisError
from hydatis_serving.kube.watch import Resource
from hydatis_serving.kube.watch_metrics import KubernetesMetrics
from hydatis_serving.logs import get_logger
from msgspec import Raw

__all__ = ["Key", "ObjectBook", "ignored"]

_log = get_logger(__name__)
T = TypeVar("T")
Key = tuple[str, str]
"""Namespace (empty: none) and name."""


def ignored(_before: object, _after: object) -> None:
    """For books whose changes nobody follows."""


class ObjectBook(Generic[T]):
    """Keeps them; the sink of a ``Watcher``.

    Args:
        resource: what is watched.
        read: makes the object of its JSON; raises HydatisError for what it cannot read, and that object does not count.
        key: its namespace and name.
        metrics: where it is counted what could not be read.
        on_change: told (before, after) of each object that came (None before), changed or went (None after).
    """

    def __init__(
        self,
        resource: Resource,
        read: Callable[[Raw], T],
        key: Callable[[T], Key],
        metrics: KubernetesMetrics,
        on_change: Callable[[T | None, T | None], None] = ignored,
    ) -> None:
        self.resource = resource
        self._read = read
        self._key = key
        self._metrics = metrics
        self._on_change = on_change
        self._objects: dict[Key, T] = {}
        self._pages: dict[Key, T] = {}
        self._changing = threading.Lock()
        self.whole = False
        """Whether all were listed once."""

    def get(self, namespace: str, name: str) -> T | None:
        """One of them."""
        return self._objects.get((namespace, name))

    def all(self) -> tuple[T, ...]:
        """All of them, as they are now."""
        with self._changing:
            return tuple(self._objects.values())

    def __len__(self) -> int:
        return len(self._objects)

    # --- from the watcher's thread

    def listing(self) -> None:
        """A list begins."""
        self._pages = {}

    def page(self, objects: Sequence[Raw]) -> None:
        """Some objects of the list."""
        for text in objects:
            found = self._readable(text)
            if found is not None:
                self._pages[self._key(found)] = found

    def listed(self) -> None:
        """The list is whole."""
        with self._changing:
            before, self._objects, self._pages = self._objects, self._pages, {}
            after = dict(self._objects)
        for key in before.keys() | after.keys():
            if before.get(key) != after.get(key):
                self._on_change(before.get(key), after.get(key))
        self.whole = True

    def changed(self, changes: Sequence[tuple[str, Raw]]) -> None:
        """Changes, in order."""
        for kind, text in changes:
            found = self._readable(text)
            if found is None:
                continue
            key = self._key(found)
            with self._changing:
                before = self._objects.pop(key, None) if kind == "DELETED" else self._objects.get(key)
                if kind != "DELETED":
                    self._objects[key] = found
            self._on_change(before, None if kind == "DELETED" else found)

    def _readable(self, text: Raw) -> T | None:
        try:
            return self._read(text)
        except HydatisError as wrong:
            self._metrics.refused(self.resource.name)
            _log.warning("an object does not count", resource=self.resource.name, reason=str(wrong))
            return None
