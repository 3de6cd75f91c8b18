import os
import threading
from pathlib import Path

import pytest
from hydatis_core.errors import ArtifactRefused
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_lifecycle.artifacts import digest_files, manifest_to_json

NAME = "placement-policy"


@pytest.fixture
def folder(tmp_path):
    return ArtifactFolder(tmp_path / "models")


def test_what_was_published_is_loaded_bit_for_bit(folder, make_manifest, files):
    path = folder.publish(make_manifest(), files)
    artifact = folder.load(NAME)
    assert artifact.manifest == make_manifest()
    assert artifact.files == files
    assert path == folder.models_dir / NAME / "1.0.0"
    assert folder.current(NAME) == "1.0.0"


def test_nothing_is_there_before_something_is_published(folder):
    assert folder.versions(NAME) == ()
    assert folder.current(NAME) is None
    assert folder.current_stamp(NAME) is None
    with pytest.raises(ArtifactRefused, match="no current version"):
        folder.load(NAME)
    with pytest.raises(ArtifactRefused, match="nothing is published"):
        folder.load_latest_good(NAME)


def test_publishing_leaves_no_other_files_behind(folder, make_manifest, files):
    folder.publish(make_manifest("1.0.0"), files)
    with pytest.raises(ArtifactRefused, match="published already"):
        folder.publish(make_manifest("1.0.0"), files)
    assert sorted(os.listdir(folder.models_dir / NAME)) == [".lock", "1.0.0", "CURRENT"]


def test_files_that_are_not_those_of_the_manifest_are_never_published(folder, make_manifest, files):
    with pytest.raises(ArtifactRefused):
        folder.publish(make_manifest(), files | {"weights.npz": b"PK\x03\x04"})
    assert folder.versions(NAME) == ()


def test_a_published_version_never_changes(folder, make_manifest, files):
    folder.publish(make_manifest(), files)
    other = {"settings.json": b"{}"}
    with pytest.raises(ArtifactRefused, match="published already"):
        folder.publish(make_manifest(files=digest_files(other)), other)
    assert folder.load(NAME).files == files


def test_an_older_version_published_late_does_not_take_the_place_of_a_newer(folder, make_manifest, files):
    folder.publish(make_manifest("1.0.2"), files)
    stamp = folder.current_stamp(NAME)
    folder.publish(make_manifest("1.0.1"), files)
    assert folder.current(NAME) == "1.0.2"
    assert folder.current_stamp(NAME) == stamp
    assert folder.versions(NAME) == ("1.0.1", "1.0.2")


def test_current_can_be_moved_back_and_its_stamp_tells(folder, make_manifest, files):
    folder.publish(make_manifest("1.0.0"), files)
    folder.publish(make_manifest("1.0.1"), files)
    stamp = folder.current_stamp(NAME)
    folder.set_current(NAME, "1.0.0")
    assert folder.load(NAME).manifest.version == "1.0.0"
    assert folder.current_stamp(NAME) != stamp
    with pytest.raises(ArtifactRefused, match="not there"):
        folder.set_current(NAME, "9.0.0")


def test_many_publish_at_once_and_each_version_is_whole(folder, make_manifest, files):
    start, outcomes = threading.Barrier(8), []

    def publish(version):
        start.wait()
        try:
            folder.publish(make_manifest(version), files)
            outcomes.append(version)
        except ArtifactRefused:
            outcomes.append(None)

    versions = [f"1.0.{i // 2}" for i in range(8)]  # each version by two publishers
    threads = [threading.Thread(target=publish, args=(version,)) for version in versions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(filter(None, outcomes)) == ["1.0.0", "1.0.1", "1.0.2", "1.0.3"]
    assert folder.current(NAME) == "1.0.3"
    for version in folder.versions(NAME):
        assert folder.load(NAME, version).files == files


def _replace(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


def _link(path: Path, target: Path) -> None:
    target.write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(target)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda d: _replace(d / "weights.npz", (d / "weights.npz").read_bytes()[:-7]), "weights.npz: the file is truncated"),
        (lambda d: _replace(d / "settings.json", b'{"a": 2}'), "settings.json: the digest is"),
        (lambda d: _replace(d / "settings.json", b"{" * 1000), "settings.json: it is longer"),
        (lambda d: (d / "weights.npz").unlink(), "weights.npz: the file is missing"),
        (lambda d: (d / "manifest.json").unlink(), "manifest.json: the file is missing"),
        (lambda d: _replace(d / "manifest.json", b"{}"), "the key is missing"),
        (lambda d: (d / "extra.npz").write_bytes(b"PK"), "extra.npz: the file is not in the manifest"),
        (lambda d: _link(d / "weights.npz", d.parent / "elsewhere.npz"), "weights.npz: it is a symlink"),
        (lambda d: _link(d / "manifest.json", d.parent / "elsewhere.json"), "manifest.json: it is a symlink"),
        (lambda d: ((d / "weights.npz").unlink(), (d / "weights.npz").mkdir()), "weights.npz: it is"),
        (lambda d: ((d / "weights.npz").unlink(), os.mkfifo(d / "weights.npz")), "weights.npz: it is no regular file"),
        (lambda d: (d.rename(d.parent / "away"), d.symlink_to(d.parent / "away")), "it is a symlink or no folder"),
    ],
)
def test_a_spoiled_version_is_refused_and_the_one_before_is_served(folder, make_manifest, files, spoil, reason):
    folder.publish(make_manifest("1.0.0"), files)
    path = folder.publish(make_manifest("1.0.1"), files)
    spoil(path)
    with pytest.raises(ArtifactRefused) as refused:
        folder.load(NAME)
    assert reason in str(refused.value)
    good = folder.load_latest_good(NAME)
    assert good.artifact.manifest.version == "1.0.0"
    assert [refusal.version for refusal in good.refusals] == ["1.0.1"]
    assert reason in good.refusals[0].reason


def test_a_version_newer_than_the_current_is_not_fallen_forward_to(folder, make_manifest, files):
    for version in ("1.0.0", "1.0.1", "1.0.2"):
        folder.publish(make_manifest(version), files)
    folder.set_current(NAME, "1.0.1")
    (folder.models_dir / NAME / "1.0.1" / "weights.npz").unlink()
    assert folder.load_latest_good(NAME).artifact.manifest.version == "1.0.0"


def test_a_current_file_that_names_no_version_is_reported_and_passed_over(folder, make_manifest, files):
    folder.publish(make_manifest(), files)
    (folder.models_dir / NAME / "CURRENT").write_text("../../etc")
    good = folder.load_latest_good(NAME)
    assert good.artifact.manifest.version == "1.0.0"
    assert good.refusals[0].version == "CURRENT"


def test_a_version_that_verifies_but_is_not_accepted_is_passed_over(folder, make_manifest, files):
    for version in ("1.0.0", "1.0.1"):
        folder.publish(make_manifest(version), files)

    def accept(artifact):
        if artifact.manifest.version == "1.0.1":
            raise ArtifactRefused("it does not answer")

    good = folder.load_latest_good(NAME, accept)
    assert good.artifact.manifest.version == "1.0.0"
    assert good.refusals[0].reason == "it does not answer"


def test_when_no_version_is_whole_every_reason_is_said(folder, make_manifest, files):
    for version in ("1.0.0", "1.0.1"):
        (folder.publish(make_manifest(version), files) / "weights.npz").unlink()
    with pytest.raises(ArtifactRefused, match=r"1\.0\.1: weights.*1\.0\.0: weights"):
        folder.load_latest_good(NAME)


def test_a_manifest_of_another_name_or_version_is_refused(folder, make_manifest, files):
    path = folder.publish(make_manifest(), files)
    for other in (make_manifest(name="cpu-forecaster"), make_manifest("1.0.1")):
        _replace(path / "manifest.json", manifest_to_json(other))
        with pytest.raises(ArtifactRefused, match="the manifest says"):
            folder.load(NAME)


@pytest.mark.parametrize("name", ["..", "a/b", "/etc", "", ".hidden", "A"])
def test_names_that_lead_elsewhere_are_refused(folder, name):
    with pytest.raises(ArtifactRefused, match="not a model name"):
        folder.load(name)


@pytest.mark.parametrize("version", ["..", "1.0.0/..", "", "../other/1.0.0"])
def test_versions_that_lead_elsewhere_are_refused(folder, make_manifest, files, version):
    folder.publish(make_manifest(), files)
    with pytest.raises(ArtifactRefused, match="not a version"):
        folder.load(NAME, version)
