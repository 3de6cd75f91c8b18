"""Where a pipeline run keeps its journal, logs and outputs: one folder of its own, below the state folder.

On a laptop the state folder is the one of the stack; in a cluster it is a volume that all steps mount. Servers look into its models
folder, so that what a run registers is served.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from hydatis_core.errors import InvalidValue

from hydatis_pipelines.lifecycle_home import LifecycleHome

__all__ = ["RunFolder", "home_of", "models_of"]

_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def home_of(state: Path) -> LifecycleHome:
    """What the lifecycle of a state folder knows."""
    return LifecycleHome(state / "lifecycle", os.environ)


def models_of(state: Path) -> Path:
    """The models folder that servers look in."""
    return state / "models"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """One run.

    Raises:
        InvalidValue: the run's name cannot name a folder.
    """

    state: Path
    run: str

    def __post_init__(self) -> None:
        if _RUN.fullmatch(self.run) is None:
            raise InvalidValue(f"{self.run[:80]!r} is not a run", field="run", expected="letters, digits, dots and dashes")

    @property
    def root(self) -> Path:
        """The folder."""
        return home_of(self.state).runs / self.run

    @property
    def start_file(self) -> Path:
        """What the run was told and when it began; written by whoever starts it here."""
        return self.root / "run.json"

    @property
    def journal(self) -> Path:
        """One entry a step."""
        return self.root / "steps"

    @property
    def outputs(self) -> Path:
        """kfp's pipeline root: what steps made."""
        return self.root / "outputs"

    @property
    def report(self) -> Path:
        """What came of it, for programs."""
        return self.root / "report.json"

    @property
    def summary(self) -> Path:
        """The same for people."""
        return self.root / "summary.txt"

    @property
    def engine_log(self) -> Path:
        """What kfp said."""
        return self.root / "kfp.log"

    def log(self, task: str) -> Path:
        """All that a step said."""
        return self.root / "logs" / f"{task}.log"
