"""The descheduler from its published Go module, built before any test waits for it; nothing here but what Python brings."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from control_plane.build_cache import built, cache_folder, go_program

__all__ = ["descheduler_program"]

VERSION = "v0.36.0"
MODULE = f"sigs.k8s.io/descheduler@{VERSION}"


def descheduler_program() -> Path:
    """The program, built from its published module if it is not there yet; the module's own go.sum pins all else."""
    target = cache_folder() / f"descheduler-{VERSION}" / "descheduler"
    if target.is_file():
        return target
    said = subprocess.run([go_program(), "mod", "download", "-json", MODULE], check=True, capture_output=True, cwd="/")
    return built(target, "./cmd/descheduler", Path(json.loads(said.stdout)["Dir"]))
