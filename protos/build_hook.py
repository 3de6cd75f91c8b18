"""Generates the package ``hydatis`` from the protos when the distribution is built.

Generated code is not checked in, because it is a function of the protos and of the pinned generator. The output goes to
``gen/``, which an editable install puts on the path as it is, so that type checkers follow it.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PLUGINS = ("python", "grpc_python", "mypy", "mypy_grpc")


class GenerateHook(BuildHookInterface):
    """Runs protoc with the typed outputs before files are collected."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        from importlib.resources import files

        from grpc_tools import protoc

        root = Path(self.root)
        out = root / "gen"
        shutil.rmtree(out / "hydatis", ignore_errors=True)
        out.mkdir(exist_ok=True)
        protos = sorted(str(p.relative_to(root)) for p in (root / "hydatis").rglob("*.proto"))
        scripts = Path(sys.executable).parent
        plugin_paths = [
            f"--plugin=protoc-gen-{name}={path}"
            for name in ("mypy", "mypy_grpc")
            if (path := shutil.which(f"protoc-gen-{name}", path=str(scripts)) or shutil.which(f"protoc-gen-{name}"))
        ]
        outputs = [f"--{plugin}_out={out}" for plugin in PLUGINS]
        well_known = str(files("grpc_tools") / "_proto")
        status = protoc.main(["protoc", f"-I{root}", f"-I{well_known}", *plugin_paths, *outputs, *protos])
        if status != 0:
            raise RuntimeError(f"protoc failed with status {status} for {len(protos)} files below {root / 'hydatis'}")
        package = out / "hydatis"
        for folder in (package, *(p for p in package.rglob("*") if p.is_dir())):
            (folder / "__init__.py").touch()
        (package / "py.typed").touch()
