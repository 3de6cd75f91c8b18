"""The tables of lineage, and the two walks through them: one recursive query each, whatever the depth.

``migrations/versions/m0002_lineage.py`` makes them.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import CTE, Boolean, Column, Float, MetaData, Select, String, Table, Text, select

__all__ = ["ENDS", "ENTITIES", "INPUT", "OUTPUT", "RECORDS", "standing_bodies", "walked"]

_META = MetaData()

#: One row per run of a step.
RECORDS = Table(
    "lineage_records",
    _META,
    Column("digest", String, primary_key=True),
    Column("derivation", String),
    Column("run", String),
    Column("cached", Boolean),
    Column("started_seconds", Float),
    Column("body", Text),
)

INPUT, OUTPUT = "input", "output"

#: What a derivation read and made.
ENDS = Table(
    "lineage_ends",
    _META,
    Column("derivation", String, primary_key=True),
    Column("side", String, primary_key=True),
    Column("entity", String, primary_key=True),
)

#: Every name that a thing was given.
ENTITIES = Table(
    "lineage_entities",
    _META,
    Column("digest", String, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("version", String, primary_key=True),
    Column("first_seconds", Float),
)


def walked(digests: Collection[str], near: str, far: str) -> CTE:
    """Derivations through which a walk from some things goes, the nearest first.

    Args:
        digests: where it starts.
        near: side on which it enters a derivation; OUTPUT: it goes upstream.
        far: side on which it leaves.
    """
    walk = select(ENDS.c.derivation).where(ENDS.c.entity.in_(digests), ENDS.c.side == near).cte("walked", recursive=True)
    left, entered = ENDS.alias("left_by"), ENDS.alias("entered_by")
    step = (
        select(entered.c.derivation)
        .join(left, (left.c.entity == entered.c.entity) & (left.c.side == far))
        .join(walk, walk.c.derivation == left.c.derivation)
        .where(entered.c.side == near)
    )
    return walk.union(step)


def standing_bodies(walk: CTE, limit: int | None) -> Select[str]:
    """Records that stand for the (nearest) derivations of a walk: of each the first that was not answered from a cache."""
    near = select(walk.c.derivation).limit(limit).subquery()  # limited here, the walk itself ends there
    others = RECORDS.alias("others")
    first = (
        select(others.c.digest)
        .where(others.c.derivation == near.c.derivation)
        .order_by(others.c.cached, others.c.started_seconds, others.c.digest)
        .limit(1)
        .scalar_subquery()
    )
    return select(RECORDS.c.body).join(near, RECORDS.c.digest == first)
