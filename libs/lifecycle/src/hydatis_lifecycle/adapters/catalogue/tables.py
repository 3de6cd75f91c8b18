"""Tables of datasets as queries name them. Their history is in ``migrations``; a test holds the two together."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

__all__ = ["METADATA", "access_log", "dataset_files", "dataset_versions", "datasets"]

METADATA = MetaData()

#: One row per name: what registrations of one dataset queue at.
datasets = Table(
    "datasets",
    METADATA,
    Column("name", String(128), primary_key=True),
    Column("created_seconds", Float, nullable=False),
)

#: Rows are never changed but for ``quality`` and ``deleted_seconds``, and never removed: a version's name is given once.
dataset_versions = Table(
    "dataset_versions",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("dataset", String(128), ForeignKey("datasets.name"), nullable=False),
    Column("version", String(32), nullable=False),
    Column("digest", String(71), nullable=False),
    Column("change", String(8), nullable=False),
    Column("reasons", Text, nullable=False),
    Column("schema", Text, nullable=False),
    Column("metadata", Text, nullable=False),
    Column("quality", Text, nullable=True),
    Column("files_count", Integer, nullable=False),
    Column("rows_count", BigInteger, nullable=True),
    Column("bytes_count", BigInteger, nullable=False),
    Column("registered_seconds", Float, nullable=False),
    Column("registered_by", String(128), nullable=False),
    Column("deleted_seconds", Float, nullable=True),
    UniqueConstraint("dataset", "version", name="dataset_versions_once"),
    Index("dataset_versions_digest", "digest"),
    Index("dataset_versions_newest", "dataset", "id"),
)

dataset_files = Table(
    "dataset_files",
    METADATA,
    Column("version_id", Integer, ForeignKey("dataset_versions.id"), primary_key=True),
    Column("path", String(512), primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("bytes_count", BigInteger, nullable=False),
    Column("rows_count", BigInteger, nullable=True),
    Index("dataset_files_sha256", "sha256"),
)

access_log = Table(
    "access_log",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at_seconds", Float, nullable=False),
    Column("user", String(128), nullable=False),
    Column("action", String(16), nullable=False),
    Column("dataset", String(128), nullable=False),
    Column("version", String(32), nullable=False),
    Column("allowed", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Index("access_log_dataset", "dataset", "id"),
)
