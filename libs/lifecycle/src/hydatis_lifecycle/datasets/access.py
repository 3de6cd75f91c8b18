"""Who may read, register and delete which datasets.

A policy names roles, what each may do to datasets of which names, and who has which roles. What no line allows is refused. It
governs those who come through the catalogue; whoever may write its database and objects is held by the permissions of those files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any

from hydatis_core.errors import InvalidValue

__all__ = ["EVERYBODY", "AccessPolicy", "Action", "Decision", "owner_policy", "policy_of"]

#: Stands for every user in a policy.
EVERYBODY = "*"


class Action(Enum):
    """What can be done to a dataset."""

    READ = "read"
    """See its versions, verify, compare and check them out."""
    REGISTER = "register"
    """Make a new version; reads too, since it is compared with the one before."""
    DELETE = "delete"
    """Retire a version: its name stays, its files go with the next garbage collection."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether something is allowed, and by what."""

    allowed: bool
    reason: str
    """The role and pattern that allow it, or what would have to."""


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """Roles, and who has them."""

    roles: Mapping[str, Mapping[Action, tuple[str, ...]]]
    """Role -> action -> globs of dataset names; ``*`` matches ``/`` too."""
    users: Mapping[str, tuple[str, ...]]
    """User -> roles; ``*`` is everybody."""

    def decide(self, user: str, action: Action, dataset: str) -> Decision:
        """Whether a user may do it."""
        for role in (*self.users.get(user, ()), *self.users.get(EVERYBODY, ())):
            for pattern in self.roles[role].get(action, ()):
                if fnmatchcase(dataset, pattern):
                    return Decision(True, f"role {role}: {action.value} {pattern}")
        return Decision(False, f"no role of {user} may {action.value} {dataset}")


def owner_policy(owner: str) -> AccessPolicy:
    """What holds where no policy is written: the owner of the catalogue may do everything, nobody else anything."""
    return AccessPolicy({"owner": dict.fromkeys(Action, (EVERYBODY,))}, {owner: ("owner",)})


def policy_of(value: Any) -> AccessPolicy:
    """The policy that a parsed YAML document says.

    ::

        roles:
          analyst: {read: ["*"]}
          engineer: {read: ["*"], register: ["bitbrains", "team/*"]}
        users:
          alice: [engineer]
          "*": [analyst]

    Raises:
        InvalidValue: another form, an unknown action, or a role that is given and nowhere defined.
    """
    if not isinstance(value, Mapping) or set(value) != {"roles", "users"}:
        raise InvalidValue("it has other parts", field="access policy", expected="the two keys roles and users")
    actions = {action.value: action for action in Action}
    roles: dict[str, dict[Action, tuple[str, ...]]] = {}
    for role, grants in _mapping(value["roles"], "roles").items():
        granted = _mapping(grants, f"roles.{role}")
        unknown = sorted(set(granted) - set(actions))
        if unknown:
            raise InvalidValue(f"{unknown[0]!r} is no action", field=f"roles.{role}", expected=f"of {', '.join(actions)}")
        roles[role] = {actions[word]: _names(patterns, f"roles.{role}.{word}") for word, patterns in granted.items()}
    users = {user: _names(given, f"users.{user}") for user, given in _mapping(value["users"], "users").items()}
    for user, given in users.items():
        for role in given:
            if role not in roles:
                raise InvalidValue(f"role {role!r} is not defined", field=f"users.{user}", expected=f"of {', '.join(roles)}")
    return AccessPolicy(roles, users)


def _mapping(value: Any, field: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise InvalidValue(f"{str(value)[:60]!r} is no mapping", field=field, expected="names with what belongs to them")
    return value


def _names(value: Any, field: str) -> tuple[str, ...]:
    names: Iterable[Any] = value if isinstance(value, list) else (None,)
    if not all(isinstance(one, str) and one for one in names):
        raise InvalidValue(f"{str(value)[:60]!r} is no list of names", field=field, expected='a list such as ["*"]')
    return tuple(value)
