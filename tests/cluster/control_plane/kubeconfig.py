"""Kubeconfig files: how each program of the control plane, and any kubectl, finds the API server and says who it is."""

from __future__ import annotations

from pathlib import Path

import yaml

from control_plane.certificates import KeyPair

__all__ = ["write_kubeconfig"]


def write_kubeconfig(path: Path, server: str, authority: Path, user: KeyPair | str) -> Path:
    """Writes a kubeconfig with one context.

    Args:
        path: file to write.
        server: URL of the API server.
        authority: certificate that the server's own is checked against.
        user: a client certificate, or a bearer token.
    """
    identity = (
        {"token": user} if isinstance(user, str) else {"client-certificate": str(user.certificate), "client-key": str(user.key)}
    )
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "cluster", "cluster": {"server": server, "certificate-authority": str(authority)}}],
        "users": [{"name": "user", "user": identity}],
        "contexts": [{"name": "context", "context": {"cluster": "cluster", "user": "user"}}],
        "current-context": "context",
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(content))
    return path
