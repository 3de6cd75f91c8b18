"""The policy file: strict, hot-reloaded, and safe when it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydatis_core.errors import InvalidValue
from hydatis_serving.policy_file import NamespaceRule, Policy, Standing, ramp_position_pct, read_policy, standing_of

POD = ("team-a", "default-scheduler", "uid-1", {"app": "web", "tier": "front"})


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    return path


def test_an_empty_file_is_the_default_policy(tmp_path: Path) -> None:
    assert read_policy(written(tmp_path, "")) == Policy()


def test_every_field_can_be_set(tmp_path: Path) -> None:
    policy = read_policy(
        written(
            tmp_path,
            """
            enabled: true
            mode: shadow
            namespaces: {include: ["team-*"], exclude: [team-z]}
            scheduler_names: [default-scheduler]
            pod_labels: {hydatis.io/placed: "true"}
            ramp_pct: 25
            objective_weight: 0.5
            cpu_threshold_ratio: 0.8
            memory_threshold_ratio: 0.9
            avoid_anomalous: false
            epsilon: 0.01
            decision_budget_ms: 50
            """,
        )
    )
    assert policy.mode == "shadow"
    assert policy.namespaces == NamespaceRule(("team-*",), ("team-z",))
    assert policy.ramp_pct == 25.0
    assert policy.decision_budget_ms == 50


@pytest.mark.parametrize("mode", ["on", "off", "shadow"])
def test_a_mode_needs_no_quotes(tmp_path: Path, mode: str) -> None:
    assert read_policy(written(tmp_path, f"mode: {mode}  # as people write it")).mode == mode


@pytest.mark.parametrize(
    ("text", "blamed"),
    [
        ("mode: sideways", "mode"),
        ("ramp_pct: 101", "ramp_pct"),
        ("ramp_pct: a lot", "ramp_pct"),
        ("objective_weight: .nan", "objective_weight"),
        ("rampct: 10", "rampct"),
        ("pod_labels: {placed: true}", "pod_labels"),
        ("enabled: 'yes", "not YAML at line"),
        ("- a\n- b", "Expected `object`"),
        ("!!python/object/apply:os.system [echo]", "not YAML"),
    ],
)
def test_a_wrong_file_is_refused_with_its_field(tmp_path: Path, text: str, blamed: str) -> None:
    with pytest.raises(InvalidValue, match=blamed):
        read_policy(written(tmp_path, text))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="cannot be read"):
        read_policy(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize(
    ("policy", "standing"),
    [
        (Policy(), Standing.ON),
        (Policy(enabled=False), Standing.DISABLED),
        (Policy(mode="off"), Standing.OFF),
        (Policy(mode="shadow"), Standing.SHADOW),
        (Policy(namespaces=NamespaceRule(include=("team-*",))), Standing.ON),
        (Policy(namespaces=NamespaceRule(include=("prod",))), Standing.NAMESPACE),
        (Policy(namespaces=NamespaceRule(exclude=("team-*",))), Standing.NAMESPACE),
        (Policy(scheduler_names=("default-scheduler",)), Standing.ON),
        (Policy(scheduler_names=("other",)), Standing.SCHEDULER_NAME),
        (Policy(pod_labels={"app": "web"}), Standing.ON),
        (Policy(pod_labels={"app": "web", "tier": "back"}), Standing.POD_LABELS),
        (Policy(ramp_pct=0), Standing.RAMP),
        (Policy(mode="shadow", ramp_pct=0), Standing.RAMP),
    ],
)
def test_a_pod_stands_by_the_first_rule_that_holds(policy: Policy, standing: Standing) -> None:
    assert standing_of(policy, *POD) is standing


def test_a_ramp_takes_its_share_and_keeps_it_when_it_grows() -> None:
    uids = [f"pod-{i}" for i in range(4000)]
    tenth = {uid for uid in uids if standing_of(Policy(ramp_pct=10), "n", "s", uid, {}) is Standing.ON}
    half = {uid for uid in uids if standing_of(Policy(ramp_pct=50), "n", "s", uid, {}) is Standing.ON}
    assert 340 < len(tenth) < 460
    assert 1900 < len(half) < 2100
    assert tenth < half


def test_the_ramp_position_of_a_uid_never_changes() -> None:
    assert ramp_position_pct("411e2fcb-b869-46a0-bf87-3f704bc523de") == pytest.approx(61.219662, abs=1e-6)
