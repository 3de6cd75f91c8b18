"""The experiments for Katib: an API server takes them, its webhook's checks admit them, its collector reads what a trial prints.

The schema of Katib's CRD lets every field pass (``x-kubernetes-preserve-unknown-fields``), so that an API server alone proves
little. What Katib really holds them against is its Go types, its defaults and its webhook: a program over its own module
(``katib/main.go``) asks them.
"""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart.kubectl import Kubectl
from chart.rendered import NAMESPACE, ROOT
from control_plane.api import Api
from control_plane.build_cache import go_program
from control_plane.katib_check_program import KATIB_MODULE, katib_check_program
from control_plane.waiting import until

#: Its checksum stands in go.sum: the checksum database does not know it everywhere.
KATIB = "github.com/kubeflow/katib"
FILES = sorted(path for path in (ROOT / "deploy" / "katib").glob("*.yaml") if path.name != "prepare.yaml")
RESOURCE = f"/apis/kubeflow.org/v1beta1/namespaces/{NAMESPACE}/experiments"


def asked(*arguments: str | Path) -> Any:
    return json.loads(subprocess.run([katib_check_program(), *arguments], capture_output=True, text=True, check=True).stdout)


@cache
def crd() -> dict[str, Any]:
    subprocess.run([go_program(), "mod", "download", KATIB], cwd=KATIB_MODULE, check=True)
    listed = subprocess.run(
        [go_program(), "list", "-m", "-f", "{{.Dir}}", KATIB], cwd=KATIB_MODULE, capture_output=True, text=True, check=True
    )
    text = (Path(listed.stdout.strip()) / "manifests/v1beta1/components/crd/experiment.yaml").read_text()
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def test_the_checks_of_katibs_webhook_admit_every_experiment() -> None:
    assert len(FILES) == 6
    assert asked("experiment", *FILES) == {str(path): [] for path in FILES}


Change = Callable[[dict[str, Any]], object]
WRONG: dict[str, tuple[Change, str]] = {
    "a field that Katib does not know": (lambda spec: spec.update(objectiv={}), "unknown field"),
    "a type of parameter that there is not": (lambda spec: spec["parameters"][0].update(parameterType="real"), "not supported"),
    "an algorithm that is not shipped": (lambda spec: spec["algorithm"].update(algorithmName="magic"), "magic"),
    "a parameter that the trial does not take": (lambda spec: spec["trialTemplate"]["trialParameters"].pop(), "not found in"),
    "no trials": (lambda spec: spec.update(maxTrialCount=0), "must be greater than 0"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_the_same_checks_refuse(wrong: str, tmp_path: Path) -> None:
    change, said = WRONG[wrong]
    made = yaml.safe_load(FILES[0].read_text())
    change(made["spec"])
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(made))
    ((first, *_),) = asked("experiment", tmp_path / "wrong.yaml").values()
    assert said in first


def test_katibs_collector_reads_the_figures_of_a_real_trial(tmp_path: Path) -> None:
    step = [sys.executable, "-m", "hydatis_pipelines"]
    prepare = [*step, "prepare-search", "--trace=synthetic", "--size=smoke", f"--out={tmp_path}"]
    subprocess.run(prepare, check=True, capture_output=True)
    trial = [*step, "run-trial", f"--slice={tmp_path}", "--experiment=xgboost-cpu", "--parameter=rounds=10"]
    printed = subprocess.run(trial, check=True, capture_output=True, text=True).stdout
    (tmp_path / "output.txt").write_text(printed)
    spec = yaml.safe_load((ROOT / "deploy" / "katib" / "xgboost-cpu.yaml").read_text())["spec"]
    metrics = [spec["objective"]["objectiveMetricName"], *spec["objective"]["additionalMetricNames"]]
    (pattern,) = spec["metricsCollectorSpec"]["source"]["filter"]["metricsFormat"]
    figures = json.loads(printed.splitlines()[-1])["result"]["figures"]
    assert asked("collect", tmp_path / "output.txt", pattern, *metrics) == {name: [f"{figures[name]:.6f}"] for name in metrics}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_real_api_server_with_katibs_type_takes_it(path: Path, admin: Api, kubectl: Kubectl) -> None:
    done = kubectl("apply", "--server-side", objects=[crd()])
    assert done.returncode == 0, done.stderr
    until(lambda: admin.status_of("GET", RESOURCE) == 200, "Katib's Experiment")
    made = yaml.safe_load(path.read_text())
    named = copy.deepcopy(made)
    named["metadata"]["namespace"] = NAMESPACE
    done = kubectl("apply", "--server-side", objects=[named])
    assert done.returncode == 0, done.stderr
    assert admin.get(f"{RESOURCE}/{made['metadata']['name']}")["spec"] == made["spec"]


def test_the_schema_of_katibs_type_says_nothing() -> None:
    (version,) = crd()["spec"]["versions"]
    assert version["schema"]["openAPIV3Schema"] == {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
