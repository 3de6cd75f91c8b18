import json
import re

import numpy as np
import pytest
from hydatis_core.errors import ArtifactRefused, InvalidValue
from hydatis_pipelines import command
from hydatis_pipelines.search import trial as trials
from hydatis_pipelines.search.experiments import EXPERIMENTS, FIGURES
from hydatis_pipelines.search.katib import METRICS_FORMAT
from hydatis_pipelines.search.slice import SIZES, make_slice, read_trace_slice
from hydatis_pipelines.search.trial import run_trial


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("slices")
    return make_slice("synthetic", None, place, sizes=SIZES["smoke"], seed=1, progress=lambda *_: None)


@pytest.fixture(scope="module")
def of(folder):
    return read_trace_slice(folder)


def test_parts_follow_each_other_and_models_never_see_a_later_one(of):
    assert of.span("train")[1] == of.span("validation")[0]
    assert of.span("validation")[1] == of.span("test")[0]
    assert of.training_record.history.times_seconds.max() < of.span("validation")[0]
    assert of.training_record.generations.max() + 3600 <= of.span("train")[1]
    assert of.validation_record.generations.min() >= of.span("validation")[0]
    assert of.record.generations.max() <= of.span("test")[0], "the test part is not even recorded"


def test_windows_lie_in_their_part(of):
    for part in ("validation", "test"):
        for window in of.windows(part):
            assert (
                of.span(part)[0]
                <= window.trace.start_seconds
                < window.judged_from_seconds
                < window.trace.end_seconds
                <= of.span(part)[1]
            )


def test_a_slice_is_made_once_and_a_folder_of_one_slice_will_do(folder, of):
    assert make_slice("synthetic", None, folder.parent, sizes=SIZES["smoke"], seed=1, progress=lambda *_: None) == folder
    assert read_trace_slice(folder.parent).digest == of.digest


def test_a_folder_that_is_no_slice_is_refused(tmp_path):
    with pytest.raises(ArtifactRefused, match="prepare-search"):
        read_trace_slice(tmp_path)


def test_a_trace_to_be_read_needs_a_folder(tmp_path):
    with pytest.raises(InvalidValue, match="--data"):
        make_slice("bitbrains", None, tmp_path, sizes=SIZES["smoke"], seed=1, progress=lambda *_: None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["xgboost-memory", "reward-weights", "isolation-forest", "feature-selection"])
def test_every_experiment_comes_to_the_same_objective(of, name):
    told = []
    values = {"calendar": False} if name == "feature-selection" else {}
    result = run_trial(of, EXPERIMENTS[name], values, seed=1, told=lambda *window: told.append(window))
    assert set(FIGURES) <= set(result.figures)
    assert result.score == pytest.approx(np.mean(result.window_scores))
    assert [window for window, _ in told] == [1, 2]
    assert told[-1][1] == pytest.approx(result.score)


def test_a_budget_is_what_a_trial_trains_for(of, monkeypatch):
    asked = []
    monkeypatch.setitem(trials.CANDIDATES, "placement-policy", lambda _of, values, _seed: asked.append(values) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run_trial(of, EXPERIMENTS["placement-policy"], {"episodes": 3}, seed=1)
    assert asked[0]["episodes"] == 3


def test_the_collector_of_katib_reads_what_a_trial_prints(folder, tmp_path, capsys):
    arguments = ["run-trial", f"--slice={folder}", "--experiment=xgboost-cpu", "--parameter=rounds=10", "--parameter=max_depth=2"]
    assert command.main([*arguments, "--seed=1", f"--out={tmp_path / 'trial.json'}"]) == 0
    printed = capsys.readouterr().out
    # as file-metricscollector.go of Katib does: lines that name a metric, every match, first group the name, second the value
    found = {}
    for line in printed.splitlines():
        if any(name in line for name in FIGURES):
            for name, value, *_ in re.findall(METRICS_FORMAT, line):
                if name in FIGURES:
                    found.setdefault(name, []).append(float(value))
    kept = json.loads((tmp_path / "trial.json").read_text())
    assert {name: [pytest.approx(kept["figures"][name], abs=1e-6)] for name in FIGURES} == found
    assert kept["parameters"]["rounds"] == 10


def test_a_trial_out_of_the_space_ends_with_a_sentence(folder, capsys):
    assert command.main(["run-trial", f"--slice={folder}", "--experiment=xgboost-cpu", "--parameter=rounds=0"]) == 1
    assert "10 to 80" in capsys.readouterr().err
