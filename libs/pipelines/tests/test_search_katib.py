from pathlib import Path

import pytest
import yaml
from hydatis_pipelines.search.experiments import EXPERIMENTS, FIGURES
from hydatis_pipelines.search.katib import experiment_object, write_experiments
from hydatis_pipelines.search.space import Choice, from_text
from hydatis_pipelines.step_table import STEPS

DEPLOYED = Path(__file__).resolve().parents[3] / "deploy" / "katib"


def test_what_is_deployed_is_what_the_table_says(tmp_path):
    written = write_experiments(list(EXPERIMENTS.values()), tmp_path)
    assert {path.name for path in written} == {path.name for path in DEPLOYED.glob("*.yaml")}
    for path in written:
        assert path.read_text() == (DEPLOYED / path.name).read_text(), f"{path.name}: run `hydatis tune --katib deploy/katib`"


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_trial_of_the_cluster_is_the_same_step(name):
    experiment = EXPERIMENTS[name]
    spec = experiment_object(experiment)["spec"]
    (container,) = spec["trialTemplate"]["trialSpec"]["spec"]["template"]["spec"]["containers"]
    module, step, *options = container["command"][2:]
    assert (module, step) == ("hydatis_pipelines", "run-trial")
    assert {option.partition("=")[0].removeprefix("--") for option in options} <= {one.name for one in STEPS[step].arguments}
    given = [option.removeprefix("--parameter=") for option in options if option.startswith("--parameter=")]
    texts = {one.name: str(one.values[0] if isinstance(one, Choice) else float(one.low)) for one in experiment.parameters}
    filled = [text.replace(f"${{trialParameters.{key}}}", texts[key]) for text in given for key in [text.partition("=")[0]]]
    assert set(from_text(experiment.parameters, filled)) == set(experiment.defaults)
    assert [spec["objective"]["objectiveMetricName"], *spec["objective"]["additionalMetricNames"]] == list(FIGURES)


def test_hyperband_names_its_resource_and_runs_a_bracket_at_once():
    spec = experiment_object(EXPERIMENTS["placement-policy"])["spec"]
    settings = {one["name"]: one["value"] for one in spec["algorithm"]["algorithmSettings"]}
    assert settings == {"resource_name": "episodes", "eta": "3", "r_l": "9"}
    assert spec["parallelTrialCount"] >= 9, "Katib: eta ^ floor(log_eta r_l)"


def test_the_files_are_plain_yaml():
    for path in DEPLOYED.glob("*.yaml"):
        assert all(document["apiVersion"] for document in yaml.safe_load_all(path.read_text()))
