"""Lineage records in the catalogue's database: added once however often they are told, found from either end.

The tables beside the records hold nothing that the records do not say: they are what makes a walk through 10,000 versions one
query. Records are never changed and never deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hydatis_core.errors import InvalidValue
from sqlalchemy import Connection, Table, select
from sqlalchemy.dialects import postgresql, sqlite

from hydatis_lifecycle.adapters.catalogue.database import BUSY_SECONDS, open_database, reading, writing
from hydatis_lifecycle.adapters.lineage_tables import ENDS, ENTITIES, INPUT, OUTPUT, RECORDS, standing_bodies, walked
from hydatis_lifecycle.lineage.graph import LineageGraph
from hydatis_lifecycle.lineage.record import Entity, EntityKind, StepRecord
from hydatis_lifecycle.lineage.record_json import derivation_digest, record_digest, record_from_json, record_to_json

__all__ = ["LineageStore"]

#: Statement of each database that leaves a row that is there alone.
_INSERT: dict[str, Callable[[Table], sqlite.Insert | postgresql.Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}


class LineageStore:
    """Lineage of one catalogue. Processes and threads may share a database; each opens a store of its own.

    Args:
        url: the catalogue's: ``sqlite:///<file>`` or ``postgresql://...``.
        busy_seconds: how long a transaction waits for another one.

    Raises:
        InvalidValue: no such URL.
        DependencyUnavailable: it cannot be opened; every method raises it, too, when the database is locked, full or gone.
    """

    def __init__(self, url: str, *, busy_seconds: float = BUSY_SECONDS) -> None:
        self._engine = open_database(url, busy_seconds=busy_seconds)

    def add(self, record: StepRecord) -> str:
        """Keeps a record; returns its digest. Whole or not at all; again: nothing changes.

        Raises:
            InvalidValue: its parameters are no JSON values, or a thing would be made of itself.
        """
        digest, derivation = record_digest(record), derivation_digest(record)
        row = {
            "digest": digest,
            "derivation": derivation,
            "run": record.run,
            "cached": record.cached,
            "started_seconds": record.started_seconds,
            "body": record_to_json(record).decode(),
        }
        sides = ((INPUT, record.inputs), (OUTPUT, record.outputs))
        ends = [{"derivation": derivation, "side": side, "entity": entity.digest} for side, of_side in sides for entity in of_side]
        named = [_named(entity, record.started_seconds) for _, of_side in sides for entity in of_side]
        with writing(self._engine) as connection:
            known = connection.execute(select(ENDS.c.side).where(ENDS.c.derivation == derivation).limit(1)).first()
            if known is None:
                self._refuse_circle(connection, record)
                self._insert(connection, ENDS, ends)
            self._insert(connection, ENTITIES, named, earliest="first_seconds")
            self._insert(connection, RECORDS, [row])
        return digest

    def records(self, run: str | None = None, *, limit: int | None = None) -> tuple[StepRecord, ...]:
        """Records of a run, or of all, in the order of time; at most ``limit``, the newest."""
        wanted = select(RECORDS.c.body).order_by(RECORDS.c.started_seconds.desc(), RECORDS.c.digest.desc()).limit(limit)
        if run is not None:
            wanted = wanted.where(RECORDS.c.run == run)
        with reading(self._engine) as connection:
            return tuple(record_from_json(body) for (body,) in reversed(connection.execute(wanted).all()))

    def upstream(self, digest: str, *, limit: int | None = None) -> LineageGraph:
        """What a thing was made of, and how: all of it, or the ``limit`` nearest derivations; empty: nothing is known of it."""
        return self._walked(digest, OUTPUT, INPUT, limit).upstream(digest)

    def downstream(self, digest: str, *, limit: int | None = None) -> LineageGraph:
        """What was made of a thing, and how: all of it, or the ``limit`` nearest derivations; empty: nothing is known of it."""
        return self._walked(digest, INPUT, OUTPUT, limit).downstream(digest)

    def find(
        self, name: str, version: str | None = None, kind: EntityKind | None = None, *, limit: int = 100
    ) -> tuple[Entity, ...]:
        """Things of a name (and a version, a kind), the newest first."""
        wanted = select(ENTITIES).where(ENTITIES.c.name == name).limit(limit)
        if version is not None:
            wanted = wanted.where(ENTITIES.c.version == version)
        if kind is not None:
            wanted = wanted.where(ENTITIES.c.kind == kind.value)
        return tuple(entity for entity, _ in self._found(wanted))

    def find_digest(self, beginning: str, *, limit: int = 100) -> tuple[Entity, ...]:
        """Things whose digest begins so, the newest first, under each of their names."""
        wanted = select(ENTITIES).where(ENTITIES.c.digest >= beginning, ENTITIES.c.digest < beginning + "~").limit(limit)
        return tuple(entity for entity, _ in self._found(wanted))

    def newest(self, kind: EntityKind | None = None, *, limit: int = 100) -> tuple[tuple[Entity, float], ...]:
        """The newest things (of a kind), each with the Unix time at which it was first read or made."""
        wanted = select(ENTITIES).limit(limit)
        if kind is not None:
            wanted = wanted.where(ENTITIES.c.kind == kind.value)
        return self._found(wanted)

    def _found(self, wanted: Any) -> tuple[tuple[Entity, float], ...]:
        with reading(self._engine) as connection:
            rows = connection.execute(wanted.order_by(ENTITIES.c.first_seconds.desc(), ENTITIES.c.digest.desc())).all()
        return tuple((Entity(EntityKind(row.kind), row.name, row.digest, row.version), row.first_seconds) for row in rows)

    def _walked(self, digest: str, near: str, far: str, limit: int | None) -> LineageGraph:
        wanted = standing_bodies(walked((digest,), near, far), limit)
        with reading(self._engine) as connection:
            bodies = connection.execute(wanted).scalars().all()
        return LineageGraph(record_from_json(body) for body in bodies)

    def _refuse_circle(self, connection: Connection, record: StepRecord) -> None:
        """What was made now and read by none can close no circle: then the walk ends where it starts."""
        inputs, outputs = ({entity.digest for entity in side} for side in (record.inputs, record.outputs))
        suspects = inputs & outputs
        if inputs and not suspects:
            walk = walked(outputs, INPUT, OUTPUT)
            made = select(ENDS.c.entity).join(walk, walk.c.derivation == ENDS.c.derivation)
            suspects = set(connection.execute(made.where(ENDS.c.side == OUTPUT, ENDS.c.entity.in_(inputs))).scalars())
        if suspects:
            name = next(entity.name for entity in record.inputs if entity.digest in suspects)
            raise InvalidValue(
                f"step {record.step} would have made what {name} was made of",
                field="outputs",
                expected="things that none of the inputs was made of",
            )

    def _insert(self, connection: Connection, table: Table, rows: Sequence[dict[str, Any]], *, earliest: str | None = None) -> None:
        """Adds rows; one that is there stays, at most its time of ``earliest`` becomes the earlier one."""
        if not rows:
            return
        insert = _INSERT[self._engine.dialect.name](table)
        if earliest is None:
            connection.execute(insert.on_conflict_do_nothing(), rows)
            return
        column, told = table.c[earliest], insert.excluded[earliest]
        key = list(table.primary_key.columns)
        connection.execute(insert.on_conflict_do_update(index_elements=key, set_={earliest: told}, where=told < column), rows)


def _named(entity: Entity, at_seconds: float) -> dict[str, Any]:
    return {
        "digest": entity.digest,
        "kind": entity.kind.value,
        "name": entity.name,
        "version": entity.version,
        "first_seconds": at_seconds,
    }
