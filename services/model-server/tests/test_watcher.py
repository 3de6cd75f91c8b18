import pytest
from hydatis_core.errors import ArtifactRefused
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_model_server.metrics import ModelMetrics
from hydatis_model_server.watcher import CurrentWatcher
from prometheus_client import CollectorRegistry

NAME = "placement-policy"


@pytest.fixture
def watched(tmp_path):
    class Watched:
        folder = ArtifactFolder(tmp_path)
        registry = CollectorRegistry()

        def __init__(self):
            self.served = []

        def refused(self, version):
            return self.registry.get_sample_value("hydatis_artifact_refused_total", {"model": NAME, "version": version}) or 0

    watched = Watched()
    watched.watcher = CurrentWatcher(
        watched.folder, NAME, lambda version: watched.served.append(version.manifest.version), ModelMetrics(watched.registry, NAME)
    )
    return watched


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
