"""Settings of a process: read once, frozen, and explained by themselves.

Whoever runs a service must be able to learn every setting from the service itself, so the docstring under a field is its help text,
and ``--help`` prints it beside the environment variable and the default. A setting comes from the command line, else from the
environment, else from its default.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import sys
from collections.abc import Sequence
from typing import Any, Literal, NoReturn, TypeVar

from pydantic import Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from hydatis_serving.kube.service_account import MOUNTED
from hydatis_serving.masking import mask

__all__ = ["ServiceSettings", "help_text", "load_settings", "shown_settings"]


class ServiceSettings(BaseSettings):
    """What every service can be told. A service subclasses it with its own ``env_prefix``, ports and nouns:

    class ForecasterSettings(ServiceSettings):
        model_config = SettingsConfigDict(env_prefix="HYDATIS_FORECASTER_")
        grpc_port: int = 7011
    """

    model_config = SettingsConfigDict(frozen=True, use_attribute_docstrings=True, extra="forbid", env_prefix="HYDATIS_")

    host: str = "127.0.0.1"
    """Address to listen on. The default is this machine only."""
    tls_certificate_file: str = ""
    """PEM file with this service's certificate, then those that lead to its authority; shown to whoever calls and to whoever is
    called. Read again when it changes, as the next two. Empty, as they are then: connections are not encrypted."""
    tls_key_file: str = ""
    """PEM file with the certificate's private key, without a passphrase."""
    tls_ca_file: str = ""
    """PEM file with the authorities by which others' certificates are believed, of services called and of callers."""
    tls_client_certificates: Literal["required", "ignored"] = "required"
    """Whether callers must show a certificate of tls_ca_file (mutual TLS), or are taken without one."""
    tls_by_mesh: bool = False
    """True where a service mesh encrypts what this service does not: listening without TLS is not warned of then."""
    grpc_port: int = Field(default=0, ge=0, le=65535)
    """Port of the gRPC server; 0: any free one."""
    metrics_port: int = Field(default=0, ge=0, le=65535)
    """Port of the HTTP endpoint with /metrics, /healthz and /readyz; 0: any free one."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Lowest level that is logged."""
    log_format: Literal["json", "console"] = "json"
    """json: one JSON object per line, for machines. console: coloured text, for people."""
    otlp_endpoint: str = ""
    """Address of an OpenTelemetry collector that takes traces by gRPC (http://127.0.0.1:4317). Empty: traces are not exported."""
    trace_sample_ratio: float = Field(default=0.01, ge=0.0, le=1.0)
    """Share of requests that start a trace here which are recorded, 0..1. A caller's own choice is always kept."""
    stop_grace_seconds: float = Field(default=5.0, ge=0.0, le=300.0)
    """How long calls in flight may take to finish when the process is told to stop."""
    max_message_bytes: int = Field(default=16 * 2**20, ge=2**16, le=2**30)
    """Largest gRPC message that is taken; a larger one gets RESOURCE_EXHAUSTED."""
    max_calls_count: int = Field(default=256, ge=1, le=100_000)
    """Calls of one method under way at a time; one more gets RESOURCE_EXHAUSTED and is told when to try again."""
    max_streams_count: int = Field(default=64, ge=1, le=10_000)
    """Subscribers of one stream at a time; one more gets RESOURCE_EXHAUSTED and is told when to try again."""
    admin_access: Literal["loopback", "kubernetes", "open"] = "loopback"
    """Who may make admin calls (those of a replay, and reading decision records). loopback: whoever reaches a service that listens
    on this machine only; elsewhere nobody. kubernetes: whose bearer token of audience "hydatis" Kubernetes knows, and RBAC lets.
    open: whoever reaches the port."""
    service_account_dir: str = str(MOUNTED)
    """Folder with the token and the certificates by which the API server is asked."""

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine reaches the service."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


S = TypeVar("S", bound=BaseSettings)


def load_settings(cls: type[S], argv: Sequence[str] | None = None, *, program: str = "") -> S:
    """Reads the settings of a process, or says in one sentence each what is wrong and ends the process.

    Args:
        cls: the settings class; its docstring's first line introduces ``--help``.
        argv: arguments after the program's name; None: those of the process. ``--grpc-port 7011`` sets ``grpc_port``.
        program: how the program is called, for ``--help``; empty: as the process was.

    Raises:
        SystemExit: 0 after ``--help``, 2 when a setting is unknown or wrong.
    """
    arguments = sys.argv[1:] if argv is None else list(argv)
    parser = _Parser(prog=program or None, add_help=False, allow_abbrev=False)
    parser.add_argument("-h", "--help", action="store_true")
    for name in cls.model_fields:
        parser.add_argument(_option(name), dest=name, default=None)
    parsed = vars(parser.parse_args(arguments))
    if parsed.pop("help"):
        sys.stdout.write(help_text(cls, program or parser.prog))
        raise SystemExit(0)
    given = {name: _value(cls.model_fields[name], text) for name, text in parsed.items() if text is not None}
    try:
        return cls(**given)
    except SettingsError as wrong:  # a variable that should hold JSON and does not
        sys.stderr.write(f"{mask(str(wrong))}\n")
        raise SystemExit(2) from None
    except ValidationError as wrong:
        prefix = cls.model_config.get("env_prefix", "")
        for error in wrong.errors(include_input=False, include_url=False, include_context=False):
            name = ".".join(str(part) for part in error["loc"])
            sys.stderr.write(f"setting {name} ({prefix}{name.upper()}): {mask(error['msg'])}\n")
        raise SystemExit(2) from None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Says what was wrong without saying a secret back."""
        super().error(mask(message))


def help_text(cls: type[BaseSettings], program: str) -> str:
    """Every setting with its option, environment variable, default and sentence."""
    lines = [f"usage: {program} [--SETTING VALUE ...]", "", (cls.__doc__ or "").strip().splitlines()[0], ""]
    prefix = cls.model_config.get("env_prefix", "")
    for name, field in cls.model_fields.items():
        default = field.get_default(call_default_factory=True) if not field.is_required() else PydanticUndefined
        shown = "required" if default is PydanticUndefined else f"default: {default!s}" if str(default) else "default: empty"
        lines.append(f"  {_option(name)}   [{prefix}{name.upper()}]   ({shown})")
        lines.append(f"      {' '.join((field.description or '').split())}")
    return "\n".join(lines) + "\n"


def shown_settings(settings: BaseSettings) -> dict[str, Any]:
    """The settings as they may be logged: passwords in addresses are masked."""
    shown = settings.model_dump(mode="json")
    return {name: mask(value) if isinstance(value, str) else value for name, value in shown.items()}


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _value(field: FieldInfo, text: str) -> Any:
    # What the environment source does: fields that hold more than one value are written as JSON.
    if field.annotation is not str and text[:1] in ("[", "{"):
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text
    return text
