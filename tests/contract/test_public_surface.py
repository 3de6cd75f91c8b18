"""What a room says it gives: every public name exists and is explained."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted([*(ROOT / "libs").glob("*/src/*"), *(ROOT / "services").glob("*/src/*")])
MODULES = sorted(
    str(file.relative_to(package.parent).with_suffix("")).replace("/", ".").removesuffix(".__init__")
    for package in SOURCES
    for file in package.rglob("*.py")
)
FILES = sorted(file for package in SOURCES for file in package.rglob("*.py"))
#: Runs when it is imported.
COMMANDS = tuple(name for name in MODULES if name.endswith("__main__"))


#: Looks at modules where they are imported alone: the KServe SDK brings generated code under names that ours has, too, so
#: model-server cannot live in one process with the clients that call it.
LOOK = """
import importlib, inspect, json, sys
missing, unexplained = [], []
for name in sys.argv[1:]:
    module = importlib.import_module(name)
    for public in getattr(module, "__all__", ()):
        value = getattr(module, public, None)
        if not hasattr(module, public):
            missing.append(f"{name}.{public}")
        elif (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__ == name and not inspect.getdoc(value):
            unexplained.append(f"{name}.{public}")
print(json.dumps([missing, unexplained]))
"""


@pytest.mark.parametrize("alone", [False, True], ids=["all other rooms", "model-server"])
def test_public_names_exist_and_are_explained(alone: bool) -> None:
    modules = [name for name in MODULES if name not in COMMANDS and name.startswith("hydatis_model_server") == alone]
    done = subprocess.run([sys.executable, "-c", LOOK, *modules], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == [[], []]


@pytest.mark.parametrize("room", [package.name for package in SOURCES])
def test_every_module_says_why_it_is_there(room: str) -> None:
    (folder,) = (package for package in SOURCES if package.name == room)
    silent = [
        str(file.relative_to(ROOT)) for file in sorted(folder.rglob("*.py")) if not ast.get_docstring(ast.parse(file.read_text()))
    ]
    assert silent == []


@pytest.mark.parametrize("room", [package.name for package in SOURCES])
def test_public_methods_are_explained(room: str) -> None:
    (folder,) = (package for package in SOURCES if package.name == room)
    silent = []
    for file in sorted(folder.rglob("*.py")):
        tree = ast.parse(file.read_text())
        for cls in (node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")):
            inherits = bool(cls.bases)  # an overriding method is explained where it was first promised
            for method in (node for node in cls.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
                overloaded = any("setter" in ast.unparse(d) for d in method.decorator_list)
                if method.name.startswith("_") or inherits or overloaded or ast.get_docstring(method):
                    continue
                silent.append(f"{file.relative_to(ROOT)}:{method.lineno} {cls.name}.{method.name}")
    assert silent == []


def test_nothing_is_loaded_by_pickle() -> None:
    """An artifact that runs code when it is read is no artifact."""
    found = []
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [
                f"{file}:{name}"
                for name in names
                if name.partition(".")[0] in ("pickle", "cloudpickle", "joblib", "dill", "shelve")
            ]
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and ast.unparse(node.value) != "False":
                found.append(f"{file}:{node.value.lineno} allow_pickle")
    assert found == []
