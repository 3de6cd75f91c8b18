"""Semantic versions of models: what the next one is called.

A version tells the one who rolls a model out how much can break: other outputs break every caller (major), other input columns
need a table that has them (minor), the same shape trained again needs nothing (patch). So a name is decided by comparing manifests,
never by whoever happens to publish.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum

from hydatis_core.errors import InvalidValue

__all__ = ["Change", "is_version", "newest_first", "next_version", "version_key"]

FIRST_VERSION = "1.0.0"
_VERSION = re.compile(r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})")


class Change(Enum):
    """How much a new version differs from the one before."""

    MAJOR = "major"
    """Other outputs or another kind: callers must change."""
    MINOR = "minor"
    """Other input columns: the table must have them."""
    PATCH = "patch"
    """The same shape, trained again."""


def is_version(text: str) -> bool:
    """Whether a text is a version: three whole numbers without leading zeros, ``1.2.3``."""
    return _VERSION.fullmatch(text) is not None


def version_key(version: str) -> tuple[int, int, int]:
    """What versions are ordered by.

    Raises:
        InvalidValue: it is not a version.
    """
    match = _VERSION.fullmatch(version)
    if match is None:
        raise InvalidValue(f"{version[:40]!r} is not a version", field="version", expected="three numbers such as 1.0.3")
    major, minor, patch = match.groups()
    return int(major), int(minor), int(patch)


def newest_first(versions: Iterable[str]) -> tuple[str, ...]:
    """Versions from the newest to the oldest.

    Raises:
        InvalidValue: one is not a version.
    """
    return tuple(sorted(versions, key=version_key, reverse=True))


def next_version(versions: Iterable[str], change: Change = Change.PATCH) -> str:
    """The version after the newest of those given; ``1.0.0`` when there is none.

    Raises:
        InvalidValue: one is not a version.

    >>> next_version(["1.0.9", "1.0.10"]), next_version(["1.2.3"], Change.MINOR), next_version([])
    ('1.0.11', '1.3.0', '1.0.0')
    """
    newest = newest_first(versions)[:1]
    if not newest:
        return FIRST_VERSION
    major, minor, patch = version_key(newest[0])
    after = {
        Change.MAJOR: (major + 1, 0, 0),
        Change.MINOR: (major, minor + 1, 0),
        Change.PATCH: (major, minor, patch + 1),
    }[change]
    return ".".join(map(str, after))
