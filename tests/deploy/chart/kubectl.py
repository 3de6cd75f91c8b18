"""kubectl as the chart's tests call it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import yaml
from control_plane.api import JsonObject
from control_plane.binaries import Binaries

__all__ = ["RESTRICTED", "Kubectl"]

#: Labels of a namespace that enforces PodSecurity "restricted", and warns of what would break it.
RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}


class Kubectl:
    """kubectl for whom a warning of the API server is an error.

    Args:
        kubeconfig: who calls.
        folder: for the objects.
    """

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        self._command = [str(Binaries.chosen().path("kubectl")), f"--kubeconfig={kubeconfig}", "--warnings-as-errors"]
        self._file = folder / "objects.yaml"

    def __call__(self, *arguments: str, objects: list[JsonObject]) -> subprocess.CompletedProcess[str]:
        """Runs a command on these objects."""
        self._file.write_text(yaml.dump_all(objects, Dumper=yaml.CSafeDumper))
        return subprocess.run([*self._command, *arguments, "-f", str(self._file)], capture_output=True, text=True, check=False)
