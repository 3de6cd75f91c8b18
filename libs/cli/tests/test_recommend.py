"""`hydatis recommend` on a made-up trace: every form holds the same advice, and bad input is one sentence."""

from __future__ import annotations

import json
import math
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydatis_cli.advice_files import FORMS, advice_files
from hydatis_cli.advice_tables import totals
from hydatis_cli.commands import recommend
from hydatis_cli.main import app
from hydatis_core.errors import ArtifactRefused, InvalidValue
from hydatis_sizing.recommendation import Amounts, ContainerName, Recommendation, Risk
from rich.console import Console
from typer.testing import CliRunner, Result

GIB, NAN = 2.0**30, math.nan
TRACE = ("--trace", "synthetic", "--days", "3")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["recommend", *arguments])


def advised(workload: str, container: str = "app", untouched: str = "", **told: Any) -> Recommendation:
    made = {
        "owned": Amounts(2.0, 4 * GIB),
        "owned_memory_limit_bytes": 8 * GIB,
        "requests": Amounts(0.25, GIB),
        "memory_limit_bytes": 2 * GIB,
    }
    return Recommendation(
        container=ContainerName("shop", workload, container),
        pods_count=3,
        risk=Risk(0.01, 0.02, 0.001),
        history_days=10.0,
        made_at_seconds=1_795_392_000.0,
        untouched=untouched,
        **(made | told),
    )


ADVICE = [
    advised("Deployment/web"),
    advised("Deployment/web", "proxy", untouched="no-request", owned=Amounts(NAN, NAN)),
    advised("CronJob/report", requests=Amounts(NAN, GIB)),
    advised("Cluster/db"),
    advised("DaemonSet/agent", untouched="daemon-set"),
]


def test_patches_are_of_templates_and_of_what_may_be_sized() -> None:
    files = advice_files("patches", ADVICE)
    assert sorted(files) == ["apply.sh", "shop/cronjob-report.yaml", "shop/deployment-web.yaml"]
    resources = {"requests": {"cpu": "250m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}}
    assert yaml.safe_load(files["shop/deployment-web.yaml"]) == {
        "spec": {"template": {"spec": {"containers": [{"name": "app", "resources": resources}]}}}
    }
    job = yaml.safe_load(files["shop/cronjob-report.yaml"])["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert job == [{"name": "app", "resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": "2Gi"}}}]
    assert (
        "kubectl patch deployment/web --namespace shop --type strategic --patch-file shop/deployment-web.yaml\n"
        in files["apply.sh"]
    )


def test_a_kustomize_component_per_namespace() -> None:
    files = advice_files("kustomize", ADVICE)
    component = yaml.safe_load(files["shop/kustomization.yaml"])
    assert component["kind"] == "Component"
    assert [one["target"] for one in component["patches"]] == [
        {"kind": "CronJob", "name": "report"},
        {"kind": "Deployment", "name": "web"},
    ]
    assert all(f"shop/{one['path']}" in files for one in component["patches"])


def test_values_are_by_container_where_there_are_several() -> None:
    files = advice_files("helm", ADVICE)
    assert sorted(files) == ["shop/cluster-db.values.yaml", "shop/cronjob-report.values.yaml", "shop/deployment-web.values.yaml"]
    assert list(yaml.safe_load(files["shop/deployment-web.values.yaml"])) == ["app"]
    assert list(yaml.safe_load(files["shop/cluster-db.values.yaml"])) == ["resources"]


def test_objects_are_of_all_and_say_why_not() -> None:
    files = {name: yaml.safe_load(text) for name, text in advice_files("objects", ADVICE).items()}
    assert len(files) == 4
    assert files["shop/daemonset-agent.yaml"]["spec"]["untouched"] == "daemon-set"
    assert "mode" not in files["shop/deployment-web.yaml"]["spec"], "what somebody chose stays"
    told = advice_files("objects", ADVICE, "Report")["shop/deployment-web.yaml"]
    assert yaml.safe_load(told)["spec"]["mode"] == "Report"


def test_sums_count_what_may_be_sized_and_never_more_than_is_asked_for() -> None:
    told = totals([*ADVICE, advised("Deployment/small", requests=Amounts(9.0, GIB))])
    # web saves; report keeps its CPU; Cluster/db saves; the agent and small keep theirs
    assert told["cpu_cores_now"] == 5 * 3 * 2.0
    assert told["cpu_cores_advised"] == 3 * (0.25 + 2.0 + 0.25 + 2.0 + 2.0)
    assert told["workloads_count"] == 5


def test_every_form_holds_the_same_advice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = run(*TRACE, "--output", "json")
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    sized = {(one["namespace"], one["workload"]): one["advised"] for one in found["recommendations"] if not one["untouched"]}
    assert len(sized) > 10
    asked = [found["choices"][name]["cpu_cores_advised"] for name in ("bold", "usual", "careful")]
    assert asked == sorted(set(asked)), "bold asks for least"
    assert found["choices"]["usual"] == found["totals"]
    for form in FORMS:
        assert run(*TRACE, "--output", form, "--to", str(tmp_path / form)).exit_code == 0
    assert (tmp_path / "patches" / "apply.sh").stat().st_mode & 0o111
    for (namespace, workload), amounts in sized.items():
        name = workload.replace("/", "-").lower()
        values = yaml.safe_load((tmp_path / "helm" / namespace / f"{name}.values.yaml").read_text())
        cpu = values["resources"]["requests"]["cpu"]
        assert cpu == f"{math.ceil(round(amounts['cpu_cores'] * 1000, 6))}m" or not cpu.endswith("m")
        assert (tmp_path / "objects" / namespace / f"{name}.yaml").is_file()
    terminal = Console(file=StringIO(), width=80)
    monkeypatch.setattr(recommend, "out", terminal)
    assert run(*TRACE, "--rows", "3").exit_code == 0
    shown = terminal.file.getvalue()
    assert "less" in shown
    assert "--rows shows them" in shown


def test_bad_input_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "there").mkdir()
    for arguments, error, said in (
        ((), InvalidValue, "no source of metrics"),
        ((*TRACE, "--from", str(tmp_path)), InvalidValue, "not one source"),
        (("--from", str(tmp_path / "none")), ArtifactRefused, "holds no whole capture"),
        ((*TRACE, "--to", str(tmp_path / "there")), InvalidValue, "exists"),
        ((*TRACE, "-n", "nowhere"), InvalidValue, "no workload"),
        (("--prometheus", "prometheus:9090"), InvalidValue, "is no address"),
    ):
        refused = run(*arguments)
        assert isinstance(refused.exception, error), arguments
        assert said in str(refused.exception)
    assert run(*TRACE, "--choice", "reckless").exit_code == 2
    told = StringIO()
    monkeypatch.setattr(recommend, "err", Console(file=told, width=80))
    assert run("--trace", "synthetic", "--days", "1", "--output", "helm").stdout == ""
    assert "nothing may be sized" in told.getvalue()
    assert list((tmp_path / "there").iterdir()) == []


@pytest.mark.parametrize("form", ["yaml", ""])
def test_a_form_that_is_none_is_refused(form: str) -> None:
    with pytest.raises(InvalidValue, match="no form"):
        advice_files(form, ADVICE)
