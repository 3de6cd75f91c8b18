"""Who may do what to datasets."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hydatis_core.errors import InvalidValue
from hydatis_lifecycle.datasets.access import Action, owner_policy, policy_of
from hydatis_lifecycle.datasets.garbage import StoredVersion, objects_to_remove, versions_to_retire

POLICY = policy_of(
    yaml.safe_load("""
roles:
  analyst: {read: ["*"]}
  engineer: {read: ["*"], register: [bitbrains, "team/*"]}
  steward: {delete: ["team/*"]}
users:
  alice: [engineer, steward]
  bob: [engineer]
  "*": [analyst]
""")
)


@pytest.mark.parametrize(
    ("user", "action", "dataset", "allowed"),
    [
        ("alice", Action.REGISTER, "bitbrains", True),
        ("alice", Action.REGISTER, "bitbrains-2", False),
        ("alice", Action.DELETE, "team/x", True),
        ("alice", Action.DELETE, "bitbrains", False),
        ("bob", Action.REGISTER, "team/x", True),
        ("bob", Action.DELETE, "team/x", False),
        ("eve", Action.READ, "team/x", True),
        ("eve", Action.REGISTER, "team/x", False),
    ],
)
def test_what_a_role_says_is_allowed_and_nothing_else(user: str, action: Action, dataset: str, allowed: bool) -> None:
    decision = POLICY.decide(user, action, dataset)
    assert decision.allowed is allowed
    assert decision.reason


def test_reasons_name_the_role_or_what_is_missing() -> None:
    assert POLICY.decide("alice", Action.DELETE, "team/x").reason == "role steward: delete team/*"
    assert POLICY.decide("eve", Action.DELETE, "team/x").reason == "no role of eve may delete team/x"


def test_without_a_policy_the_owner_may_everything_and_nobody_else_anything() -> None:
    policy = owner_policy("alice")
    assert all(policy.decide("alice", action, "any/thing").allowed for action in Action)
    assert not any(policy.decide("bob", action, "any/thing").allowed for action in Action)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (None, "access policy"),
        ({"roles": {}}, "access policy"),
        ({"roles": {}, "users": {}, "groups": {}}, "access policy"),
        ({"roles": [], "users": {}}, "roles"),
        ({"roles": {"a": {"write": ["*"]}}, "users": {}}, "roles.a"),
        ({"roles": {"a": {"read": "*"}}, "users": {}}, "roles.a.read"),
        ({"roles": {"a": {"read": [1]}}, "users": {}}, "roles.a.read"),
        ({"roles": {}, "users": {"alice": ["a"]}}, "users.alice"),
    ],
)
def test_a_policy_of_another_form_is_refused_with_the_place(value: Any, field: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        policy_of(value)
    assert refused.value.field == field


DAY = 86_400.0


def stored(dataset: str, number: int) -> StoredVersion:
    return StoredVersion(dataset, f"1.0.{number}", f"sha256:{dataset}{number}", number * DAY)


LIVE = [*(stored("a", number) for number in range(9, -1, -1)), stored("b", 0)]


def test_the_newest_the_young_and_the_used_are_kept() -> None:
    retired = versions_to_retire(LIVE, keep_count=3, keep_seconds=4.5 * DAY, now_seconds=10 * DAY, used_digests={"sha256:a2"})
    assert [one.version for one in retired] == ["1.0.5", "1.0.4", "1.0.3", "1.0.1", "1.0.0"]
    assert {one.dataset for one in retired} == {"a"}


def test_the_newest_version_is_never_retired() -> None:
    with pytest.raises(InvalidValue, match="0 versions"):
        versions_to_retire(LIVE, keep_count=0, keep_seconds=0.0, now_seconds=99 * DAY)


def test_objects_that_no_version_names_go() -> None:
    assert objects_to_remove(["c", "a", "b"], {"b", "x"}) == ("a", "c")
