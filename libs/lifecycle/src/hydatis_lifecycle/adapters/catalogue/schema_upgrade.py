"""Brings a database to the newest shape, once, however many processes open it first.

The scripts in ``migrations/versions`` are the history of the shape and are never edited after a release. A database that is up to
date is known by one query, without loading alembic: most openings are of that kind.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hydatis_core.errors import DependencyUnavailable
from sqlalchemy import Connection, Engine, inspect, text

__all__ = ["MIGRATIONS", "newest_revision", "upgrade"]

MIGRATIONS = Path(__file__).with_name("migrations")

#: Of PostgreSQL's advisory lock: any number that nobody else in the database takes.
_LOCK_KEY = 0x48594441


def newest_revision() -> str:
    """The revision that this version knows: number of the last script, ``m0002_lineage.py`` is ``0002``."""
    return max(path.name[1:5] for path in (MIGRATIONS / "versions").glob("m[0-9][0-9][0-9][0-9]_*.py"))


def upgrade(engine: Engine) -> None:
    """Runs the scripts that a database lacks, in one transaction and under a lock.

    Raises:
        DependencyUnavailable: a newer HYDATIS made it.
    """
    newest = newest_revision()
    if _revision(engine) == newest:
        return
    with _alone(engine) as connection:
        found = _revision_of(connection)
        if found == newest:  # made while we waited
            return
        if found is not None and found > newest:
            shown = f"the catalogue has revision {found}, made by a newer HYDATIS; this one knows {newest}"
            raise DependencyUnavailable(shown, field="catalogue", expected="a HYDATIS that is as new")
        _run_scripts(connection)


def _revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return _revision_of(connection)


def _revision_of(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT max(version_num) FROM alembic_version")).scalar()


def _run_scripts(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """A transaction that no other process upgrades beside; killed in the middle, nothing of it stays."""
    if engine.dialect.name != "sqlite":
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
            yield connection
        return
    file = Path(engine.url.database or "")
    # A lock beside the database: SQLite does not wait when several switch to WAL at once.
    descriptor = os.open(file.with_name(f".{file.name}.upgrading"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            driver.execute("PRAGMA journal_mode = WAL")
        with engine.connect().execution_options(hydatis_begin="BEGIN IMMEDIATE") as connection, connection.begin():
            yield connection
    finally:
        os.close(descriptor)
