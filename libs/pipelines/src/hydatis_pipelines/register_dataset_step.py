"""register-dataset: raw data become a version that everything later is traced to.

Later steps read the version as it was checked out again, never the folder that was given: what is trained on is what is registered,
also when somebody writes into the folder meanwhile, and in a cluster where only this step sees it.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from hydatis_core.errors import InvalidValue

from hydatis_pipelines.progress import Progress
from hydatis_pipelines.run_folder import home_of

__all__ = ["DATASET_FILE", "register_dataset"]

#: What a checked-out version says of itself, beside the trace's own folder.
DATASET_FILE = "dataset.json"


def register_dataset(*, trace: str, data: Path, state: Path, out: Path, progress: Progress) -> dict[str, Any]:
    """Registers a published trace in the catalogue and checks the version out."""
    from hydatis_pipelines.lifecycle_catalogue import open_catalogue
    from hydatis_pipelines.whole_files import new_folder

    folder = data / trace if (data / trace).is_dir() else data
    if not folder.is_dir():
        raise InvalidValue(f"there is no folder {data}", field="data", expected=f"the folder that holds {trace}/")
    catalogue = open_catalogue(home_of(state))
    version = catalogue.register(trace, folder, time_seconds=time.time())
    progress(1, 2, f"{trace} {version.version}")
    said = {"name": trace, "version": version.version, "digest": version.digest}
    with new_folder(out) as checked_out:
        catalogue.check_out(trace, version.version, checked_out / trace)
        (checked_out / DATASET_FILE).write_text(json.dumps(said, indent=1) + "\n")
    progress(2, 2, "checked out")
    return {"out": str(out), **said, "created": version.created, "bytes_count": version.bytes_count}
