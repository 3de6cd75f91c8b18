import json
import resource
import subprocess
import sys

import pytest
from hydatis_core.errors import InvalidValue
from hydatis_pipelines import step_run, step_table
from hydatis_pipelines.progress import untold
from hydatis_pipelines.step_cache import StepCache, key_of
from hydatis_pipelines.step_journal import DONE, FAILED, read_journal
from hydatis_pipelines.step_run import Recording, run_step
from hydatis_pipelines.step_table import Argument, Role, StepCommand
from hydatis_pipelines.whole_files import write_whole


@pytest.fixture
def shout(monkeypatch):
    """A step that writes its input in capitals; returns how often it ran."""
    ran = []

    def run(*, text, times, who, out, progress):
        ran.append(who)
        if times < 0:
            raise InvalidValue("negative", field="times")
        write_whole(out, text.read_bytes().upper() * times)
        write_whole(out.with_suffix(".html"), b"page")
        return {"out": str(out), "page": str(out.with_suffix(".html")), "length": times}

    arguments = (
        Argument("text", str, "", required=True, role=Role.INPUT),
        Argument("times", int, "", 1),
        Argument("who", str, "", "me", role=Role.TOLD),
        Argument("out", str, "", required=True, role=Role.OUTPUT),
    )
    monkeypatch.setitem(step_table.STEPS, "shout", StepCommand(run, arguments, beside=(".html",)))
    monkeypatch.setattr(step_run, "code_version", lambda: "sha256:code")
    return ran


@pytest.fixture
def shouted(tmp_path, shout):
    """Runs it with a cache and a journal, into a folder of its own."""
    (tmp_path / "text").write_text("ab")
    turns = iter(range(100))

    def run(text="text", times=2, who="me"):
        folder = tmp_path / f"turn-{next(turns)}"
        options = {"text": tmp_path / text, "times": times, "who": who, "out": folder / "said"}
        recording = Recording(tmp_path / "cache", tmp_path / "journal", "shouting")
        return run_step("shout", options, untold, recording), folder / "said"

    return run


def test_what_did_not_change_is_restored_with_all_that_lay_beside_it(shout, shouted):
    first, made = shouted()
    again, restored = shouted(who="somebody else")
    assert shout == ["me"]
    assert (first["cached"], again["cached"]) == (False, True)
    assert restored.read_text() == made.read_text() == "ABAB"
    assert again["out"] == str(restored)
    assert again["page"] == str(restored.with_suffix(".html"))
    assert restored.with_suffix(".html").read_text() == "page"


def test_another_value_another_content_and_other_code_run_again(shout, shouted, tmp_path, monkeypatch):
    shouted()
    assert shouted(times=3)[1].read_text() == "ABABAB"
    (tmp_path / "text").write_text("c")
    assert shouted()[1].read_text() == "CC"
    monkeypatch.setattr(step_run, "code_version", lambda: "sha256:newer")
    shouted()
    assert len(shout) == 4


def test_the_same_content_elsewhere_is_the_same(shout, shouted, tmp_path):
    shouted()
    (tmp_path / "copy").write_text("ab")
    assert shouted(text="copy")[0]["cached"]


@pytest.mark.parametrize("spoil", ["entry", "file", "missing", "truncated"])
def test_a_spoiled_entry_is_refused_and_made_anew(shout, shouted, tmp_path, spoil):
    shouted()
    (entry,) = (tmp_path / "cache" / "entries").iterdir()
    file = next(file for file in (tmp_path / "cache" / "files").iterdir() if file.read_text() == "ABAB")
    {
        "entry": lambda: entry.write_text("{}"),
        "file": lambda: file.write_text("XXXX"),
        "missing": file.unlink,
        "truncated": lambda: entry.write_bytes(entry.read_bytes()[:40]),
    }[spoil]()
    result, made = shouted()
    assert not result["cached"]
    assert made.read_text() == "ABAB"
    assert read_journal(tmp_path / "journal")[0].cache_refusal
    assert shouted()[0]["cached"]


def test_an_entry_that_names_a_file_outside_is_refused(tmp_path):
    cache, key = StepCache(tmp_path / "cache"), key_of("s", "c", {}, {})
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "a").write_text("1")
    cache.store(key, "s", {}, {"out": tmp_path / "made"})
    (entry,) = (tmp_path / "cache" / "entries").iterdir()
    value = json.loads(entry.read_text())
    value["outputs"]["out"]["files"] = {"../../escaped": value["outputs"]["out"]["files"]["a"]}
    entry.write_text(json.dumps(value))
    restored = cache.restore(key, {"out": tmp_path / "deep" / "again"})
    assert restored.result is None
    assert "outside" in restored.refusal
    assert not (tmp_path / "escaped").exists()


def test_a_step_that_fails_stands_in_the_journal_and_not_in_the_cache(shout, shouted, tmp_path):
    with pytest.raises(InvalidValue):
        shouted(times=-1)
    (entry,) = read_journal(tmp_path / "journal")
    assert (entry.task, entry.step, entry.status, entry.error) == ("shouting", "shout", FAILED, "times: negative")
    assert not (tmp_path / "cache").exists()
    shouted()
    assert read_journal(tmp_path / "journal")[0].status == DONE


def test_a_full_disk_is_one_sentence_and_leaves_no_half_output(tmp_path):
    command = [
        sys.executable,
        "-m",
        "hydatis_pipelines",
        "make-workload",
        "--pod-count=5",
        "--days=1",
        f"--out={tmp_path / 'w.npz'}",
    ]
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # noqa: E731  # as a disk with 1,000 bytes left
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("make-workload: ")
    assert "File too large" in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
