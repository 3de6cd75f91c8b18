"""The catalogue's database: opened by URL, brought up to date once, and every transaction whole.

Several processes share it without a server: steps of a pipeline, a shell, a notebook. So SQLite is in WAL mode (readers never
wait), writers take the write lock when they begin (two that read first and write later would both be refused), and what a locked
or full disk answers becomes a sentence that says what to do. PostgreSQL needs none of this and takes the same calls.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydatis_core.errors import DependencyUnavailable, InvalidValue
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from hydatis_lifecycle.adapters.catalogue.schema_upgrade import upgrade

__all__ = ["BUSY_SECONDS", "open_database", "reading", "writing"]

#: How long a transaction waits for one of another process before it gives up.
BUSY_SECONDS = 10.0

#: Drivers of the dialects, where SQLAlchemy's default is not the one that we ask for.
_DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}

#: What a database's message says -> what the user can do about it.
_ADVICE = {
    "database is locked": "the other process to end its transaction: `fuser` with the file's name tells which it is",
    "lock timeout": "the other session to end its transaction: pg_stat_activity tells which it is",
    "database or disk is full": "room on the disk; everything is as it was before",
    "disk I/O error": "a disk that takes writes; everything is as it was before",
    "readonly database": "the right to write the file and its folder",
    "file is not a database": "a SQLite file that HYDATIS made, or a place where none is yet",
    "database disk image is malformed": "a backup of the file: it is damaged",
    "unable to open database file": "a folder that can be written",
}


def open_database(url: str, *, busy_seconds: float = BUSY_SECONDS) -> Engine:
    """The database behind a URL, with every table that this version knows.

    Args:
        url: of SQLAlchemy: ``sqlite:///<file>`` (its folder is made) or ``postgresql://user@host/name``.
        busy_seconds: how long a transaction waits for another one.

    Raises:
        InvalidValue: no such URL.
        DependencyUnavailable: the database cannot be opened, or a newer HYDATIS made it.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        Path(parsed.database or "").parent.mkdir(parents=True, exist_ok=True)
        connect_arguments: dict[str, Any] = {"timeout": busy_seconds}
    else:
        connect_arguments = {"connect_timeout": max(2, int(busy_seconds)), "options": f"-c lock_timeout={int(busy_seconds * 1000)}"}
    try:
        engine = create_engine(parsed, connect_args=connect_arguments, pool_pre_ping=parsed.get_backend_name() != "sqlite")
    except ModuleNotFoundError as missing:
        shown = f"the driver {missing.name} is not installed"
        raise DependencyUnavailable(shown, field="catalogue", expected="pip install 'hydatis-lifecycle[postgresql]'") from None
    if engine.dialect.name == "sqlite":
        _take_over_transactions(engine)
    with _explained(engine):
        upgrade(engine)
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that may write: whole when the block ends, nothing of it when the block raises or the process dies.

    Raises:
        DependencyUnavailable: another process holds the lock, the disk is full, or the database is gone.
    """
    with _explained(engine), engine.connect().execution_options(hydatis_begin="BEGIN IMMEDIATE") as connection, connection.begin():
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One transaction that reads a single state of everything, whatever others write meanwhile.

    Raises:
        DependencyUnavailable: the database is gone or damaged.
    """
    # SQLite reads one state anyway
    options: dict[str, Any] = {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    with _explained(engine), engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
        parsed = parsed.set(drivername=_DRIVERS.get(parsed.drivername, parsed.drivername))
        parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError):
        shown = f"{url[:12]!r}... is no address of a database"  # no more of it: an address may hold a password
        raise InvalidValue(shown, field="catalogue", expected="sqlite:///FILE or postgresql://USER@HOST/NAME") from None
    if parsed.get_backend_name() == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise InvalidValue("a catalogue in memory is lost at once", field="catalogue", expected="sqlite:///FILE")
    return parsed


def _take_over_transactions(engine: Engine) -> None:
    """Has SQLite begin transactions when we do: left alone, Python's driver begins one at the first write only."""

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")  # what was told to be registered outlives a power cut

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("hydatis_begin", "BEGIN"))


@contextmanager
def _explained(engine: Engine) -> Iterator[None]:
    """Turns what the driver says into what was wrong, where, and what to do."""
    try:
        yield
    except DBAPIError as cause:
        said = " ".join(str(cause.orig).split())
        advice = next((advice for words, advice in _ADVICE.items() if words in said), "a database that answers")
        place = engine.url.render_as_string(hide_password=True)
        raise DependencyUnavailable(f"the catalogue {place} says: {said[:200]}", field="catalogue", expected=advice) from None
    except OSError as cause:
        place = os.fspath(cause.filename) if cause.filename else engine.url.render_as_string(hide_password=True)
        raise DependencyUnavailable(f"{place}: {cause.strerror}", field="catalogue", expected="a disk that takes writes") from None
