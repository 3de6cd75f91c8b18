"""Who did what to which dataset, and who was refused: one line each, written before the answer is given."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from hydatis_lifecycle.adapters.catalogue.tables import access_log

__all__ = ["AccessEvent", "append", "events"]


@dataclass(frozen=True, slots=True)
class AccessEvent:
    """One line of the log."""

    at_seconds: float
    """Unix time."""
    user: str
    action: str
    """``read``, ``register``, ``delete`` or ``check-out``."""
    dataset: str
    version: str
    """Empty: none was named, or none was made."""
    allowed: bool
    reason: str
    """The rule that allowed it, or why it was refused."""


def append(connection: Connection, event: AccessEvent) -> None:
    """Writes a line."""
    values = {name: getattr(event, name) for name in AccessEvent.__slots__}
    connection.execute(insert(access_log).values(values))


def events(connection: Connection, dataset: str | None, limit: int) -> tuple[AccessEvent, ...]:
    """The last lines, of one dataset or of all, newest first."""
    query = select(*(access_log.c[name] for name in AccessEvent.__slots__))
    if dataset is not None:
        query = query.where(access_log.c.dataset == dataset)
    return tuple(AccessEvent(*row) for row in connection.execute(query.order_by(access_log.c.id.desc()).limit(limit)))
