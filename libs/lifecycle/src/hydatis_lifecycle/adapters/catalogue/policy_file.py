"""The access policy as a YAML file beside the catalogue."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from pathlib import Path

import yaml
from hydatis_core.errors import InvalidValue

from hydatis_lifecycle.datasets.access import AccessPolicy, owner_policy, policy_of

__all__ = ["current_user", "read_policy"]

_MAX_BYTES = 1 << 20


def read_policy(file: Path) -> AccessPolicy:
    """The policy in a file; where there is none, the owner of its folder may do everything (whoever makes it, if it is not there).

    Raises:
        InvalidValue: it cannot be read, or is no policy.
    """
    try:
        text = file.read_bytes()[:_MAX_BYTES]
    except FileNotFoundError:
        folder = file.parent
        return owner_policy(_login_name(folder.stat().st_uid if folder.exists() else os.getuid()))
    except OSError as cause:
        raise InvalidValue(f"it cannot be read: {cause.strerror}", field=str(file), expected="a readable file") from None
    try:
        return policy_of(yaml.safe_load(text))
    except yaml.YAMLError as cause:
        raise InvalidValue(f"it is no YAML: {' '.join(str(cause).split())[:160]}", field=str(file), expected="a policy") from None


def current_user(environment: Mapping[str, str]) -> str:
    """Who asks: ``HYDATIS_USER`` (a pipeline's service account has no login of its own), else the login of this process."""
    return environment.get("HYDATIS_USER") or _login_name(os.getuid())


def _login_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # a container's user without an entry
        return f"uid-{uid}"
