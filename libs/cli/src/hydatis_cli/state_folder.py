"""The one folder that holds everything HYDATIS keeps on a laptop.

The user names it (``--state`` or ``HYDATIS_STATE``) and may delete it: nothing is kept anywhere else.
"""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

__all__ = ["StateFolder"]

#: Longest path a unix socket may have (108 bytes on Linux, 104 on macOS), less the name that supervisor adds while it binds.
SOCKET_PATH_LIMIT = 90


@dataclass(frozen=True, slots=True)
class StateFolder:
    """Where each thing stands below the state folder."""

    root: Path

    @property
    def models(self) -> Path:
        """Artifacts: ``<model>/<version>/``."""
        return self.root / "models"

    @property
    def logs(self) -> Path:
        """One log file per process, rotated."""
        return self.root / "logs"

    @property
    def decisions(self) -> Path:
        """Segment files of decision records."""
        return self.root / "decisions"

    @property
    def work(self) -> Path:
        """Datasets made while training."""
        return self.root / "work"

    @property
    def run(self) -> Path:
        """Files of the running stack: configuration and ports."""
        return self.root / "run"

    @property
    def warm_store(self) -> Path:
        """The node table's packed copy, for a warm start."""
        return self.root / "warm.sqlite"

    @property
    def policy_file(self) -> Path:
        """The shim's policy: enablement, ramp, thresholds."""
        return self.root / "policy.yaml"

    @property
    def supervisor_socket(self) -> Path:
        """Control socket of the supervisor; among the temporary files when the folder's own path is too long for a socket."""
        wanted = self.run / "supervisor.sock"
        if len(str(wanted.resolve())) <= SOCKET_PATH_LIMIT:
            return wanted
        digest = hashlib.sha256(str(self.root.resolve()).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"hydatis-{digest}.sock"

    def create(self) -> None:
        """Makes the folders that are not there."""
        for folder in (self.models, self.logs, self.decisions, self.work, self.run):
            folder.mkdir(parents=True, exist_ok=True)
