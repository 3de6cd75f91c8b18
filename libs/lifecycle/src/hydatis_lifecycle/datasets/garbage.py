"""What may go: versions that nobody needs any more, and objects that no version names.

Two questions, answered apart. Which versions are retired is a matter of wishes (keep so many of each dataset) and of promises (what
a model was trained on is kept, or its lineage ends nowhere). Which objects go is a matter of fact.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from hydatis_core.errors import InvalidValue

__all__ = ["StoredVersion", "objects_to_remove", "versions_to_retire"]


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A version as its retirement is decided."""

    dataset: str
    version: str
    digest: str
    registered_seconds: float


def versions_to_retire(
    newest_first: Sequence[StoredVersion],
    *,
    keep_count: int,
    keep_seconds: float,
    now_seconds: float,
    used_digests: Collection[str] = (),
) -> tuple[StoredVersion, ...]:
    """Versions that are neither among the newest of their dataset, nor young, nor used.

    Args:
        newest_first: versions of all datasets, each dataset's newest first.
        keep_count: of each dataset, the newest that stay; at least 1.
        keep_seconds: versions that are younger stay.
        now_seconds: Unix time.
        used_digests: root digests that something was made from.

    Raises:
        InvalidValue: ``keep_count`` is below 1.
    """
    if keep_count < 1:
        raise InvalidValue(f"{keep_count} versions", field="keep", expected="1 or more: the newest is never retired")
    seen: dict[str, int] = {}
    retired = []
    for one in newest_first:
        seen[one.dataset] = seen.get(one.dataset, 0) + 1
        is_old = now_seconds - one.registered_seconds > keep_seconds
        if seen[one.dataset] > keep_count and is_old and one.digest not in used_digests:
            retired.append(one)
    return tuple(retired)


def objects_to_remove(stored: Iterable[str], named: Collection[str]) -> tuple[str, ...]:
    """Digests of stored objects that no version names, sorted."""
    return tuple(sorted(set(stored) - set(named)))
