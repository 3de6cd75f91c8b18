import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest
from hydatis_core.errors import ArtifactRefused, DependencyUnavailable, InvalidValue
from hydatis_pipelines.search import study_trials
from hydatis_pipelines.search.experiments import EXPERIMENTS
from hydatis_pipelines.search.search_report import report_of
from hydatis_pipelines.search.study import alone, begin, finished, open_study, study_name
from hydatis_pipelines.search.trial import TrialResult
from optuna.trial import TrialState

OF = SimpleNamespace(digest="0123456789abcdef")
FIGURES = {"cpu_accuracy": 0.8, "availability": 1.0, "cost": 10.0}


def score_of(values):
    return -sum((float(value) if not isinstance(value, str) else 0.0) for value in values.values()) / 1000


def judged(of, experiment, values, *, seed, part="validation", told=lambda *_: None):
    """A trial that costs nothing: three windows, the same score in each."""
    score = score_of(values)
    for window in (1, 2, 3):
        told(window, score)
    return TrialResult({"business_roi_score": score, **FIGURES}, (score, score, score))


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'search.sqlite'}"


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(study_trials, "run_trial", judged)


def begun(url, name, trials, *, resume=False):
    experiment = EXPERIMENTS[name]
    study = open_study(url, study_name(experiment, OF.digest, 1), experiment, seed=1)
    return experiment, study, begin(study, experiment, trials, resume=resume)


def work(url, experiment, trials, worker=0):
    return study_trials.work_on(OF, experiment, url, trials, 1, worker, lambda *_: None)


@pytest.mark.parametrize(
    ("name", "trials"), [("xgboost-cpu", 14), ("placement-policy", 8), ("reward-weights", 6), ("feature-selection", 8)]
)
def test_each_algorithm_runs_as_many_trials_as_were_asked_for(url, quick, name, trials):
    experiment, study, left = begun(url, name, trials)
    assert (left, work(url, experiment, left)) == (trials, trials)
    assert len(finished(study)) == trials
    report = report_of(study, experiment, None)
    assert report.default_number == 0
    assert report.best.figures["business_roi_score"] >= report.default.figures["business_roi_score"]
    assert report.best_number in report.front


def test_a_grid_visits_every_cell_once_however_many_work_on_it(url, quick):
    experiment, study, left = begun(url, "isolation-forest", 24)
    work(url, experiment, 10)
    work(url, experiment, left - 10, worker=1)
    cells = [tuple(sorted(trial.params.items())) for trial in finished(study)]
    assert len(cells) == len(set(cells)) == 24
    assert finished(study)[0].params == experiment.defaults


def test_hyperband_shares_the_budget_out_and_never_cuts_the_defaults(url, monkeypatch):
    asked = []

    def spending(of, experiment, values, **rest):
        asked.append((values["episodes"], values["learning_rate"]))
        return judged(of, experiment, values, **rest)

    monkeypatch.setattr(study_trials, "run_trial", spending)
    experiment, study, left = begun(url, "placement-policy", 16)
    work(url, experiment, left)
    assert [episodes for episodes, rate in asked if rate == experiment.defaults["learning_rate"]] == [1, 3, 9]
    assert study.get_trials(states=(TrialState.PRUNED,))
    assert sum(episodes for episodes, _ in asked) < 16 * (1 + 3 + 9)


def test_a_trial_worse_than_the_median_ends_after_two_windows(url, monkeypatch):
    windows = []

    def falling(of, experiment, values, *, told, **rest):
        score = -float(len(windows))
        windows.append(0)
        for window in (1, 2, 3, 4):
            windows[-1] = window
            told(window, score)
        return TrialResult({"business_roi_score": score, **FIGURES}, (score,) * 4)

    monkeypatch.setattr(study_trials, "run_trial", falling)
    experiment, study, left = begun(url, "feature-selection", 14)
    work(url, experiment, left)
    assert windows[:10] == [4] * 10
    assert set(windows[11:]) == {2} or set(windows[11:]) == {3}
    assert len(study.get_trials(states=(TrialState.PRUNED,))) >= 3


def test_a_search_that_is_there_is_not_begun_again_by_mistake(url, quick):
    experiment, _, _ = begun(url, "reward-weights", 4)
    work(url, experiment, 3)
    with pytest.raises(InvalidValue, match="has 3 of 4 trials"):
        begun(url, "reward-weights", 4)
    assert begun(url, "reward-weights", 4, resume=True)[2] == 1


_KILLED = """
import sys
from types import SimpleNamespace
from hydatis_pipelines.search import study_trials
from hydatis_pipelines.search.experiments import EXPERIMENTS

def never_done(of, experiment, values, **rest):
    print("running", flush=True)
    sys.stdin.read()

study_trials.run_trial = never_done
of = SimpleNamespace(digest="0123456789abcdef")
study_trials.work_on(of, EXPERIMENTS["xgboost-memory"], sys.argv[1], 5, 1, 0, lambda *_: None)
"""


def test_a_killed_search_goes_on_where_it_was(url, quick):
    experiment, study, _ = begun(url, "xgboost-memory", 5)
    work(url, experiment, 2)
    process = subprocess.Popen([sys.executable, "-c", _KILLED, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "running\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdin.close()
    process.stdout.close()
    (left_running,) = study.get_trials(states=(TrialState.RUNNING,))
    experiment, study, left = begun(url, "xgboost-memory", 5, resume=True)
    assert left == 3
    work(url, experiment, left)
    done = finished(study)
    assert len(done) == 5
    (again,) = [trial for trial in done if trial.user_attrs.get("retry_of") == left_running.number]
    assert again.params == left_running.params
    assert study.trials[left_running.number].state == TrialState.FAIL
    assert begun(url, "xgboost-memory", 5, resume=True)[2] == 0


def test_what_fails_ends_the_process_and_is_tried_again_with_resume(url, monkeypatch):
    def failing(*_arguments, **_rest):
        raise InvalidValue("the record is too short", field="record")

    monkeypatch.setattr(study_trials, "run_trial", failing)
    experiment, study, _ = begun(url, "xgboost-memory", 4)
    with pytest.raises(InvalidValue, match="too short"):
        work(url, experiment, 4)
    monkeypatch.setattr(study_trials, "run_trial", judged)
    _, study, left = begun(url, "xgboost-memory", 4, resume=True)
    work(url, experiment, left)
    assert len(finished(study)) == 4
    assert finished(study)[0].params == {**experiment.defaults}


def test_two_searches_do_not_work_on_one_file(url):
    with alone(url) as first:
        assert first
        with pytest.raises(DependencyUnavailable, match="another search"), alone(url):
            pass
    with alone(url) as again:
        assert again


def test_a_file_that_is_no_database_is_refused(url, tmp_path):
    (tmp_path / "search.sqlite").write_bytes(b"this was never a database, whatever its name says" * 100)
    with pytest.raises(ArtifactRefused, match="no database"):
        begun(url, "reward-weights", 4)


def test_a_database_that_cannot_be_written_says_what_to_do(url, quick):
    experiment, study, _ = begun(url, "reward-weights", 4)
    study._storage.remove_session()
    database = url.removeprefix("sqlite:///")
    import sqlite3

    held = sqlite3.connect(database, isolation_level=None)
    held.execute("PRAGMA locking_mode=EXCLUSIVE")
    held.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("hydatis_pipelines.search.study._BUSY_SECONDS", 0.2)
            with pytest.raises(DependencyUnavailable, match="--resume"):
                work(url, experiment, 1)
    finally:
        held.close()
    assert work(url, experiment, 1) == 1
