"""store-features: the rows that models learn from, in Feast's offline store with their event times.

Training reads the record itself, which holds the same bytes; the store is what later training sets, statistics of drift and people
join against. What was stored once is not stored again: a receipt names each record by its digest. Each record has a repository of
its own (``records/<digest>`` below that of the live cluster): two traces, or two slices of one, say different things of one time.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hydatis_pipelines.progress import Progress
from hydatis_pipelines.run_folder import home_of
from hydatis_pipelines.whole_files import digest_of, write_whole

__all__ = ["store_features"]


def store_features(*, dataset: Path, state: Path, out: Path, progress: Progress) -> dict[str, Any]:
    """Writes the rows of a record to Feast's offline store."""
    digest = digest_of(dataset)
    folder = home_of(state).feature_repository
    receipt = folder / "receipts" / f"{digest.removeprefix('sha256:')}.json"
    stored_before = receipt.exists()
    if not stored_before:
        write_whole(
            receipt, json.dumps({"digest": digest, "rows_count": _store(dataset, folder / "records" / receipt.stem[:12])}).encode()
        )
    progress(1, 1, "stored before" if stored_before else "stored")
    said = json.loads(receipt.read_text())
    write_whole(out, receipt.read_bytes())
    return {"out": str(out), "rows_count": said["rows_count"], "stored_before": stored_before}


def _store(dataset: Path, folder: Path) -> int:
    from hydatis_feature_store.repository import FeatureRepository

    from hydatis_pipelines.node_record import read_record

    record = read_record(dataset)
    first = record.tables[0]
    repository = FeatureRepository(folder)
    repository.apply()
    columns = tuple(zip(first.columns, first.column_hashes, strict=True))
    repository.write_offline(record.generations.tolist(), first.node_names, record.rows(columns), first.columns)
    return record.rows_count
