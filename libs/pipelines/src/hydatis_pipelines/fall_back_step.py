"""fall-back: when a model is critically wrong and there is no data to train another, the version before it serves again.

Nothing is deleted, and the version that was left stays published; a later training that is better takes its place.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hydatis_core.errors import ArtifactRefused
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_lifecycle.versions import newest_first, version_key

from hydatis_pipelines.progress import Progress
from hydatis_pipelines.run_folder import models_of
from hydatis_pipelines.whole_files import write_whole

__all__ = ["fall_back"]


def fall_back(*, plan: Path, state: Path, out: Path, progress: Progress) -> dict[str, Any]:
    """Serves the newest earlier version of each affected model that verifies."""
    families = json.loads(plan.read_text())["families"]
    folder = ArtifactFolder(models_of(state))
    done = {name: _back(folder, name) for name in families}
    for position, (name, said) in enumerate(done.items(), 1):
        progress(position, len(done), f"{name}: {said}")
    write_whole(out, (json.dumps(done, indent=1) + "\n").encode())
    return {"out": str(out), "fell_back": done}


def _back(folder: ArtifactFolder, name: str) -> str:
    current = folder.current(name)
    if current is None:
        return "nothing is served"
    for version in newest_first(folder.versions(name)):
        if version_key(version) >= version_key(current):
            continue
        try:
            folder.set_current(name, version)
        except ArtifactRefused:
            continue
        return f"{current} -> {version}"
    return f"{current} stays: there is no earlier version"
