"""The programs of the control plane, from their published Go modules. ``HYDATIS_CLUSTER_RELEASE`` chooses the release.

``python tests/cluster/control_plane/binaries.py`` builds what is missing, before any test waits for it.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":  # run as a program, its package is not on the path
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from control_plane.build_cache import built, cache_folder
from control_plane.descheduler_program import descheduler_program
from control_plane.katib_check_program import katib_check_program

__all__ = ["MODULE", "PROGRAMS", "Binaries"]

#: The folder of the go.mod files that pin every version.
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

    @classmethod
    def chosen(cls) -> Binaries:
        """The release of ``HYDATIS_CLUSTER_RELEASE``, as "1.34"; the current one where it says none."""
        release = os.environ.get("HYDATIS_CLUSTER_RELEASE", "")
        one = cls(f"go-{release}.mod" if release else "go.mod")
        there = sorted(found.stem.removeprefix("go-") for found in MODULE.glob("go-*.mod"))
        assert (MODULE / one.mod_file).is_file(), f"HYDATIS_CLUSTER_RELEASE is {release!r}; there are {', '.join(there)}"
        return one

    @property
    def version(self) -> str:
        """Release of Kubernetes, as "v1.36.2"."""
        found = re.search(rf"^\s*{KUBERNETES} (v\S+)$", (MODULE / self.mod_file).read_text(), re.MULTILINE)
        assert found is not None, f"{self.mod_file} requires no {KUBERNETES}"
        return found[1]

    @property
    def folder(self) -> Path:
        """Where this release is kept: by its version and by the digest of every other pin."""
        pins = (MODULE / self.mod_file).read_bytes() + (MODULE / "etcd" / "main.go").read_bytes()
        return cache_folder() / f"kubernetes-{self.version}-{hashlib.sha256(pins).hexdigest()[:12]}"

    def path(self, program: str) -> Path:
        """The program, built if it is not there yet.

        Args:
            program: one of ``PROGRAMS``.
        """
        major, minor = re.findall(r"\d+", self.version)[:2]
        stamps = {"gitVersion": self.version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
        link = " ".join(f"-X {VERSION_VARIABLES}.{name}={value}" for name, value in stamps.items())
        return built(self.folder / program, PROGRAMS[program], MODULE, flags=[f"-modfile={self.mod_file}"], link=link)


def main() -> None:
    """Builds every program that is missing."""
    binaries = Binaries.chosen()
    for number, name in enumerate(PROGRAMS, start=1):
        begin = time.monotonic()
        missing = not (binaries.folder / name).is_file()
        told = f"[{number}/{len(PROGRAMS)}] {name} {binaries.version}"
        if missing:
            sys.stdout.write(f"{told}: building, which takes minutes without a build cache\n")
            sys.stdout.flush()
        path = binaries.path(name)
        sys.stdout.write(f"{told}: {path}" + (f", {time.monotonic() - begin:.0f} s\n" if missing else "\n"))
    for program in (descheduler_program, katib_check_program):
        sys.stdout.write(f"{program()}\n")


if __name__ == "__main__":
    main()
