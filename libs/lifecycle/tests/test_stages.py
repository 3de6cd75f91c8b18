"""Stages: who may go where, who makes room, and that nothing of it is lost or half written."""

import json
import subprocess
import sys
import threading

import pytest
from hydatis_core.errors import DependencyUnavailable, InvalidValue
from hydatis_lifecycle.adapters.stage_book import StageBook
from hydatis_lifecycle.stages import TRANSITIONS, Condition, Facts, Stage, StageChange, promote

SOUND = Facts(verified=True, signed=True, judged=True)
NAME = "cpu-forecaster"


def test_nothing_reaches_production_that_was_not_in_staging_once():
    into_production = {before for before, after in TRANSITIONS if after is Stage.PRODUCTION}
    assert into_production == {Stage.STAGING, Stage.ARCHIVED}
    into_archive = {before for before, after in TRANSITIONS if after is Stage.ARCHIVED}
    assert into_archive == {Stage.STAGING, Stage.PRODUCTION}


def test_a_version_goes_its_way_and_the_one_before_makes_room():
    stages = {"1.0.0": Stage.PRODUCTION, "1.0.1": Stage.STAGING, "1.0.2": Stage.NONE}
    assert promote(stages, "1.0.1", Stage.PRODUCTION, SOUND) == (
        StageChange("1.0.0", Stage.PRODUCTION, Stage.ARCHIVED),
        StageChange("1.0.1", Stage.STAGING, Stage.PRODUCTION),
    )
    assert promote(stages, "1.0.2", Stage.STAGING, SOUND) == (
        StageChange("1.0.1", Stage.STAGING, Stage.NONE),
        StageChange("1.0.2", Stage.NONE, Stage.STAGING),
    )


def test_who_is_there_already_changes_nothing():
    assert promote({"1.0.0": Stage.PRODUCTION}, "1.0.0", Stage.PRODUCTION, Facts(False, False, False)) == ()


def test_an_archived_version_comes_back_at_once_without_being_judged_anew():
    stages = {"1.0.0": Stage.ARCHIVED, "1.0.1": Stage.PRODUCTION}
    changes = promote(stages, "1.0.0", Stage.PRODUCTION, Facts(verified=True, signed=True, judged=False))
    assert [change.after for change in changes] == [Stage.ARCHIVED, Stage.PRODUCTION]


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (Facts(verified=False, signed=True, judged=True), Condition.VERIFIED),
        (Facts(verified=True, signed=False, judged=True), Condition.SIGNED),
        (Facts(verified=True, signed=True, judged=False), Condition.JUDGED),
        (Facts(verified=True, signed=True, judged=False, reason="  "), Condition.JUDGED),
    ],
)
def test_a_condition_that_does_not_hold_is_named(facts, reason):
    with pytest.raises(InvalidValue, match=reason.value) as refused:
        promote({"1.0.0": Stage.STAGING}, "1.0.0", Stage.PRODUCTION, facts)
    assert refused.value.field == reason.name.lower()


def test_a_reason_in_words_stands_for_a_judgement_and_for_nothing_else():
    unjudged = Facts(verified=True, signed=True, judged=False, reason="the first model of all")
    assert promote({"1.0.0": Stage.STAGING}, "1.0.0", Stage.PRODUCTION, unjudged)
    unsigned = Facts(verified=True, signed=False, judged=False, reason="please")
    with pytest.raises(InvalidValue, match="signature"):
        promote({"1.0.0": Stage.STAGING}, "1.0.0", Stage.PRODUCTION, unsigned)


def test_a_way_that_there_is_not_is_refused_with_those_that_there_are():
    with pytest.raises(InvalidValue, match=r"at none and cannot go to production \(expected one of staging\)"):
        promote({}, "1.0.0", Stage.PRODUCTION, SOUND)


def test_the_book_remembers_every_change_with_who_when_and_why(tmp_path):
    book = StageBook(tmp_path / "stages")
    assert book.stages(NAME) == {}
    book.promote(NAME, "1.0.0", Stage.STAGING, SOUND, time_seconds=10.0, who="ann")
    book.promote(NAME, "1.0.0", Stage.PRODUCTION, Facts(True, True, False, "first"), time_seconds=20.0, who="bob")
    again = StageBook(tmp_path / "stages")
    assert again.stages(NAME) == {"1.0.0": Stage.PRODUCTION}
    assert [(e.time_seconds, e.who, e.reason, e.change.after) for e in again.history(NAME)] == [
        (10.0, "ann", "", Stage.STAGING),
        (20.0, "bob", "first", Stage.PRODUCTION),
    ]
    assert book.promote(NAME, "1.0.0", Stage.PRODUCTION, SOUND, time_seconds=30.0, who="bob") == ()
    assert len(book.history(NAME)) == 2


def test_many_promote_at_once_and_one_is_in_staging(tmp_path):
    book, start = StageBook(tmp_path / "stages"), threading.Barrier(8)

    def go(version):
        start.wait()
        book.promote(NAME, version, Stage.STAGING, SOUND, time_seconds=1.0, who="x")

    threads = [threading.Thread(target=go, args=(f"1.0.{i}",)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(book.stages(NAME).values()).count(Stage.STAGING) == 1
    assert len(book.stages(NAME)) == 8


def test_a_spoiled_book_is_refused_and_left_as_it_is(tmp_path):
    file = tmp_path / f"{NAME}.json"
    file.write_text('{"history": [{"version"')
    with pytest.raises(InvalidValue, match="stages cannot be read"):
        StageBook(tmp_path).promote(NAME, "1.0.0", Stage.STAGING, SOUND, time_seconds=1.0, who="x")
    assert file.read_text() == '{"history": [{"version"'


def test_a_name_that_leads_elsewhere_is_refused(tmp_path):
    with pytest.raises(InvalidValue, match="not a model name"):
        StageBook(tmp_path).stages("../secrets")


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from hydatis_core.errors import DependencyUnavailable
from hydatis_lifecycle.adapters.stage_book import StageBook
from hydatis_lifecycle.stages import Facts, Stage
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    facts = Facts(True, True, True)
    StageBook(Path(sys.argv[1])).promote("cpu-forecaster", "1.0.0", Stage.PRODUCTION, facts, time_seconds=2.0, who="x")
except DependencyUnavailable as error:
    print(error)
"""


def test_a_full_disk_leaves_the_stages_as_they_were(tmp_path):
    book = StageBook(tmp_path)
    book.promote(NAME, "1.0.0", Stage.STAGING, SOUND, time_seconds=1.0, who="x")
    before = (tmp_path / f"{NAME}.json").read_bytes()
    said = subprocess.run([sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, check=True).stdout
    assert "cannot be written: File too large" in said
    assert (tmp_path / f"{NAME}.json").read_bytes() == before
    assert json.loads(before)["model"] == NAME
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [f"{NAME}.json", f"{NAME}.lock"]


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DependencyUnavailable, match="stages of cpu-forecaster cannot be written"):
        StageBook(tmp_path / "file" / "stages").promote(NAME, "1.0.0", Stage.STAGING, SOUND, time_seconds=1.0, who="x")
