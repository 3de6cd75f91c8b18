"""Datasets, their versions and files, and who used them."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "datasets",
        sa.Column("name", sa.String(128), primary_key=True),
        sa.Column("created_seconds", sa.Float, nullable=False),
    )
    op.create_table(
        "dataset_versions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("dataset", sa.String(128), sa.ForeignKey("datasets.name"), nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("digest", sa.String(71), nullable=False),
        sa.Column("change", sa.String(8), nullable=False),
        sa.Column("reasons", sa.Text, nullable=False),
        sa.Column("schema", sa.Text, nullable=False),
        sa.Column("metadata", sa.Text, nullable=False),
        sa.Column("quality", sa.Text, nullable=True),
        sa.Column("files_count", sa.Integer, nullable=False),
        sa.Column("rows_count", sa.BigInteger, nullable=True),
        sa.Column("bytes_count", sa.BigInteger, nullable=False),
        sa.Column("registered_seconds", sa.Float, nullable=False),
        sa.Column("registered_by", sa.String(128), nullable=False),
        sa.Column("deleted_seconds", sa.Float, nullable=True),
        sa.UniqueConstraint("dataset", "version", name="dataset_versions_once"),
    )
    op.create_index("dataset_versions_digest", "dataset_versions", ["digest"])
    op.create_index("dataset_versions_newest", "dataset_versions", ["dataset", "id"])
    op.create_table(
        "dataset_files",
        sa.Column("version_id", sa.Integer, sa.ForeignKey("dataset_versions.id"), primary_key=True),
        sa.Column("path", sa.String(512), primary_key=True),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("bytes_count", sa.BigInteger, nullable=False),
        sa.Column("rows_count", sa.BigInteger, nullable=True),
    )
    op.create_index("dataset_files_sha256", "dataset_files", ["sha256"])
    op.create_table(
        "access_log",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at_seconds", sa.Float, nullable=False),
        sa.Column("user", sa.String(128), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("dataset", sa.String(128), nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("allowed", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_index("access_log_dataset", "access_log", ["dataset", "id"])
