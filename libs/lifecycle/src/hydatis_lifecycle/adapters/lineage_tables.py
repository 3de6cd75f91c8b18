"""The tables of lineage, and the two walks through them: one recursive query each, whatever the depth.

``migrations/versions/m0002_lineage.py`` makes them.
"""

from __future__ import annotations

from sqlalchemy import CTE, Boolean, Column, Float, MetaData, Select, String, Table, Text, select

__all__ = ["ENDS", "ENTITIES", "INPUT", "OUTPUT", "RECORDS", "reached", "standing_bodies"]

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


def reached(digests: tuple[str, ...], near: str, far: str) -> CTE:
    """Things reached from some that are known, themselves among them.

    Args:
        digests: where the walk starts.
        near: side of a derivation on which the walk enters; OUTPUT: it goes upstream.
        far: the other side.
    """
    walk = select(ENDS.c.entity).where(ENDS.c.entity.in_(digests)).distinct().cte("reached", recursive=True)
    entered, left = ENDS.alias("entered"), ENDS.alias("left")
    step = (
        select(left.c.entity)
        .join(entered, (entered.c.derivation == left.c.derivation) & (entered.c.side == near))
        .join(walk, walk.c.entity == entered.c.entity)
        .where(left.c.side == far)
    )
    return walk.union(step)


def standing_bodies(walk: CTE, near: str) -> Select[str]:
    """Records that stand for the derivations through which a walk went: of each the first that was not answered from a cache."""
    entered = select(ENDS.c.derivation).join(walk, walk.c.entity == ENDS.c.entity).where(ENDS.c.side == near)
    derivations = entered.distinct().subquery()
    others = RECORDS.alias("others")
    first = (
        select(others.c.digest)
        .where(others.c.derivation == derivations.c.derivation)
        .order_by(others.c.cached, others.c.started_seconds, others.c.digest)
        .limit(1)
        .scalar_subquery()
    )
    return select(RECORDS.c.body).join(derivations, RECORDS.c.digest == first)
