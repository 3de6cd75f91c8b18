"""Feast's configuration, made by code from a folder and the name of the online store: no file to keep in step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from hydatis_core.errors import InvalidValue

from hydatis_feature_store.registry_file import registry_path

__all__ = ["PROJECT", "configuration", "online_store"]

PROJECT = "hydatis"
#: How long a connection to Redis may take to open or to answer: a store that is down must be told from a slow one.
_REDIS_TIMEOUT_SECONDS = 2
_EXPECTED = "sqlite, or redis://HOST:PORT/DB, or rediss:// for TLS"


def configuration(folder: Path, online: str) -> Any:
    """The ``RepoConfig`` of a repository.

    Args:
        folder: of the repository: registry, offline files, embedded online store.
        online: "sqlite", or a Redis URL.

    Raises:
        InvalidValue: not a store that is known.
    """
    from feast import RepoConfig

    return RepoConfig(
        project=PROJECT,
        provider="local",
        registry={"registry_type": "file", "path": str(registry_path(folder)), "cache_ttl_seconds": 0},
        offline_store={"type": "duckdb"},
        online_store=online_store(folder, online),
        entity_key_serialization_version=3,
        repo_path=folder,
    )


def online_store(folder: Path, online: str) -> dict[str, Any]:
    """Feast's settings of an online store.

    Raises:
        InvalidValue: not a store that is known.
    """
    if online == "sqlite":
        return {"type": "sqlite", "path": str(folder / "online.sqlite")}
    scheme = online.partition(":")[0]  # what follows may hold a password, and is not shown
    try:
        url = urlsplit(online)
        host, port = url.hostname, url.port or 6379
    except ValueError:
        host, port = None, 0
    if host is None or scheme not in ("redis", "rediss"):
        raise InvalidValue(f"{scheme!r} is not an online store", field="online", expected=_EXPECTED)
    settings: dict[str, Any] = dict(parse_qsl(url.query))
    settings |= {"socket_timeout": _REDIS_TIMEOUT_SECONDS, "socket_connect_timeout": _REDIS_TIMEOUT_SECONDS}
    settings |= {"db": url.path.strip("/")} if url.path.strip("/") else {}
    settings |= {
        key: json.dumps(unquote(value)) for key, value in (("username", url.username), ("password", url.password)) if value
    }
    settings |= {"ssl": "true"} if scheme == "rediss" else {}
    parts = [f"{host}:{port}", *(f"{key}={value}" for key, value in settings.items())]
    if any("," in part for part in parts):
        raise InvalidValue("a comma stands in the address", field="online", expected="Feast parts its settings by commas: none")
    return {"type": "redis", "connection_string": ",".join(parts)}
