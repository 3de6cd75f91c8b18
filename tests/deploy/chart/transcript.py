"""Commands as an operator types them, run, and kept with what they said: what the operations pages show is what happened."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from chart.go_modules import helm_program
from chart.rendered import ROOT

__all__ = ["Transcript"]


class Transcript:
    """A shell that finds helm, kubectl and hydatis, and the cluster by KUBECONFIG.

    Args:
        folder: for the programs' links.
        kubectl: the program.
        kubeconfig: of an administrator.
    """

    def __init__(self, folder: Path, kubectl: Path, kubeconfig: Path) -> None:
        folder.mkdir()
        hydatis = folder / "hydatis"
        hydatis.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m hydatis_cli.main "$@"\n')
        hydatis.chmod(0o755)
        for name, program in (("helm", helm_program()), ("kubectl", kubectl)):
            (folder / name).symlink_to(program)
        path = f"{folder}:{os.environ['PATH']}"
        self._environment = os.environ | {"PATH": path, "KUBECONFIG": str(kubeconfig), "COLUMNS": "140", "TZ": "UTC"}
        self._said: list[str] = []

    @property
    def text(self) -> str:
        """Everything so far."""
        return "\n".join(self._said) + "\n"

    def step(self, title: str) -> None:
        """Begins a part."""
        self._said.append(f"\n# {title}")

    def note(self, line: str) -> None:
        """Says what was done beside the commands."""
        self._said.append(f"# {line}")

    def run(self, command: str, *, fails: bool = False) -> str:
        """Runs a command from the repository's root and returns what it said.

        Args:
            command: as typed.
            fails: whether it must end with an error.
        """
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, env=self._environment, cwd=ROOT)
        said = re.sub(r"\n{2,}", "\n", (done.stdout + done.stderr).strip())
        self._said += [f"$ {command}", *([said] if said else [])]
        assert (done.returncode != 0) == fails, f"{command}: {said}"
        return said
