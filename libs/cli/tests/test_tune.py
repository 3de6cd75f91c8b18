import json
from io import StringIO

import pytest
import typer
from hydatis_cli.commands import tune
from hydatis_core.errors import InvalidValue
from hydatis_pipelines.search.experiments import EXPERIMENTS
from rich.console import Console
from typer.testing import CliRunner

app = typer.Typer()
app.command()(tune.tune)


def run(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False, env={"COLUMNS": "200"})


@pytest.fixture
def shown(monkeypatch):
    """What people see."""
    written = StringIO()
    monkeypatch.setattr(tune, "out", Console(file=written, width=200))
    return written


def test_the_list_names_all_experiments_with_their_spaces(shown):
    run("--list")
    assert all(name in shown.getvalue() for name in EXPERIMENTS)
    assert [one["trials"] for one in json.loads(run("--list", "--json").stdout)] == [50, 25, 40, 20, 24, 20]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "nothing to tune"),
        (("everything",), "there is no experiment 'everything'"),
        (("all", "--size", "huge"), "size 'huge'"),
        (("xgboost-cpu", "--trace", "bitbrains", "--data", ""), "read from a folder"),
        (("xgboost-cpu", "--trace", "borg"), "no trace named 'borg'"),
    ],
)
def test_bad_input_is_one_sentence(arguments, said, tmp_path, monkeypatch):
    monkeypatch.delenv("HYDATIS_DATA", raising=False)
    given = [one for one in arguments if one not in ("--data", "")]
    with pytest.raises(InvalidValue, match=said):
        run(*given, *(("--state", tmp_path) if given else ()))


def test_katib_files_are_written_without_a_search(tmp_path):
    run("reward-weights", "--katib", tmp_path / "katib")
    assert sorted(path.name for path in (tmp_path / "katib").iterdir()) == ["prepare.yaml", "reward-weights.yaml"]


def test_a_search_from_a_trace_to_parameters_figures_and_a_page(tmp_path, shown):
    def search(*more):
        options = ("--trace", "synthetic", "--size", "smoke", "--trials", "3", "--jobs", "1", "--state", tmp_path / "state")
        return run("isolation-forest", *options, *more)

    files = {name: tmp_path / name for name in ("best.json", "all.json", "page.html")}
    search("--parameters", files["best.json"], "--store", files["all.json"], "--report", files["page.html"])
    assert "gain on validation" in shown.getvalue()
    (found,) = json.loads(files["all.json"].read_text())["searches"]
    assert len(found["trials"]) == 3
    assert found["trials"][0]["parameters"] == EXPERIMENTS["isolation-forest"].defaults
    best = json.loads(files["best.json"].read_text())["isolation-forest"]
    assert best == next(trial["parameters"] for trial in found["trials"] if trial["number"] == found["best_number"])
    page = files["page.html"].read_text()
    assert "Pareto front" in page
    assert str(tmp_path) not in page + files["all.json"].read_text()
    with pytest.raises(InvalidValue, match="--resume"):
        search()
    again = json.loads(search("--resume", "--json").stdout)
    assert again["searches"][0]["trials"] == found["trials"]
