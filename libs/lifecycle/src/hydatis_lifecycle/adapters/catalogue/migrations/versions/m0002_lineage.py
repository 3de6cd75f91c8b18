"""Lineage: records of steps, what their derivations read and made, and the names of things."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "lineage_records",
        sa.Column("digest", sa.String(71), primary_key=True),
        sa.Column("derivation", sa.String(71), nullable=False),
        sa.Column("run", sa.String(128), nullable=False),
        sa.Column("cached", sa.Boolean, nullable=False),
        sa.Column("started_seconds", sa.Float, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("lineage_records_derivation", "lineage_records", ["derivation", "cached", "started_seconds", "digest"])
    op.create_index("lineage_records_run", "lineage_records", ["run", "started_seconds"])
    op.create_index("lineage_records_newest", "lineage_records", ["started_seconds", "digest"])
    op.create_table(
        "lineage_ends",
        sa.Column("derivation", sa.String(71), primary_key=True),
        sa.Column("side", sa.String(6), primary_key=True),
        sa.Column("entity", sa.String(71), primary_key=True),
    )
    op.create_index("lineage_ends_entity", "lineage_ends", ["entity", "side", "derivation"])
    op.create_table(
        "lineage_entities",
        sa.Column("digest", sa.String(71), primary_key=True),
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("name", sa.String(128), primary_key=True),
        sa.Column("version", sa.String(64), primary_key=True),
        sa.Column("first_seconds", sa.Float, nullable=False),
    )
    op.create_index("lineage_entities_name", "lineage_entities", ["name", "version"])
    op.create_index("lineage_entities_kind", "lineage_entities", ["name", "kind", "first_seconds", "digest"])
    op.create_index("lineage_entities_newest", "lineage_entities", ["first_seconds", "digest"])
