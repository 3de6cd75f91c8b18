"""The program that holds experiments against Katib's own Go code, built before any test waits for it; with bare Python."""

from __future__ import annotations

import hashlib
from pathlib import Path

from control_plane.build_cache import built, cache_folder

__all__ = ["KATIB_MODULE", "katib_check_program"]

#: The program's Go module, whose go.sum pins Katib and all else.
KATIB_MODULE = Path(__file__).resolve().parents[2] / "deploy" / "katib"


def katib_check_program() -> Path:
    """The program, built if this version of it is not there yet."""
    pins = hashlib.sha256((KATIB_MODULE / "go.sum").read_bytes() + (KATIB_MODULE / "main.go").read_bytes()).hexdigest()[:12]
    return built(cache_folder() / f"katib-check-{pins}" / "katib-check", ".", KATIB_MODULE)
