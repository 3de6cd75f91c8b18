"""Who may make the calls that change what a service believes, or that read what it knows of everybody's pods.

Data-plane calls are let in by the network (NetworkPolicy, mTLS). An admin call could steer placements, or show one tenant the pods
of another: in a cluster its caller shows a bearer token, and Kubernetes says whose it is and whether they may. On a laptop, where
the service listens on loopback alone, whoever has a login is let in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from hydatis_core.errors import NotAllowed

from hydatis_serving.kube.review_api import ReviewApi
from hydatis_serving.kube.service_account import ServiceAccount
from hydatis_serving.settings import ServiceSettings
from hydatis_serving.token_review import TokenReviewer

__all__ = ["ADMIN_CALLS", "AdminCall", "AdminGate", "admin_gate"]


@dataclass(frozen=True, slots=True)
class AdminCall:
    """What RBAC must allow: a rule with these ``nonResourceURLs`` and ``verbs``."""

    verb: str
    path: str


_REPLAY = AdminCall("post", "/hydatis/replay")
_DECISIONS = AdminCall("get", "/hydatis/decisions")
#: Every admin call of every service: a gRPC method, or an HTTP method and route.
ADMIN_CALLS: Mapping[str, AdminCall] = MappingProxyType(
    {
        "/hydatis.features.v1.ReplaySourceService/LoadCluster": _REPLAY,
        "/hydatis.features.v1.ReplaySourceService/ReportPodEvents": _REPLAY,
        "/hydatis.features.v1.ReplaySourceService/AdvanceTick": _REPLAY,
        "GET /generation": AdminCall("get", "/hydatis/replay"),
        "GET /decisions": _DECISIONS,
        "GET /decisions/": _DECISIONS,
        "GET /state": _DECISIONS,
    }
)


class AdminGate(Protocol):
    """Lets an admin call in, or does not."""

    async def check(self, call: AdminCall, authorization: str) -> None:
        """Returns when the caller may make the call.

        Args:
            call: one of ``ADMIN_CALLS``.
            authorization: the caller's "Bearer TOKEN"; empty: none.

        Raises:
            NotKnown: there is no token, or it does not hold.
            NotAllowed: whose token it is may not make the call.
            DependencyUnavailable: nobody can be asked; TooMany: too many are being asked for.
        """
        ...


class _Open:
    async def check(self, call: AdminCall, authorization: str) -> None:
        """Lets everybody in."""


class _Shut:
    async def check(self, call: AdminCall, authorization: str) -> None:
        """Lets nobody in."""
        shown = "admin calls are taken where the service listens on loopback"
        raise NotAllowed(shown, field="admin_access", expected='admin_access "kubernetes" and a token, or "open"')


class _Asked:
    def __init__(self, reviewer: TokenReviewer) -> None:
        self._reviewer = reviewer

    async def check(self, call: AdminCall, authorization: str) -> None:
        """Asks Kubernetes."""
        await self._reviewer.check(authorization, call.verb, call.path)


def admin_gate(settings: ServiceSettings) -> AdminGate:
    """The gate that the settings ask for."""
    if settings.admin_access == "kubernetes":
        return _Asked(TokenReviewer(ReviewApi(ServiceAccount(Path(settings.service_account_dir)))))
    return _Open() if settings.admin_access == "open" or settings.on_loopback else _Shut()
