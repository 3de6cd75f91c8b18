"""Tracking and registering in an embedded MLflow: what is there afterwards, and that saying it again changes nothing."""

import json
import os
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from hydatis_anomaly import training
from hydatis_core.errors import ArtifactRefused, DependencyUnavailable, InvalidValue
from hydatis_core.seeds import generator
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_lifecycle.adapters.ec_key import EcSigner, EcVerifier, trusted_keys_beside
from hydatis_lifecycle.adapters.mlflow_registry import MlflowRegistry
from hydatis_lifecycle.adapters.stage_book import StageBook
from hydatis_lifecycle.cards.card import CardContext
from hydatis_lifecycle.lineage.record import Entity, EntityKind, StepRecord
from hydatis_lifecycle.signing.check import SignatureCheck
from hydatis_lifecycle.signing.statement import artifact_digest
from hydatis_lifecycle.stages import Facts, Stage
from hydatis_pipelines.lifecycle_home import LifecycleHome
from hydatis_pipelines.publish_step import publish
from hydatis_pipelines.tracking import track_run
from hydatis_pipelines.tracking.context import card_context
from hydatis_pipelines.tracking.families import FAMILIES
from hydatis_pipelines.tracking.stages import mirror_stages
from hydatis_pipelines.trained_model import TrainedModel
from hydatis_placement.after_state import COLUMN_DEFINITIONS
from hydatis_placement.q_function import QFunction

RAW = Entity(EntityKind.DATASET, "bitbrains", f"sha256:{'1' * 64}", "1.2.0")
MODELS = ("placement-policy", "anomaly-detector")


def policy() -> TrainedModel:
    inputs = len(COLUMN_DEFINITIONS)
    draw = generator(1, "test").standard_normal
    weights = (draw((inputs, 4)).astype(np.float32), draw((4, 1)).astype(np.float32))
    biases = (np.zeros(4, np.float32), np.zeros(1, np.float32))
    function = QFunction(np.zeros(inputs, np.float32), np.ones(inputs, np.float32), weights, biases)
    curve = [
        {"episode": float(i), "exploration": 1.0, "loss_mean": None if i == 0 else 0.5, "reward_mean": i / 10} for i in range(3)
    ]
    return TrainedModel(
        "placement-policy",
        "q_function",
        COLUMN_DEFINITIONS,
        ("q",),
        dict(function.to_files()),
        dataset_version=f"sha256:{'2' * 64}",
        training_run="run-7",
        metrics={"hydatis_throttled_core_seconds": 40.0, "stock_throttled_core_seconds": 90.0, "business_roi_candidate": 0.2},
        parameters={"discount": 0.1, "learning_curve": curve},
    )


def detector() -> TrainedModel:
    columns = training.columns_of(training.INPUTS)
    rows = np.random.default_rng(2).random((300, len(columns)), dtype=np.float32)
    forest = training.train(rows, seed=1, parameters=training.ForestParameters(tree_count=5, rows_per_tree=32))
    files = dict(forest.to_files())
    return TrainedModel("anomaly-detector", "isolation_forest", columns, forest.outputs, files, f"sha256:{'2' * 64}", "run-7")


class Tracked:
    """Two published models, registered once."""

    def __init__(self, root: Path) -> None:
        self.home = LifecycleHome(root / "lifecycle", {})
        self.models = root / "models"
        self.signer = EcSigner.from_file(self.home.signing_key)
        self.published = [publish(policy(), self.models, self.signer), publish(detector(), self.models, self.signer)]
        step = StepRecord("make-workload", "run-7", (RAW,), (Entity(EntityKind.WORKLOAD, "w", f"sha256:{'3' * 64}"),), 1.0, 2.0)
        self.contexts = {name: CardContext(lineage=(step,)) for name in MODELS}
        self.registered = self.track()
        self.registry = MlflowRegistry(self.home.mlflow_uri, self.home.mlflow_artifacts)

    def track(self):
        return track_run(self.home, self.published, contexts=self.contexts, business={"node_hours_saved": 3.5})

    def run(self, name: str):
        return self.registry.client.get_run(self.registered[name].run_id)


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    return Tracked(tmp_path_factory.mktemp("state"))


def test_each_family_has_an_experiment_of_its_own_and_none_shares_one():
    assert {family.experiment for family in FAMILIES.values()} == {"hydatis-forecasting", "hydatis-placement", "hydatis-anomaly"}


def test_a_run_holds_parameters_metrics_of_model_and_business_and_the_learning_curve(tracked):
    run = tracked.run("placement-policy")
    assert run.info.status == "FINISHED"
    assert run.data.params["discount"] == "0.1"
    assert run.data.params["version"] == "1.0.0"
    assert "learning_curve" not in run.data.params
    assert run.data.metrics["model/hydatis_throttled_core_seconds"] == 40.0
    assert run.data.metrics["business/roi_candidate"] == 0.2
    assert run.data.metrics["business/node_hours_saved"] == 3.5
    curve = tracked.registry.client.get_metric_history(run.info.run_id, "training/reward_mean")
    assert [(point.step, point.value) for point in curve] == [(0, 0.0), (1, 0.1), (2, 0.2)]
    assert run.data.tags["hydatis.training_run"] == "run-7"
    assert run.data.tags["hydatis.signer"] == tracked.signer.identity


def test_what_a_stranger_signed_is_not_registered(tracked, tmp_path):
    stranger = publish(policy(), tmp_path / "models", EcSigner.from_file(tmp_path / "keys" / "signing.pem"))
    with pytest.raises(ArtifactRefused, match="which is not trusted"):
        track_run(tracked.home, [stranger])


def test_a_run_names_the_data_it_was_trained_on(tracked):
    inputs = tracked.run("placement-policy").inputs.dataset_inputs
    told = {one.dataset.name: {tag.key: tag.value for tag in one.tags} for one in inputs}
    assert told["node-table"]["hydatis.digest"] == f"sha256:{'2' * 64}"
    assert told["bitbrains 1.2.0"] == {"mlflow.data.context": "raw", "hydatis.digest": RAW.digest}


def test_a_registered_version_has_the_signed_artifact_for_its_source_byte_for_byte(tracked):
    registered = tracked.registered["placement-policy"]
    assert (registered.version, registered.digest) == ("1.0.0", artifact_digest(tracked.published[0].manifest))
    copy = Path(registered.source.removeprefix("file://")) / "artifact"
    original = tracked.published[0].path
    assert {f.name: f.read_bytes() for f in copy.iterdir()} == {f.name: f.read_bytes() for f in original.iterdir()}
    fetched = tracked.home.root / "fetched"
    target = fetched / "placement-policy" / "1.0.0"
    target.parent.mkdir(parents=True)
    copy.rename(target)
    check = SignatureCheck(EcVerifier(trusted_keys_beside(tracked.home.signing_key)))
    assert ArtifactFolder(fetched, check).load("placement-policy", "1.0.0").signer == tracked.signer.identity
    target.rename(copy)


def test_beside_it_lie_card_bill_importance_and_plots(tracked):
    for name in MODELS:
        folder = Path(tracked.registered[name].source.removeprefix("file://")).parent
        assert {"card.md", "card.html", "sbom.cdx.json", "importance.json", "plots.html", "model"} <= set(os.listdir(folder))
        shares = json.loads((folder / "importance.json").read_text())["shares"]
        assert sum(shares.values()) == pytest.approx(1.0)
        assert list(shares.values()) == sorted(shares.values(), reverse=True)
        assert "https://cdn" not in (folder / "plots.html").read_text()[:2000]
        assert "bitbrains" in (folder / "sbom.cdx.json").read_text()


def test_mlflow_knows_inputs_and_outputs_and_can_run_nothing(tracked):
    import mlflow
    from mlflow.exceptions import MlflowException
    from mlflow.models import Model

    source = tracked.registered["anomaly-detector"].source
    model = Model.load(source.removeprefix("file://"))
    assert model.signature.outputs.input_names() == ["risk"]
    assert model.signature.inputs.input_names() == [name for name, _ in training.columns_of(training.INPUTS)]
    assert set(model.flavors) == {"hydatis"}
    assert os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    with pytest.raises(MlflowException, match="python_function"):
        mlflow.pyfunc.load_model(source)


def test_registering_again_finds_what_is_there(tracked):
    runs_before = len(tracked.registry.client.search_runs([e.experiment_id for e in tracked.registry.client.search_experiments()]))
    assert tracked.track() == tracked.registered
    runs = tracked.registry.client.search_runs([e.experiment_id for e in tracked.registry.client.search_experiments()])
    assert len(runs) == runs_before == 2
    assert [one.number for one in tracked.registry.versions("placement-policy")] == ["1"]


def test_aliases_and_tags_follow_the_stages_and_never_the_other_way(tracked):
    book, sound = StageBook(tracked.home.stages), Facts(True, True, True)
    for to, alias in ((Stage.STAGING, "staging"), (Stage.PRODUCTION, "production")):
        book.promote("placement-policy", "1.0.0", to, sound, time_seconds=1.0, who="x")
        assert mirror_stages(tracked.home, "placement-policy", book.stages("placement-policy")) == 1
        (there,) = tracked.registry.versions("placement-policy")
        assert there.stage == to.value
        assert tracked.registry.client.get_registered_model("placement-policy").aliases == {alias: 1}
    assert mirror_stages(tracked.home, "placement-policy", book.stages("placement-policy")) == 0
    assert card_context(tracked.home, tracked.published[0].manifest).stage == "production"


def test_an_mlflow_that_was_never_used_is_not_made_for_a_mirror(tmp_path):
    home = LifecycleHome(tmp_path / "lifecycle", {})
    assert mirror_stages(home, "placement-policy", {"1.0.0": Stage.PRODUCTION}) == 0
    assert not home.root.exists()


@pytest.mark.parametrize("uri", ["./mlruns", "file:///tmp/mlruns", "mlruns"])
def test_a_folder_is_no_address_of_mlflow_any_more(tmp_path, uri):
    with pytest.raises(InvalidValue, match="no address of MLflow"):
        MlflowRegistry(uri, tmp_path)


def test_a_database_that_is_none_is_said(tmp_path):
    (tmp_path / "mlflow.sqlite").write_bytes(b"no database at all, but long enough to look like one" * 40)
    with pytest.raises(DependencyUnavailable, match="file is not a database"):
        MlflowRegistry(f"sqlite:///{tmp_path / 'mlflow.sqlite'}", tmp_path)


def test_a_locked_database_is_said_and_nothing_of_the_published_models_changes(tracked, tmp_path, monkeypatch):
    other = publish(policy(), tmp_path / "models", tracked.signer)
    again = LifecycleHome(tracked.home.root, {"HYDATIS_MLFLOW_URI": f"{tracked.home.mlflow_uri}?timeout=0.1"})
    holder = sqlite3.connect(tracked.home.root / "mlflow.sqlite", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(DependencyUnavailable, match=r"database is locked.*registered again"):
            track_run(again, [other])
    finally:
        holder.execute("ROLLBACK")
        holder.close()
    assert ArtifactFolder(tmp_path / "models").load("placement-policy").manifest == other.manifest
