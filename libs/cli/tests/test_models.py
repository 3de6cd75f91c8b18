"""`hydatis models` on a state folder with real, tiny, signed models; and what `hydatis up` says to unsigned ones."""

import json

import numpy as np
import pytest
from hydatis_cli.console import out
from hydatis_cli.main import app
from hydatis_cli.signed_models import require_signed, signer_of_state, trusting_settings
from hydatis_cli.stack import Stack
from hydatis_cli.state_folder import StateFolder
from hydatis_core.errors import ArtifactRefused, HydatisError
from hydatis_core.seeds import generator
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_lifecycle.artifacts import Manifest, digest_files
from hydatis_placement.after_state import COLUMN_DEFINITIONS
from hydatis_placement.q_function import initial_q_function
from typer.testing import CliRunner

NAME = "placement-policy"


@pytest.fixture
def state(tmp_path, monkeypatch):
    for name in ("HYDATIS_SIGNING_KEY", "HYDATIS_SIGSTORE_IDENTITY", "HYDATIS_SIGSTORE_ISSUER", "HYDATIS_MLFLOW_URI"):
        monkeypatch.delenv(name, raising=False)
    return StateFolder(tmp_path / "state")


def publish(state, version, *, signed=True, **metrics):
    inputs = len(COLUMN_DEFINITIONS)
    function = initial_q_function(generator(1, "test"), np.zeros(inputs, np.float32), np.ones(inputs, np.float32), (4,))
    files = dict(function.to_files())
    manifest = Manifest(NAME, version, "q_function", COLUMN_DEFINITIONS, ("q",), "data", "run", metrics, {}, digest_files(files))
    return ArtifactFolder(state.models).publish(manifest, files, signer_of_state(state) if signed else None)


@pytest.fixture
def models(state):
    """Runs `hydatis models ...`; returns what it said."""

    def run(*arguments, code=0):
        with out.capture() as shown:
            done = CliRunner().invoke(app, ["models", *arguments, "--state", str(state.root)])
        if isinstance(done.exception, HydatisError):
            raise done.exception
        assert done.exit_code == code, done.output
        return done.stdout + shown.get()

    return run


def test_a_list_says_what_is_served_where_it_stands_and_who_signed(state, models):
    publish(state, "1.0.0")
    publish(state, "1.0.1", signed=False)
    first, second = json.loads(models("list", "--json"))
    assert (first["version"], first["current"], first["stage"], first["refused"]) == ("1.0.0", False, "none", "")
    assert first["signer"] == signer_of_state(state).identity
    assert (second["current"], second["signer"]) == (True, "")
    assert "the version is not signed" in second["refused"]
    assert second["digest"].startswith("sha256:")


def test_verifying_ends_with_an_error_when_a_version_is_refused(state, models):
    publish(state, "1.0.0")
    assert json.loads(models("verify", "--json"))[0]["verify_milliseconds"] > 0
    (publish(state, "1.0.1") / "q_function.npz").write_bytes(b"PK\x03\x04")
    assert "truncated" in models("verify", code=1).replace("\n", " ")


def test_models_from_before_are_signed_by_hand_and_then_the_stack_takes_them(state, models):
    publish(state, "1.0.0", signed=False)
    with pytest.raises(ArtifactRefused, match=r"the version is not signed.*hydatis models sign"):
        require_signed(state, NAME)
    assert "1.0.0: signed by" in models("sign")
    require_signed(state, NAME)
    assert "signed already" in models("sign")


def test_the_stack_trusts_the_key_of_its_state_folder_and_only_who_loads_models_is_told(state):
    told = {process.name: process.environment for process in Stack(state).processes()}
    keys = {name for name, environment in told.items() if any(key.endswith("_TRUSTED_KEYS") for key in environment)}
    assert keys == {*(name for name in told if name.startswith("model-")), "placement-policy"}
    publish(state, "1.0.0")
    (public,) = (state.root / "lifecycle" / "keys" / "trusted").iterdir()
    assert str(public.parent) == trusting_settings(state)["TRUSTED_KEYS"]


def test_a_version_is_promoted_served_and_rolled_back(state, models):
    for version in ("1.0.0", "1.0.1"):
        publish(state, version, business_roi_candidate=0.1)
    for version in ("1.0.0", "1.0.1"):
        models("promote", NAME, version, "--to", "staging")
        models("promote", NAME, version, "--to", "production")
    assert ArtifactFolder(state.models).current(NAME) == "1.0.1"
    told = json.loads(models("promote", NAME, "1.0.0", "--to", "production", "--json"))
    assert [(one["version"], one["after"]) for one in told["changes"]] == [("1.0.1", "archived"), ("1.0.0", "production")]
    assert told["mirrored"]
    assert ArtifactFolder(state.models).current(NAME) == "1.0.0"
    history = json.loads(models("show", NAME, "1.0.1", "--json"))["history"]
    assert [one["after"] for one in history] == ["staging", "production", "archived"]
    assert "is at production already" in models("promote", NAME, "1.0.0", "--to", "production")


def test_what_nobody_judged_or_signed_does_not_go_on(state, models):
    publish(state, "1.0.0")
    publish(state, "1.0.1", signed=False)
    models("promote", NAME, "1.0.0", "--to", "staging")
    with pytest.raises(HydatisError, match="no reason is given"):
        models("promote", NAME, "1.0.0", "--to", "production")
    models("promote", NAME, "1.0.0", "--to", "production", "--reason", "the first")
    with pytest.raises(HydatisError, match="no signature of a trusted key"):
        models("promote", NAME, "1.0.1", "--to", "staging", "--reason", "please")


def test_card_and_bill_are_written_whole_or_to_standard_output(state, models, tmp_path):
    publish(state, "1.0.0", reward=0.5)
    assert "| reward | 0.5 | unknown |" in models("card", NAME)
    models("card", NAME, "--html", "--out", str(tmp_path / "card.html"))
    assert (tmp_path / "card.html").read_text().startswith("<!doctype html>")
    bill = json.loads(models("sbom", NAME))
    assert bill["metadata"]["component"]["name"] == NAME
    assert "numpy" in {one["name"] for one in bill["components"]}


def test_a_name_or_version_that_is_not_there_is_said_with_those_that_are(state, models):
    publish(state, "1.0.0")
    with pytest.raises(HydatisError, match=r"no model 'nothing'.*placement-policy"):
        models("show", "nothing")
    with pytest.raises(HydatisError, match=r"no version 9\.9\.9.*1\.0\.0"):
        models("card", NAME, "9.9.9")
