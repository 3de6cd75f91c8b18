"""Which code a step ran with: what a result depends on beside its inputs.

A package's version stays the same from one edit to the next, and a commit is not known inside an image. So the code is known by its
own bytes, and the libraries whose numbers end up in models by their versions. Whoever builds an image may say the version instead
(``HYDATIS_CODE_VERSION``, the commit it was built from).
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
from functools import cache
from pathlib import Path

__all__ = ["code_version"]

#: Rooms that steps are made of. Any change in any of them makes every step run again: rather once too often.
ROOMS = ("core", "features", "forecasting", "placement", "anomaly", "simulator", "lifecycle", "feature_store", "pipelines")
#: Libraries whose arithmetic ends up in outputs.
LIBRARIES = ("numpy", "scikit-learn", "xgboost", "xgboost-cpu", "pandas", "pandera", "pyarrow")


@cache
def code_version() -> str:
    """What ``HYDATIS_CODE_VERSION`` says, or ``sha256:...`` over the source of the rooms and the versions of the libraries.

    Nothing is imported for it.
    """
    told = os.environ.get("HYDATIS_CODE_VERSION")
    if told:
        return told
    sha = hashlib.sha256()
    for room in ROOMS:
        spec = importlib.util.find_spec(f"hydatis_{room}")
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            for path in sorted(Path(folder).rglob("*.py")):
                sha.update(f"{room}/{path.relative_to(folder)}\0".encode() + path.read_bytes())
    for library in LIBRARIES:
        try:
            sha.update(f"{library}=={importlib.metadata.version(library)}\n".encode())
        except importlib.metadata.PackageNotFoundError:
            continue
    return f"sha256:{sha.hexdigest()}"
