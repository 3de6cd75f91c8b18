"""The part of the chart's values.schema.json that says which settings a service knows, made of the services' settings classes.

A misspelt environment variable is silently nothing to a process, so Helm must refuse it. After a setting was added,
``python tests/deploy/chart/settings_schema.py`` writes that part anew.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any, get_origin

import msgspec
from hydatis_serving.settings import ServiceSettings

__all__ = ["CHART", "OWN_BY_CHART", "ROOMS", "policy_definitions", "settings_class", "settings_definitions"]

CHART = Path(__file__).resolve().parents[3] / "deploy" / "helm" / "hydatis"
SCHEMA = CHART / "values.schema.json"
#: Values of the chart -> room.
ROOMS = {
    "featureService": "feature-service",
    "forecaster": "forecaster",
    "anomalyDetector": "anomaly-detector",
    "placementPolicy": "placement-policy",
    "schedulerPlugin": "scheduler-plugin",
    "rightSizer": "right-sizer",
    "models": "model-server",
}
#: What the chart knows better than who installs it: ports, places and addresses agree with its Services and volumes.
OWN_BY_CHART = {
    "host",
    "http_port",
    "grpc_port",
    "metrics_port",
    "model_name",
    "models_dir",
    "policy_file",
    "policy_config_map",
    "service_account_dir",
    "namespace",
    "identity",
    "webhook_configuration",
    "webhook_service",
    "webhook_secret",
    "webhook_folder",
    "admin_access",
    "tls_certificate_file",
    "tls_key_file",
    "tls_ca_file",
    "tls_client_certificates",
    "tls_by_mesh",
    "warm_ca_file",
    "decisions_dir",
    "warm_store",
    "url_prefix",
    "gpu_resources",
    "kubeconfig",
    "kube_context",
    "prometheus_token_file",
    "prometheus_ca_file",
}
PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean"}


def settings_class(room: str) -> type[ServiceSettings]:
    """The settings class of a service."""
    found = vars(importlib.import_module(f"hydatis_{room.replace('-', '_')}.settings")).values()
    (cls,) = {
        value for value in found if isinstance(value, type) and issubclass(value, ServiceSettings) and value is not ServiceSettings
    }
    return cls


def settings_definitions() -> dict[str, Any]:
    """A JSON schema of each service's settings, by the name of its values."""
    return {f"{value}Settings": _of(settings_class(room)) for value, room in ROOMS.items()}


def policy_definitions() -> dict[str, Any]:
    """A JSON schema of the right-sizer's policy, by the name of each part."""
    policy = importlib.import_module("hydatis_right_sizer.policy").RightSizingPolicy
    return dict(json.loads(json.dumps(msgspec.json.schema_components([policy], ref_template="#/$defs/{name}")[1])))


def _of(cls: type[ServiceSettings]) -> dict[str, Any]:
    fields = {name: field for name, field in cls.model_fields.items() if name not in OWN_BY_CHART and not _dialled(name)}
    properties = {}
    for name, field in fields.items():
        annotation: Any = field.annotation
        kind = PLAIN.get(annotation, "object" if get_origin(annotation) is dict else "string")
        said: dict[str, Any] = {"type": kind}
        choices = getattr(annotation, "__args__", ())
        if choices and get_origin(annotation) is not dict and all(isinstance(choice, str) for choice in choices):
            said["enum"] = list(choices)
        for bound in field.metadata:
            for word, key in (("ge", "minimum"), ("le", "maximum"), ("gt", "exclusiveMinimum"), ("lt", "exclusiveMaximum")):
                if hasattr(bound, word):
                    said[key] = getattr(bound, word)
        properties[name] = said
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _dialled(name: str) -> bool:
    return name.endswith("_address")


if __name__ == "__main__":
    schema = json.loads(SCHEMA.read_text())
    schema["$defs"] |= settings_definitions() | policy_definitions()
    SCHEMA.write_text(json.dumps(schema, indent=2) + "\n")
    sys.stdout.write(f"{SCHEMA}\n")
