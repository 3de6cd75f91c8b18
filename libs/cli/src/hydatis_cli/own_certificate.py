"""By which certificate a command speaks to a stack that is served over TLS, and gives to the stack that it starts.

One folder for all of it, as Kubernetes mounts a Secret of type kubernetes.io/tls (``tls.crt``, ``tls.key``, ``ca.crt``), named by
the environment, so that every command finds it and none needs an option. An https address of an extender says that its whole stack
is served over TLS.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from hydatis_core.errors import InvalidValue
from hydatis_serving.tls_files import TlsFiles
from hydatis_serving.transport_security import PLAIN, TransportSecurity

__all__ = ["VARIABLE", "context_for", "folder_of_environment", "security_for"]

#: Names the folder.
VARIABLE = "HYDATIS_TLS_DIR"


def folder_of_environment() -> Path | None:
    """The folder; None: there is none."""
    named = os.environ.get(VARIABLE, "")
    return Path(named).resolve() if named else None


def security_for(url: str) -> TransportSecurity:
    """What the stack is dialled with whose extender is at the URL.

    Raises:
        InvalidValue: the URL is https and no folder is named, or its files are no good.
    """
    if not url.startswith("https:"):
        return PLAIN
    folder = folder_of_environment()
    if folder is None:
        raise InvalidValue(f"not set, and {url} is https", field=VARIABLE, expected="a folder with tls.crt, tls.key and ca.crt")
    return TransportSecurity(TlsFiles.of_folder(folder))


def context_for(url: str) -> ssl.SSLContext | None:
    """The same for a client of HTTP; None: the URL is not https."""
    security = security_for(url)
    return security.client_context() if security.enabled else None
