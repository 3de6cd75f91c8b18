"""hydatis bench placement on a small folder: figures that must hold, a run that is killed and goes on, input that is refused."""

import json
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hydatis_cli.main import app
from hydatis_cli.placement_journal import Journal
from hydatis_cli.placement_tables import placement_tables
from hydatis_core.errors import HydatisError, InvalidValue, TraceRefused
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_lifecycle.artifacts import digest_files
from hydatis_lifecycle.manifest import Manifest
from hydatis_placement.q_function import FILE_NAME, QFunction, zero_q_function
from hydatis_simulator.benchmark.placement.laboratory import Laboratory
from typer.testing import CliRunner

MACHINES = 24


@pytest.fixture(scope="module")
def data(tmp_path_factory, write_months):
    return write_months(tmp_path_factory.mktemp("data"), days=19, machines=MACHINES)


def run(data, json_path, *more):
    options = ["--seeds", "2", "--pods", "60", "--jobs", "1", "--quick", "--experiments", "E1,E2,E3"]
    chosen = ["--policies", "random,least-allocated,oracle"] if "--policies" not in more else []
    return CliRunner().invoke(
        app, ["bench", "placement", "--data", str(data), "--json", str(json_path), *options, *chosen, *map(str, more)]
    )


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """The folder of an undisturbed run."""
    folder = tmp_path_factory.mktemp("whole")
    found = run(data, folder / "figures.json", "--report", folder / "page.html")
    assert found.exception is None, found.output
    return folder


def test_figures_keep_the_orderings_that_must_hold(whole):
    figures = json.loads((whole / "figures.json").read_text())
    free = figures["nodes_needed"]["not-binding"]
    bounds = figures["bounds"]["not-binding"]["never_fewer_nodes"]
    for rows in free["policies"].values():
        for row in rows.values():
            for ratio, bound in zip(("0.001", "0.01", "0.05"), bounds, strict=True):
                needed = row.get(ratio, {}).get("nodes_mean")
                assert needed is None or needed >= bound
    costs = {name: row["published"]["outcome_cost"] for name, row in figures["fixed"]["E2/cpu-50%"]["policies"].items()}
    assert costs["oracle"] <= costs["random"]
    assert figures["data"]["first_days"] == {"test": 10, "tuning": 1}
    assert set(figures["tuned"]) == {"least-allocated"}


def test_nothing_of_the_machine_is_in_the_figures_and_no_work_is_left(whole, data):
    text = (whole / "figures.json").read_text()
    assert str(whole) not in text
    assert str(data) not in text
    assert sorted(path.name for path in whole.iterdir()) == ["figures.json", "page.html"]


def test_the_terminal_shows_every_experiment(whole):
    titles = [table.title for table in placement_tables(json.loads((whole / "figures.json").read_text()))]
    assert titles == [
        "Limits",
        "E1 nodes needed, requests do not bind",
        "E1 nodes needed, requests as provisioned bind",
        "E1 nodes needed, requests right-sized from history bind",
        "E1 node counts frozen on other machines",
        "E2 cpu-50%",
        "E3 40-pods",
    ]


def test_the_page_is_whole_and_self_contained(whole):
    page = (whole / "page.html").read_text()
    assert page.rstrip().endswith("</html>")
    assert 'src="http' not in page
    for wanted in ("Nodes against violation", "Violation of every node", "E3 40-pods", "least-allocated"):
        assert wanted in page


def test_a_killed_run_goes_on_where_it_was_and_comes_to_the_same(whole, data, tmp_path, monkeypatch):
    runs, computed = Laboratory._run, []

    def killed_after_ten(laboratory, cell):
        if len(computed) == 10:
            raise KeyboardInterrupt
        computed.append(cell.key())
        return runs(laboratory, cell)

    monkeypatch.setattr(Laboratory, "_run", killed_after_ten)
    assert run(data, tmp_path / "figures.json", "--resume", tmp_path / "work").exit_code != 0
    assert not (tmp_path / "figures.json").exists()
    (journal,) = (tmp_path / "work").glob("*/cells.jsonl")
    assert len(journal.read_text().splitlines()) == 10
    with journal.open("a") as file:
        file.write('["cut off in the mid')

    def goes_on(laboratory, cell):
        assert cell.key() not in computed, "what was done is not done again"
        return runs(laboratory, cell)

    monkeypatch.setattr(Laboratory, "_run", goes_on)
    found = run(data, tmp_path / "figures.json", "--resume", tmp_path / "work")
    assert found.exception is None, found.output
    assert (tmp_path / "figures.json").read_text() == (whole / "figures.json").read_text()


def test_processes_come_to_the_same_as_one(data, tmp_path):
    few = ("--policies", "random", "--experiments", "E2")
    for jobs in ("1", "2"):
        found = run(data, tmp_path / f"{jobs}.json", *few, "--jobs", jobs)
        assert found.exception is None, found.output
    assert (tmp_path / "1.json").read_text() == (tmp_path / "2.json").read_text()


def test_a_journal_is_shared_and_forgets_only_a_line_that_was_cut_off(tmp_path):
    path = tmp_path / "deep" / "cells.jsonl"
    first, second = Journal(path), Journal(path)
    first["a"], second["b"] = {"x": 1.0}, {"x": float("nan")}
    with path.open("a") as file:
        file.write('["c", {"x":')
    third = Journal(path)
    assert dict(third)["a"] == {"x": 1.0}
    assert set(third) == {"a", "b"}
    third["d"] = {}
    assert set(Journal(path)) == {"a", "b", "d"}
    with pytest.raises(TypeError, match="forgets"):
        del third["a"]


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        (("--policies", "random,nobody"), InvalidValue, "no policy 'nobody'"),
        (("--experiments", "E9"), InvalidValue, "no experiment 'E9'"),
        (("--models", "nowhere"), InvalidValue, "nowhere"),
    ],
)
def test_wrong_options_are_refused_in_a_sentence(data, tmp_path, options, error, said):
    found = run(data, tmp_path / "figures.json", *options)
    assert isinstance(found.exception, error)
    assert said in str(found.exception)
    assert list(tmp_path.iterdir()) == []


def publish_policy(models, version, files):
    manifest = Manifest(
        "placement-policy", version, "q_function", (("x", "0" * 16),), ("q",), "d", "r", {}, {}, digest_files(files)
    )
    ArtifactFolder(models).publish(manifest, files)


def test_figures_say_whether_the_frozen_policy_corrects_the_greedy_one_that_was_played(data, tmp_path):
    one = np.ones((1, 1), dtype=np.float32)
    learned = QFunction(one[0] * 0, one[0], (one,), (one[0],))
    ours = ("--policies", "hydatis-greedy", "--experiments", "E2")
    for version, function in enumerate((zero_q_function(1), learned)):
        publish_policy(tmp_path / "models", f"1.0.{version}", function.to_files())
        found = run(data, tmp_path / "figures.json", *ours, "--models", tmp_path / "models")
        assert found.exception is None, found.output
        stored = json.loads((tmp_path / "figures.json").read_text())
        assert stored["placement_policy"] == {"version": f"1.0.{version}", "corrects": bool(version)}
        assert ("the arena played greedy alone" in found.stderr) == bool(version)


@pytest.mark.parametrize(
    ("files", "said"),
    [({"other.npz": b"PK\x03\x04"}, "missing"), ({FILE_NAME: b"PK\x03\x04 cut off"}, "not an npz")],
    ids=["none", "broken"],
)
def test_models_without_a_policy_that_can_be_read_are_refused_in_a_sentence(data, tmp_path, files, said):
    publish_policy(tmp_path / "models", "1.0.0", files)
    found = run(data, tmp_path / "figures.json", "--models", tmp_path / "models")
    assert isinstance(found.exception, InvalidValue)
    assert said in str(found.exception)
    assert "hydatis train" in str(found.exception)
    assert not (tmp_path / "figures.json").exists()


def test_a_folder_without_days_enough_is_refused(tmp_path, write_months):
    folder = write_months(tmp_path / "short", days=8, machines=MACHINES)
    found = run(folder, tmp_path / "figures.json")
    assert isinstance(found.exception, TraceRefused)
    assert "8 days" in str(found.exception)
    assert "9 days" in str(found.exception)


def test_a_folder_too_short_to_tune_is_judged_with_published_knobs(tmp_path, write_months):
    folder = write_months(tmp_path / "one", days=10, machines=MACHINES)
    found = run(folder, tmp_path / "figures.json", "--experiments", "E2")
    assert found.exception is None, found.output
    assert "tuned" not in json.loads((tmp_path / "figures.json").read_text())


@pytest.mark.parametrize("prepare", ["missing", "empty", "file", "column", "unreadable"])
def test_a_folder_that_holds_no_trace_is_refused(tmp_path, prepare):
    folder = tmp_path / "data"
    if prepare == "file":
        folder.write_text("")
    elif prepare == "column":
        (folder / "bitbrains").mkdir(parents=True)
        pq.write_table(pa.table({"vm_id": [1], "timestamp_s": [1_372_629_600]}), folder / "bitbrains" / "rnd_2013-07.parquet")
    elif prepare != "missing":
        folder.mkdir()
    if prepare == "unreadable":
        folder.chmod(0)
        if os.access(folder, os.R_OK):  # who may do everything finds it empty
            prepare = "empty"
    found = run(folder, tmp_path / "figures.json")
    assert isinstance(found.exception, HydatisError), found.exception
    assert not (tmp_path / "figures.json").exists()


def test_levers_stand_side_by_side_and_two_waves_are_left_out_of_a_short_folder(data, tmp_path):
    found = run(
        data, tmp_path / "levers.json", "--experiments", "E8", "--policies", "gpa-lowest,oracle", "--report", tmp_path / "page.html"
    )
    assert found.exception is None, found.output
    rows = json.loads((tmp_path / "levers.json").read_text())["levers"]["rows"]
    assert "sizes, placement, relief" in rows
    assert not [name for name in rows if name.startswith("two waves")]
    assert "sizes, placement, relief" in (tmp_path / "page.html").read_text()
