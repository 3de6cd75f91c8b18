"""Who asks, whether they may, and the line of the log that says so."""

from __future__ import annotations

from collections.abc import Callable

from hydatis_core.errors import NotAllowed
from sqlalchemy import Connection, Engine

from hydatis_lifecycle.adapters.catalogue import access_log
from hydatis_lifecycle.adapters.catalogue.access_log import AccessEvent
from hydatis_lifecycle.adapters.catalogue.database import writing
from hydatis_lifecycle.datasets.access import AccessPolicy, Action

__all__ = ["AccessGate"]


class AccessGate:
    """The policy as it holds for one user.

    Args:
        engine: the database that has the log.
        policy: who may do what.
        user: who asks.
        clock: Unix time.
    """

    def __init__(self, engine: Engine, policy: AccessPolicy, user: str, clock: Callable[[], float]) -> None:
        self._engine, self._policy, self.user, self.now = engine, policy, user, clock

    def may(self, action: Action, name: str) -> bool:
        """Whether it is allowed; leaves no line."""
        return self._policy.decide(self.user, action, name).allowed

    def require(self, action: Action, name: str, version: str = "", doing: str = "") -> str:
        """What allows it, for the line that is written when it is done; a refusal is written before it is said.

        Args:
            action: what has to be allowed.
            name: of the dataset.
            version: as it was asked for.
            doing: what is done, where that is not the action.

        Raises:
            NotAllowed: the policy does not allow it.
        """
        decision = self._policy.decide(self.user, action, name)
        if not decision.allowed:
            with writing(self._engine) as connection:
                self.log(connection, doing or action.value, name, version, decision.reason, allowed=False)
            raise NotAllowed(decision.reason, field="user", expected="a role of the access policy that allows it")
        return decision.reason

    def log(self, connection: Connection, doing: str, name: str, version: str, reason: str, *, allowed: bool = True) -> None:
        """Writes a line, in the transaction of what is done."""
        event = AccessEvent(self.now(), self.user, doing, name[:128], version[:32], allowed, reason)
        access_log.append(connection, event)

    def log_now(self, doing: str, name: str, version: str, reason: str) -> None:
        """Writes a line in a transaction of its own, before anything is handed out."""
        with writing(self._engine) as connection:
            self.log(connection, doing, name, version, reason)
