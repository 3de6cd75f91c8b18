"""How a pod reaches the API server of its own cluster: address, certificates and token, as kubelet gives them to every pod.

The `kubernetes` package weighs as much as a whole process of ours; whoever makes one kind of call needs no more than this.
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from pathlib import Path

from hydatis_core.errors import DependencyUnavailable

__all__ = ["MOUNTED", "ServiceAccount"]

#: Where kubelet mounts it.
MOUNTED = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """The service account of this pod."""

    folder: Path = MOUNTED
    """Holds ``token`` and ``ca.crt``."""

    @property
    def server(self) -> str:
        """URL of the API server.

        Raises:
            DependencyUnavailable: this process is not in a pod.
        """
        host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
        if not host:
            raise DependencyUnavailable("this process is not in a pod: KUBERNETES_SERVICE_HOST is not set", field="kubernetes")
        return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"

    def headers(self) -> dict[str, str]:
        """Says who asks. Read anew at each call: kubelet renews the token.

        Raises:
            DependencyUnavailable: there is no token.
        """
        try:
            return {"authorization": f"Bearer {(self.folder / 'token').read_text().strip()}"}
        except OSError as wrong:
            raise DependencyUnavailable(f"no token of a service account: {wrong}", field="kubernetes") from None

    def trust(self) -> ssl.SSLContext:
        """Takes the cluster's own authority alone.

        Raises:
            DependencyUnavailable: there is no certificate.
        """
        try:
            return ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        except (OSError, ssl.SSLError) as wrong:
            raise DependencyUnavailable(f"no certificate of the API server: {wrong}", field="kubernetes") from None
