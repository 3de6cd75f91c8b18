"""The packages that took part in a training, as a list: before any format of a bill of materials."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

__all__ = ["Asked", "Installed", "Package", "closure"]

#: A package by its normalised name (lower case, dashes), with the extras that are asked of it.
Asked = tuple[str, frozenset[str]]
#: Version of an installed package, and what it asks for with these extras.
Installed = tuple[str, tuple[Asked, ...]]


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """An installed Python package."""

    name: str
    version: str
    needs: tuple[str, ...] = ()
    """Names of installed packages that it asks for."""


def closure(roots: Iterable[Asked], installed: Callable[[Asked], Installed | None]) -> tuple[Package, ...]:
    """Packages and everything they ask for, by name.

    Args:
        roots: where to begin.
        installed: what is known of a package; None: it is not installed, and took no part.
    """
    versions: dict[str, str] = {}
    needs: dict[str, set[str]] = {}
    seen: set[Asked] = set()
    waiting = list(roots)
    while waiting:
        asked = waiting.pop()
        if asked in seen:
            continue
        seen.add(asked)
        if (told := installed(asked)) is None:
            continue
        versions[asked[0]], further = told
        needs.setdefault(asked[0], set()).update(name for name, _ in further)
        waiting.extend(further)
    return tuple(Package(name, versions[name], tuple(sorted(needs[name] & versions.keys()))) for name in sorted(versions))
