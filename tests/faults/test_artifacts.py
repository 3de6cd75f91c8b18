"""A bad artifact becomes CURRENT while the stack runs: refused with its reason, and the version before it goes on serving."""

import json
import shutil
import signal
from dataclasses import replace

import pytest
from hydatis_cli.served_models import served_versions
from hydatis_cli.signed_models import signer_of_state
from hydatis_cli.stack import MODELS
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_lifecycle.artifacts import digest_files, manifest_to_json
from hydatis_lifecycle.signing.statement import statement_of

BAD_VERSION = "9.9.9"


def copied(folder, model):
    """Manifest and files of the current version, as those of the next."""
    artifact = folder.load(model)
    return replace(artifact.manifest, version=BAD_VERSION), dict(artifact.files)


def truncated(manifest, files):
    """Its largest file ends in the middle, as after a full disk."""
    largest = max(files, key=lambda name: len(files[name]))
    return manifest, files | {largest: files[largest][: len(files[largest]) // 2]}


def tampered(manifest, files):
    """One bit of its largest file is another."""
    largest = max(files, key=lambda name: len(files[name]))
    middle = len(files[largest]) // 2
    data = files[largest]
    return manifest, files | {largest: data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]}


def incompatible(manifest, files):
    """Whole and well signed, but trained on a column that is defined otherwise than the one that is sent."""
    name, definition = manifest.columns[0]
    columns = ((name, "0123456789ab"), *manifest.columns[1:])
    changed = {
        file: data.replace(definition.encode(), b"0123456789ab") if file.endswith(".json") else data for file, data in files.items()
    }
    return replace(manifest, columns=columns, files=digest_files(changed)), changed


@pytest.fixture
def publish_bad(stack):
    """Puts a damaged copy of each model's current version into the models folder, and makes it CURRENT."""
    folder, signer = ArtifactFolder(stack.state.models), signer_of_state(stack.state)
    before = {model: folder.current(model) for model in MODELS}

    def publish(damage):
        for model in MODELS:
            manifest, files = damage(*copied(folder, model))
            target = stack.state.models / model / BAD_VERSION
            target.mkdir()
            (target / "manifest.json").write_bytes(manifest_to_json(manifest))
            (target / "model.sig").write_bytes(signer.sign(statement_of(manifest)))  # well signed: only then its files count
            for name, data in files.items():
                (target / name).write_bytes(data)
            point_to(model, BAD_VERSION)
        return before

    def point_to(model, version):
        new = stack.state.models / model / ".CURRENT.new"
        new.write_text(f"{version}\n")
        new.replace(stack.state.models / model / "CURRENT")

    yield publish
    for model, version in before.items():
        point_to(model, version)
        shutil.rmtree(stack.state.models / model / BAD_VERSION, ignore_errors=True)


def refusals(faults, process):
    """Log lines that refuse the bad version."""
    return [line for line in faults.log(process) if BAD_VERSION in json.dumps(line) and "refused" in line["message"]]


@pytest.mark.parametrize("damage", [truncated, tampered, incompatible])
def test_a_bad_artifact_is_refused_with_its_reason_and_the_version_before_goes_on_serving(faults, chaos, publish_bad, damage):
    logged = {model: len(refusals(faults, f"model-{model}")) for model in MODELS}
    seen = {}

    def publish():
        faults.wait_whole("the test before")
        seen["before"] = faults.metrics("scheduler-plugin")
        seen["refused"] = {model: faults.count(f"model-{model}", "hydatis_artifact_refused_total") for model in MODELS}
        seen["local"] = faults.count("placement-policy", "hydatis_artifact_refused_total")
        seen["served"] = publish_bad(damage)

    def refused():
        for model in MODELS:
            process = f"model-{model}"
            chaos.until(
                lambda p=process, m=model: (
                    faults.count(p, "hydatis_artifact_refused_total", version=BAD_VERSION) > 0
                    and faults.count(p, "hydatis_artifact_refused_total") > seen["refused"][m]
                ),
                f"{process} refuses the {damage.__name__} version",
            )

        # placement-policy's own copy of the policy is held to the same rules
        chaos.until(
            lambda: faults.count("placement-policy", "hydatis_artifact_refused_total", model="placement-policy") > seen["local"],
            "placement-policy refuses its copy",
        )

    replayed = faults.replay({50: publish, 51: refused})

    decided = chaos.rungs(chaos.differences(seen["before"], faults.metrics("scheduler-plugin")))
    assert chaos.only(decided)
    assert replayed.undecided == ()
    assert served_versions(faults.stack.extender_url) == seen["served"]
    for model, version in seen["served"].items():
        process = f"model-{model}"
        told = refusals(faults, process)[logged[model] :]
        assert told
        assert told[-1]["reason"]
        assert told[-1]["serving"] == version
        assert faults.count(process, "hydatis_model_served", version=version) == 1
    faults.note(f"{damage.__name__} artifacts", outage="none", reason=told[-1]["reason"])


def test_a_model_server_that_starts_with_an_incompatible_version_goes_back_to_one_that_fits(faults, chaos, publish_bad):
    seen = {}

    def publish_and_kill():
        faults.wait_whole("the test before")
        seen["served"] = publish_bad(incompatible)
        seen["pid"] = faults.send("model-cpu-forecaster", signal.SIGKILL)

    def recover():
        faults.wait_started_again("model-cpu-forecaster", seen["pid"])
        faults.wait_whole("the model server went back")

    replayed = faults.replay({50: publish_and_kill, 51: recover})
    assert replayed.undecided == ()
    assert served_versions(faults.stack.extender_url) == seen["served"]
