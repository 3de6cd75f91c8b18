"""Installs and imports each room alone, so that a room that leans on a neighbour's dependency is found.

A library is installed with the rooms it names and nothing else. A service is installed by the very words of its image
(``deploy/images/Dockerfile``), so that the images' install steps are proven where no container engine runs.
Then every module of the room is imported, and the weights a room must not carry are looked for.

    python tests/isolation.py            every room
    python tests/isolation.py core cli   some
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = ROOT / "deploy" / "images" / "Dockerfile"

#: What must not be there after a room was installed alone.
MUST_NOT_HAVE: dict[str, tuple[str, ...]] = {
    "core": ("grpc", "pydantic", "pyarrow", "sklearn", "xgboost"),
    "features": ("grpc", "pydantic", "pyarrow", "sklearn", "xgboost"),
    "forecasting": ("grpc", "sklearn", "kserve", "xgboost"),
    "placement": ("grpc", "sklearn", "kserve", "xgboost"),
    "anomaly": ("grpc", "sklearn", "kserve", "xgboost"),
    "sizing": ("grpc", "pydantic", "sklearn", "kserve", "xgboost"),
    "simulator": ("grpc", "sklearn", "kserve", "xgboost"),
    "lifecycle": ("grpc", "sklearn", "kserve", "xgboost", "sqlalchemy", "pandas", "mlflow"),
    "feature-store": ("sklearn", "kserve", "xgboost", "mlflow"),
    "serving": ("pandas", "sklearn", "kserve", "xgboost", "pyarrow"),
    "feature-service": ("pandas", "sklearn", "kserve", "xgboost", "pyarrow"),
    "forecaster": ("pandas", "sklearn", "kserve", "xgboost", "pyarrow"),
    "anomaly-detector": ("pandas", "sklearn", "kserve", "xgboost", "pyarrow"),
    "placement-policy": ("pandas", "sklearn", "kserve", "xgboost", "pyarrow"),
    "scheduler-plugin": ("pandas", "sklearn", "kserve", "xgboost", "pyarrow"),
    "right-sizer": ("pandas", "sklearn", "kserve", "xgboost", "pyarrow"),
    "model-server": ("sklearn",),
}

IMPORT_ALL = """
import importlib, pkgutil, sys
package = importlib.import_module(sys.argv[1])
names = [m.name for m in pkgutil.walk_packages(package.__path__, package.__name__ + ".") if not m.name.endswith("__main__")]
absent = set(sys.argv[3].split(",")) - {""}
for name in names:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as missing:
        if missing.name.split(".")[0] not in absent:
            raise SystemExit(f"{name} needs {missing.name}, which {sys.argv[1]} does not ask for")
found = [w for w in sys.argv[2].split(",") if w and importlib.util.find_spec(w)]
if found:
    raise SystemExit(f"{sys.argv[1]} brings {', '.join(found)}, which it must not carry")
print(len(names))
"""


def rooms() -> dict[str, Path]:
    """Folder of every room by its name: the distribution's name less ``hydatis-``."""
    found = {}
    for project in [
        ROOT / "protos" / "pyproject.toml",
        *sorted(ROOT.glob("libs/*/pyproject.toml")),
        *sorted(ROOT.glob("services/*/pyproject.toml")),
    ]:
        found[tomllib.loads(project.read_text())["project"]["name"].removeprefix("hydatis-")] = project.parent
    return found


def needs(room: str, folders: dict[str, Path]) -> dict[str, set[str]]:
    """Extras by room of everything a room needs, itself included."""
    wanted: dict[str, set[str]] = {}
    queue = [(room, frozenset[str]())]
    while queue:
        name, extras = queue.pop()
        if name in wanted and extras <= wanted[name]:
            continue
        wanted[name] = wanted.get(name, set()) | extras
        project = tomllib.loads((folders[name] / "pyproject.toml").read_text())["project"]
        listed = list(project["dependencies"])
        for extra in wanted[name]:
            listed += project["optional-dependencies"][extra]
        for requirement in listed:
            match = re.match(r"hydatis-([a-z-]+)(?:\[([a-z,]+)\])?$", requirement)
            if match:
                queue.append((match[1], frozenset(filter(None, (match[2] or "").split(",")))))
    return wanted


def install_arguments(room: str, folders: dict[str, Path]) -> list[str]:
    """What pip is given for a room: its image's own list for a service, its closure for a library."""
    if folders[room].parent.name == "services":
        steps = re.findall(r"\binstall -q --compile (.+?) &&", DOCKERFILE.read_text().replace("\\\n", " "))
        if len(steps) != 2:
            raise SystemExit(f"{DOCKERFILE} has {len(steps)} install steps: expected what all services need, and the service")
        return shlex.split(" ".join(steps).replace("${SERVICE}", room))
    closure = needs(room, folders)
    local = ["./" + str(folders[n].relative_to(ROOT)) + (f"[{','.join(sorted(e))}]" if e else "") for n, e in closure.items()]
    return ["-c", "constraints.txt", *local]


def optional_imports(room: str, folders: dict[str, Path]) -> set[str]:
    """Import names that only an extra of the room brings: a module may need them, the bare room may lack them."""
    project = tomllib.loads((folders[room] / "pyproject.toml").read_text())["project"]
    weights = {
        "xgboost-cpu": "xgboost",
        "scikit-learn": "sklearn",
        "opentelemetry-exporter-otlp-proto-grpc": "opentelemetry",
        "openlineage-python": "openlineage",
        "mlflow-skinny": "mlflow",
        "pyyaml": "yaml",
        "cyclonedx-python-lib": "cyclonedx",
    }
    names = {re.split(r"[<>=\[]", r)[0] for extra in project.get("optional-dependencies", {}).values() for r in extra}
    neighbours = {n.removeprefix("hydatis-") for n in names} & set(folders) - {room}
    own = {weights.get(n, n) for n in names if not n.startswith("hydatis-")}
    return own.union(*(optional_imports(n, folders) for n in neighbours))


def check(room: str, folders: dict[str, Path]) -> str:
    """Installs a room alone and imports all of it; returns a line about it."""
    package = "hydatis" if room == "protos" else "hydatis_" + room.replace("-", "_")
    with tempfile.TemporaryDirectory(prefix="hydatis-isolation-") as scratch:
        python = f"{scratch}/venv/bin/python"
        uv = [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "venv", "-q", "--python", sys.executable, f"{scratch}/venv"], check=True, cwd=ROOT)
        subprocess.run([*uv, "pip", "install", "-q", "--python", python, *install_arguments(room, folders)], check=True, cwd=ROOT)
        unwanted = ",".join(MUST_NOT_HAVE.get(room, ()))
        optional = ",".join(optional_imports(room, folders))
        done = subprocess.run(
            [python, "-c", IMPORT_ALL, package, unwanted, optional], cwd=scratch, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise SystemExit(f"{room}: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'import failed'}")
        size = sum(f.stat().st_size for f in Path(f"{scratch}/venv").rglob("*") if f.is_file() and not f.is_symlink())
        return f"{room:18s} {int(done.stdout):4d} modules {size / 2**20:7.0f} MiB installed"


def main(wanted: list[str]) -> None:
    """Checks the rooms named, or all of them."""
    folders = rooms()
    unknown = set(wanted) - set(folders)
    if unknown:
        raise SystemExit(f"no such room: {', '.join(sorted(unknown))}; there are {', '.join(folders)}")
    for room in wanted or list(folders):
        print(check(room, folders), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
