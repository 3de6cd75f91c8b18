import numpy as np
import pytest
from hydatis_core.errors import ArtifactRefused, UnknownColumn
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_model_server.inference import InferCall
from hydatis_model_server.metrics import ModelMetrics
from hydatis_model_server.watcher import CurrentWatcher
from prometheus_client import CollectorRegistry

NAME = "placement-policy"


class Watched:
    """A watcher of one model, with what it handed over to be served."""

    def __init__(self, models_dir, name):
        self.name = name
        self.folder = ArtifactFolder(models_dir)
        self.registry = CollectorRegistry()
        self.versions = []
        self.watcher = CurrentWatcher(self.folder, name, self.versions.append, ModelMetrics(self.registry, name))

    @property
    def served(self):
        return [version.manifest.version for version in self.versions]

    def refused(self, version):
        return self.registry.get_sample_value("hydatis_artifact_refused_total", {"model": self.name, "version": version}) or 0


@pytest.fixture
def watched(tmp_path):
    return Watched(tmp_path, NAME)


async def test_a_version_that_becomes_current_is_served_once(watched, kit, tmp_path):
    kit.publish_q(tmp_path, "1.0.0")
    watched.watcher.serve_latest_good()
    await watched.watcher.check()
    kit.publish_q(tmp_path, "1.0.1")
    await watched.watcher.check()
    await watched.watcher.check()
    assert watched.served == ["1.0.0", "1.0.1"]


async def test_going_back_to_an_older_version_is_followed(watched, kit, tmp_path):
    kit.publish_q(tmp_path, "1.0.0")
    kit.publish_q(tmp_path, "1.0.1")
    watched.watcher.serve_latest_good()
    watched.folder.set_current(NAME, "1.0.0")
    await watched.watcher.check()
    assert watched.served == ["1.0.1", "1.0.0"]


async def test_a_tampered_version_is_counted_and_the_old_one_stays(watched, kit, tmp_path):
    kit.publish_q(tmp_path, "1.0.0")
    watched.watcher.serve_latest_good()
    _, path = kit.publish_q(tmp_path, "1.0.1")
    weights = path / "q_function.npz"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    await watched.watcher.check()
    assert watched.served == ["1.0.0"]
    assert watched.refused("1.0.1") == 1


async def test_a_current_file_that_is_nonsense_or_gone_changes_nothing(watched, kit, tmp_path):
    kit.publish_q(tmp_path, "1.0.0")
    watched.watcher.serve_latest_good()
    current = tmp_path / NAME / "CURRENT"
    current.write_text("rm -rf")
    await watched.watcher.check()
    assert watched.refused("CURRENT") == 1
    current.unlink()
    await watched.watcher.check()
    assert watched.served == ["1.0.0"]


def test_at_the_start_a_version_that_verifies_but_cannot_answer_is_passed_over(watched, kit, tmp_path):
    kit.publish_q(tmp_path, "1.0.0")
    kit.publish(tmp_path, NAME, "q_function", kit.state_columns[:3], ("q",), kit.q_function(1).to_files(), "1.0.1")
    watched.watcher.serve_latest_good()
    assert watched.served == ["1.0.0"]
    assert watched.refused("1.0.1") == 1


def test_with_no_version_at_all_it_says_so(watched):
    with pytest.raises(ArtifactRefused, match="nothing is published"):
        watched.watcher.serve_latest_good()


class Columns:
    """A watched forecaster, whose columns callers may lack."""

    def __init__(self, models_dir, kit):
        self.kit, self.models_dir = kit, models_dir
        self.watched = Watched(models_dir, "cpu-forecaster")
        self.right = tuple(kit.input_columns)
        self.other = ("another", "aaaaaaaaaaaa")
        self.wrong = (self.other, *self.right[1:])

    def publish(self, version, columns):
        self.kit.publish_forecaster(self.models_dir, version, columns)

    def send(self, columns):
        """A row as callers send it, to whatever serves."""
        self.watched.versions[-1].prepare(InferCall(np.zeros((1, len(columns)), np.float32), self.kit.layout(columns)))


@pytest.fixture
def columns(tmp_path, kit):
    return Columns(tmp_path, kit)


async def test_a_version_that_does_not_fit_what_callers_send_is_refused_and_the_old_one_stays(columns):
    watched = columns.watched
    columns.publish("1.0.0", columns.right)
    watched.watcher.serve_latest_good()
    columns.send(columns.right)
    columns.publish("1.0.1", columns.wrong)
    await watched.watcher.check()
    await watched.watcher.check()
    assert watched.served == ["1.0.0"]
    assert watched.refused("1.0.1") == 1


async def test_a_version_refused_for_its_columns_is_served_once_callers_send_them(columns):
    watched = columns.watched
    columns.publish("1.0.0", columns.right)
    watched.watcher.serve_latest_good()
    columns.send(columns.right)
    columns.publish("1.0.1", columns.wrong)
    await watched.watcher.check()
    columns.send((*columns.right, columns.other))
    await watched.watcher.check()
    assert watched.served == ["1.0.0", "1.0.1"]


async def test_a_version_that_fits_nobody_gives_way_to_the_newest_before_it_that_does(columns):
    watched = columns.watched
    for version, wanted in (("1.0.0", columns.right), ("1.0.1", columns.right), ("1.0.2", columns.wrong), ("1.0.3", columns.wrong)):
        columns.publish(version, wanted)
    watched.watcher.serve_latest_good()
    with pytest.raises(UnknownColumn):
        columns.send(columns.right)
    await watched.watcher.check()
    assert watched.served == ["1.0.3", "1.0.1"]
    assert watched.refused("1.0.3") == 1
    columns.send(columns.right)
    await watched.watcher.check()
    assert watched.served == ["1.0.3", "1.0.1"]


async def test_a_version_that_answers_somebody_does_not_give_way_to_a_caller_with_other_columns(columns):
    watched = columns.watched
    columns.publish("1.0.0", columns.wrong)
    columns.publish("1.0.1", columns.right)
    watched.watcher.serve_latest_good()
    columns.send(columns.right)
    with pytest.raises(UnknownColumn):
        columns.send(columns.wrong)
    await watched.watcher.check()
    assert watched.served == ["1.0.1"]


async def test_with_no_version_that_fits_the_misfit_stays_and_is_refused_once(columns):
    watched = columns.watched
    columns.publish("1.0.0", columns.wrong)
    watched.watcher.serve_latest_good()
    with pytest.raises(UnknownColumn):
        columns.send(columns.right)
    await watched.watcher.check()
    await watched.watcher.check()
    assert watched.served == ["1.0.0"]
    assert watched.refused("1.0.0") == 1
