"""Services are of equal shape: who knows one knows all of them."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path

import pytest
from hydatis_serving.settings import ServiceSettings

ROOT = Path(__file__).resolve().parents[2]
SERVICES = tuple(sorted(path.parent.name for path in (ROOT / "services").glob("*/pyproject.toml")))
#: Those that answer callers of ours, to whom an error is an answer. The right-sizer answers the API server, to which nothing may be
#: one (admission), in words that are not ours to convert (admission_review).
ANSWERING = tuple(service for service in SERVICES if service != "right-sizer")
FILES = ("__init__", "__main__", "app", "settings")
#: Import names of the services.
PACKAGES = {"hydatis_" + service.replace("-", "_") for service in SERVICES}


def package_folder(service: str) -> Path:
    return ROOT / "services" / service / "src" / ("hydatis_" + service.replace("-", "_"))


def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(), filename=str(file))


def test_there_are_the_six_services_of_the_house() -> None:
    six = {"feature-service", "forecaster", "anomaly-detector", "placement-policy", "scheduler-plugin", "model-server"}
    assert six <= set(SERVICES)


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_the_same_files(service: str) -> None:
    folder = package_folder(service)
    files = [*FILES, *(("servicer", "convert") if service in ANSWERING else ("admission", "admission_review"))]
    assert [name for name in files if not (folder / f"{name}.py").is_file()] == []
    assert (folder / "py.typed").is_file()
    assert (ROOT / "services" / service / "README.md").is_file()


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_is_told_by_one_frozen_settings_class_with_a_sentence_per_field(service: str) -> None:
    package = "hydatis_" + service.replace("-", "_")
    module = importlib.import_module(f"{package}.settings")
    (cls,) = (
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, ServiceSettings) and value is not ServiceSettings
    )
    assert cls.model_config["env_prefix"] == package.upper() + "_"
    assert cls.model_config["frozen"]
    assert [name for name, field in cls.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_composition_root_starts_and_stops(service: str) -> None:
    module = importlib.import_module(f"hydatis_{service.replace('-', '_')}.app")
    (name,) = (name for name in module.__all__ if name.endswith("App"))
    app = getattr(module, name)
    assert inspect.iscoroutinefunction(app.start)
    assert inspect.iscoroutinefunction(app.stop)


@pytest.mark.parametrize("service", ANSWERING)
def test_a_servicer_converts_calls_converts_and_catches_nothing(service: str) -> None:
    classes = [node for node in parsed(package_folder(service) / "servicer.py").body if isinstance(node, ast.ClassDef)]
    assert classes
    assert [node.lineno for cls in classes for node in ast.walk(cls) if isinstance(node, ast.Try)] == []


@pytest.mark.parametrize("service", ANSWERING)
def test_convert_is_pure(service: str) -> None:
    tree = parsed(package_folder(service) / "convert.py")
    assert [node.name for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef)] == []
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported & {"os", "time", "random", "grpc", "asyncio"} == set()


@pytest.mark.parametrize("service", SERVICES)
def test_no_service_imports_another(service: str) -> None:
    own = "hydatis_" + service.replace("-", "_")
    strangers = set()
    for file in package_folder(service).rglob("*.py"):
        for node in ast.walk(parsed(file)):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            strangers |= {name.partition(".")[0] for name in names} & (PACKAGES - {own})
    assert strangers == set()
