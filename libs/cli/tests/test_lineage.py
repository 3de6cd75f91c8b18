import hashlib
import json
import re
from io import StringIO
from pathlib import Path

import pytest
from hydatis_cli.commands import lineage
from hydatis_cli.commands.lineage import lineage_app
from hydatis_cli.lineage_tree import tree_down, tree_up
from hydatis_cli.recorded_deployment import record_deployment
from hydatis_cli.state_folder import StateFolder
from hydatis_core.errors import DependencyUnavailable, InvalidValue
from hydatis_lifecycle.adapters.lineage_store import LineageStore
from hydatis_lifecycle.lineage.deployment import deployment_record
from hydatis_lifecycle.lineage.graph import LineageGraph
from hydatis_lifecycle.lineage.record import Entity, EntityKind, StepRecord
from hydatis_lifecycle.lineage.record_json import record_from_json
from rich.console import Console
from typer.testing import CliRunner

RAW = Entity(EntityKind.DATASET, "bitbrains", f"sha256:{'a' * 64}", "1.0.0")
ROWS = Entity(EntityKind.FEATURES, "node-table", f"sha256:{'b' * 64}")
MODEL = Entity(EntityKind.MODEL, "cpu-forecaster", f"sha256:{'c' * 64}")
ARTIFACT = Entity(EntityKind.ARTIFACT, "cpu-forecaster", f"sha256:{'d' * 64}", "1.2.0")
RECORDS = (
    StepRecord("build-dataset", "run-1", (RAW,), (ROWS,), 10.0, 12.0),
    StepRecord("train-forecaster", "run-1", (ROWS,), (MODEL,), 20.0, 23.5, {"resource": "cpu", "[red]": "seed"}),
    StepRecord("publish", "run-1", (MODEL, ROWS), (ARTIFACT,), 30.0, 31.0),
    deployment_record(ARTIFACT, "production", at_seconds=40.0),
)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("state")
    store = LineageStore(f"sqlite:///{folder / 'lifecycle' / 'catalogue.sqlite'}")
    for record in RECORDS:
        store.add(record)
    return folder


def said(*arguments: str) -> str:
    result = CliRunner().invoke(lineage_app, [*arguments], catch_exceptions=False, env={"COLUMNS": "150"})
    assert result.exit_code == 0
    return result.stdout


def drawn(tree) -> list[str]:
    console = Console(width=150, force_terminal=False)
    with console.capture() as captured:
        console.print(tree)
    return captured.get().splitlines()


def test_a_model_is_shown_down_to_the_raw_data_each_part_once() -> None:
    assert drawn(tree_up(LineageGraph(RECORDS).upstream(ARTIFACT.digest), ARTIFACT)) == [
        "cpu-forecaster 1.2.0 artifact dddddddddddd",
        "└── publish run-1, 1970-01-01 00:00 UTC, 1.0 s",
        "    ├── cpu-forecaster model cccccccccccc",
        "    │   └── train-forecaster run-1, 1970-01-01 00:00 UTC, 3.5 s, [red]=seed, resource=cpu",
        "    │       └── node-table features bbbbbbbbbbbb (shown elsewhere)",
        "    └── node-table features bbbbbbbbbbbb",
        "        └── build-dataset run-1, 1970-01-01 00:00 UTC, 2.0 s",
        "            └── bitbrains 1.0.0 dataset aaaaaaaaaaaa",
    ]


def test_downstream_ends_where_it_serves() -> None:
    lines = drawn(tree_down(LineageGraph(RECORDS).downstream(MODEL.digest), MODEL))
    assert [line.split()[-2] for line in lines[2:5:2]] == ["artifact", "deployment"]


@pytest.mark.parametrize(
    ("asked", "begins"),
    [
        (["cpu-forecaster"], "cpu-forecaster 1.2.0 artifact"),
        (["cpu-forecaster", "--kind", "model"], "cpu-forecaster model"),
        (["cpu-forecaster@1.2.0"], "cpu-forecaster 1.2.0 artifact"),
        (["sha256:bbbbbbbb"], "node-table features"),
        (["bitbrains"], "bitbrains 1.0.0 dataset aaaaaaaaaaaa\nIt is where the lineage begins."),
    ],
)
def test_a_name_means_the_artifact_and_a_kind_says_otherwise(
    state: Path, asked: list[str], begins: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lineage, "out", Console(file=(shown := StringIO()), width=150))
    said("show", *asked, "--state", str(state))
    assert shown.getvalue().startswith(begins)


def test_programs_get_the_records(state: Path) -> None:
    value = json.loads(said("show", "cpu-forecaster", "--state", str(state), "--json"))
    assert value["asked"]["digest"] == ARTIFACT.digest
    assert tuple(record_from_json(json.dumps(record)) for record in value["records"]) == RECORDS[:3]
    listed = json.loads(said("list", "--state", str(state), "--json", "-n", "1"))
    assert listed[0]["name"] == "production/cpu-forecaster"


def test_the_page_holds_both_directions_and_needs_nothing_from_outside(state: Path, tmp_path: Path) -> None:
    said(
        "show",
        "cpu-forecaster",
        "--kind",
        "model",
        "--state",
        str(state),
        "--html",
        f"{tmp_path}/l.html",
        "--svg",
        f"{tmp_path}/l.svg",
    )
    page = (tmp_path / "l.html").read_text()
    for record in RECORDS:
        assert record.step in page
    assert RAW.digest in page
    assert (tmp_path / "l.svg").read_text().startswith("<svg ")
    assert re.findall(r"(?:src|href)=\"(?!#)", page) == []
    for target in re.findall(r'href="#(\w+)"', page):
        assert f'id="{target}"' in page


def test_everything_is_exported_and_read_back(state: Path, tmp_path: Path) -> None:
    said("export", "--state", str(state), "--out", str(tmp_path / "all.jsonl"))
    assert tuple(record_from_json(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()) == RECORDS
    events = [
        json.loads(line) for line in said("export", "--state", str(state), "--run", "run-1", "--format", "openlineage").splitlines()
    ]
    assert [event["eventType"] for event in events] == ["START", "COMPLETE"] * 3


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["show", "nobody"], "knows no 'nobody'"),
        (["show", "cpu-forecaster@9.9.9"], "knows no"),
        (["show", "sha256:bb"], "too short"),
        (["show", "sha256:99999999"], "knows no"),
        (["show", "cpu-forecaster", "--kind", "tablet"], "no kind of thing"),
        (["list", "--kind", "tablet"], "no kind of thing"),
        (["export", "--format", "xml"], "no format"),
        (["export", "--url", "http://127.0.0.1:9"], "events only"),
    ],
)
def test_what_cannot_be_answered_is_one_sentence(state: Path, arguments: list[str], named: str) -> None:
    with pytest.raises(InvalidValue, match=named):
        CliRunner().invoke(lineage_app, [*arguments, "--state", str(state)], catch_exceptions=False)


def test_a_drawing_that_cannot_be_written_is_one_sentence(state: Path) -> None:
    with pytest.raises(DependencyUnavailable, match="cannot be written"):
        CliRunner().invoke(
            lineage_app, ["show", "cpu-forecaster", "--svg", "/dev/null/x.svg", "--state", str(state)], catch_exceptions=False
        )


def test_a_folder_without_lineage_is_said_and_nothing_is_made_in_it(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="has no lineage"):
        CliRunner().invoke(lineage_app, ["list", "--state", str(tmp_path / "new")], catch_exceptions=False)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_does_not_answer_is_said(state: Path) -> None:
    url = ["--url", "http://127.0.0.1:9"]
    with pytest.raises(DependencyUnavailable, match="does not take OpenLineage events"):
        CliRunner().invoke(lineage_app, ["export", "--state", str(state), "--format", "openlineage", *url], catch_exceptions=False)


def test_a_promotion_is_a_deployment_of_what_was_registered(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    manifest = folder.models / "cpu-forecaster" / "1.2.0" / "manifest.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("{}")
    assert record_deployment(folder, "cpu-forecaster", "1.2.0", at_seconds=50.0, who="ada") == ""
    store = LineageStore(f"sqlite:///{tmp_path / 'lifecycle' / 'catalogue.sqlite'}")
    (record,) = store.records()
    assert record.inputs[0].digest == f"sha256:{hashlib.sha256(b'{}').hexdigest()}"
    assert (record.outputs[0].name, record.parameters["by"]) == ("serving/cpu-forecaster", "ada")


def test_a_promotion_stands_when_the_catalogue_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = StateFolder(tmp_path)
    manifest = folder.models / "cpu-forecaster" / "1.2.0" / "manifest.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("{}")
    (tmp_path / "broken.sqlite").write_bytes(b"this is no database" * 100)
    monkeypatch.setenv("HYDATIS_CATALOGUE_URL", f"sqlite:///{tmp_path / 'broken.sqlite'}")
    assert "not a database" in record_deployment(folder, "cpu-forecaster", "1.2.0", at_seconds=50.0, who="ada")
