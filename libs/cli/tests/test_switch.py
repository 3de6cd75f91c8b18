"""The switch on a policy file: one word, nothing else changed, and never a text that the shim would refuse."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydatis_cli.main import app
from hydatis_cli.policy_edit import changed_text, differences
from hydatis_core.errors import InvalidValue
from hydatis_serving.policy_file import parse_policy, read_policy
from typer.testing import CliRunner, Result

AS_SHIPPED = Path(__file__).resolve().parents[3] / "deploy" / "scheduler" / "policy.yaml"


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """A state folder's policy with a comment and a ramp."""
    path = tmp_path / "policy.yaml"
    path.write_text("# ours\nmode: on  # since May\nramp_pct: 25\n")
    return path


def said(policy: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--state", str(policy.parent)])


def test_off_changes_one_word(policy: Path) -> None:
    assert said(policy, "off").exit_code == 0
    assert policy.read_text().split() == ["#", "ours", "mode:", "off", "#", "since", "May", "ramp_pct:", "25"]
    assert said(policy, "on").exit_code == 0
    assert read_policy(policy).mode == "on"


def test_on_says_for_whom(policy: Path) -> None:
    whom = ["--include", "team-*", "--include", "x", "--exclude", "team-z", "--ramp", "50", "--pod-label", "hydatis.io/placed=true"]
    assert said(policy, "shadow", *whom).exit_code == 0
    found = read_policy(policy)
    assert (found.mode, found.ramp_pct, found.pod_labels) == ("shadow", 50.0, {"hydatis.io/placed": "true"})
    assert (found.namespaces.include, found.namespaces.exclude) == (("team-*", "x"), ("team-z",))
    assert said(policy, "on", "--include", "*", "--exclude", "", "--pod-label", "").exit_code == 0
    found = read_policy(policy)
    assert (found.namespaces.include, found.namespaces.exclude, found.pod_labels) == (("*",), (), {})


@pytest.mark.parametrize("broken", ["mode: [", "- a", "rampct: 3"])
def test_off_works_on_a_file_that_is_broken_and_keeps_it(policy: Path, broken: str) -> None:
    policy.write_text(broken)
    assert isinstance(said(policy, "on", "--ramp", "10").exception, InvalidValue)
    assert policy.read_text() == broken
    assert said(policy, "off").exit_code == 0
    assert read_policy(policy).mode == "off"
    assert f"# {broken}" in policy.read_text()


def test_where_there_is_no_policy_nothing_is_made(tmp_path: Path) -> None:
    done = said(tmp_path / "policy.yaml", "off")
    assert isinstance(done.exception, InvalidValue)
    assert list(tmp_path.iterdir()) == []


def test_the_shipped_file_stays_what_it_is_but_for_the_change() -> None:
    text = AS_SHIPPED.read_text()
    changed = changed_text(text, {"ramp_pct": 10, "namespaces.include": ["a"]})
    assert differences(text, changed) == [("ramp_pct", 100.0, 10.0), ("namespaces.include", ["*"], ["a"])]
    assert changed.count("#") == text.count("#")
    assert parse_policy(changed.encode()).ramp_pct == 10


@pytest.mark.parametrize("changes", [{"ramp_pct": 101}, {"mode": "sideways"}, {"pod_labels": {"a": 1}}])
def test_what_the_shim_would_refuse_is_not_written(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidValue):
        changed_text("mode: on\n", changes)
