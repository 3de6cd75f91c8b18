"""The policy: does nothing unless told, refuses what it does not know, and a bad edit changes nothing."""

from __future__ import annotations

import json

import pytest
from hydatis_core.errors import InvalidValue
from hydatis_right_sizer.policy import parse_policy
from hydatis_right_sizer.policy_keeper import PolicyKeeper
from hydatis_right_sizer.right_sizer_metrics import RightSizerMetrics
from msgspec import Raw
from prometheus_client import CollectorRegistry


def config_map(text: str) -> Raw:
    return Raw(json.dumps({"data": {"policy.yaml": text}}).encode())


def test_nothing_is_done_by_default() -> None:
    policy = parse_policy(b"")
    assert (policy.mode, policy.resize.enabled, policy.relief.mode) == ("off", False, "off")


def test_an_unquoted_off_is_off() -> None:
    policy = parse_policy(b"mode: off\nrelief: {mode: off}\n")
    assert (policy.mode, policy.relief.mode) == ("off", "off")


@pytest.mark.parametrize(
    "text", [b"mode: on", b"cap_ratio: 0.5", b"unknown: 1", b"resize: {share_ratio: 2}", b"- a", b"\xff", b"a: [", b"x" * 2_000_000]
)
def test_what_cannot_be_meant_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidValue):
        parse_policy(text)


def test_the_last_good_policy_goes_on_and_a_deleted_one_ends_everything() -> None:
    registry = CollectorRegistry()
    keeper = PolicyKeeper("here", "policy", RightSizerMetrics(registry))
    assert keeper.policy.mode == "off"
    keeper.listing()
    keeper.page([config_map("mode: apply\ncap_ratio: 1.5")])
    keeper.listed()
    assert (keeper.policy.mode, keeper.policy.cap_ratio, keeper.problem) == ("apply", 1.5, "")
    keeper.changed([("MODIFIED", config_map("mode: everything"))])
    assert keeper.policy.mode == "apply"
    assert "everything" in keeper.problem
    assert registry.get_sample_value("hydatis_policy_file_good") == 0
    keeper.changed([("MODIFIED", config_map("mode: report"))])
    assert (keeper.policy.mode, keeper.problem) == ("report", "")
    keeper.changed([("DELETED", config_map("mode: report"))])
    assert keeper.policy.mode == "off"
    assert registry.get_sample_value("hydatis_policy_mode", {"mode": "off"}) == 1
