"""What the last step of a run writes down of what serves from then on."""

import hashlib

from hydatis_lifecycle.adapters.lineage_store import LineageStore
from hydatis_lifecycle.lineage.record import Entity, EntityKind
from hydatis_pipelines.finish_step import finish
from hydatis_pipelines.run_folder import RunFolder, home_of, models_of
from hydatis_pipelines.step_journal import DONE, StepEntry, write_entry

MODEL = Entity(EntityKind.MODEL, "cpu-forecaster", f"sha256:{'a' * 64}")
ARTIFACT = Entity(EntityKind.ARTIFACT, "cpu-forecaster", f"sha256:{'b' * 64}", "1.0.1")


def served(state, *entries):
    for entry in entries:
        write_entry(RunFolder(state, "run-1").journal, entry)
    finish(state=state, run="run-1", progress=lambda *_: None)
    records = LineageStore(home_of(state).catalogue_url).records("run-1")
    return [record for record in records if record.step == "deploy"]


def test_what_is_registered_serves_from_then_on(tmp_path):
    (deployed,) = served(tmp_path, StepEntry("register", "register", DONE, 10.0, 2.0, inputs=(MODEL,), outputs=(ARTIFACT,)))
    assert deployed.inputs == (ARTIFACT,)
    assert (deployed.outputs[0].name, deployed.started_seconds) == ("serving/cpu-forecaster", 12.0)


def test_an_older_version_that_a_run_falls_back_to_is_a_deployment_of_it(tmp_path):
    manifest = models_of(tmp_path) / "cpu-forecaster" / "1.0.0" / "manifest.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_bytes(b"{}")
    done = {"cpu-forecaster": "1.0.1 -> 1.0.0", "memory-forecaster": "1.0.0 stays: there is no earlier version"}
    (deployed,) = served(tmp_path, StepEntry("fall-back", "fall-back", DONE, 10.0, 2.0, result={"fell_back": done}))
    assert deployed.inputs == (
        Entity(EntityKind.ARTIFACT, "cpu-forecaster", f"sha256:{hashlib.sha256(b'{}').hexdigest()}", "1.0.0"),
    )


def test_a_run_told_again_is_kept_once(tmp_path):
    entry = StepEntry("register", "register", DONE, 10.0, 2.0, inputs=(MODEL,), outputs=(ARTIFACT,))
    assert served(tmp_path, entry) == served(tmp_path)
