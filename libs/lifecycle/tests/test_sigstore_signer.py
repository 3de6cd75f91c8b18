"""Sigstore as far as it goes without its servers: what is configured, and what is refused. Signing itself needs them."""

import json

import pytest
from hydatis_core.errors import ArtifactRefused, DependencyUnavailable, InvalidValue
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_lifecycle.adapters.ec_key import EcSigner, EcVerifier, trusted_keys_beside
from hydatis_lifecycle.adapters.signers import check_of, signer_of
from hydatis_lifecycle.adapters.sigstore_signer import TOKEN_VARIABLE, SigstoreIdentity, SigstoreSigner, SigstoreVerifier
from hydatis_lifecycle.signing.statement import statement_of

WHO = SigstoreIdentity("https://git.example.org/hydatis/.ci/train", "https://git.example.org")


@pytest.fixture
def key_file(tmp_path):
    return tmp_path / "keys" / "signing.pem"


@pytest.mark.parametrize(
    "environment", [{"HYDATIS_SIGSTORE_IDENTITY": "somebody"}, {"HYDATIS_SIGSTORE_ISSUER": "https://git.example.org"}]
)
def test_half_an_identity_is_refused(environment):
    with pytest.raises(InvalidValue, match="half of a Sigstore identity"):
        SigstoreIdentity.of(environment)


def test_the_environment_chooses_between_key_and_identity(key_file):
    assert SigstoreIdentity.of({}) is None
    chosen = SigstoreIdentity.of({"HYDATIS_SIGSTORE_IDENTITY": WHO.identity, "HYDATIS_SIGSTORE_ISSUER": WHO.issuer})
    assert chosen == WHO
    assert isinstance(signer_of(key_file, chosen), SigstoreSigner)
    assert not key_file.exists()
    assert isinstance(signer_of(key_file), EcSigner)


def test_nobody_configured_means_no_check(key_file):
    assert check_of(None) is None
    by_key, by_identity = check_of(key_file), check_of(None, WHO)
    assert by_key is not None
    assert by_identity is not None
    assert isinstance(by_key.verifier, EcVerifier)
    assert isinstance(by_identity.verifier, SigstoreVerifier)
    assert by_key.unsigned == "refuse"


def test_without_a_token_nothing_is_signed_and_nothing_published(tmp_path, make_manifest, files, monkeypatch):
    for name in (TOKEN_VARIABLE, "GITHUB_ACTIONS", "GITLAB_CI", "CIRCLECI", "BUILDKITE"):
        monkeypatch.delenv(name, raising=False)
    folder = ArtifactFolder(tmp_path / "models")
    with pytest.raises(DependencyUnavailable, match=r"no identity to sign by|did not sign"):
        folder.publish(make_manifest(), files, SigstoreSigner(WHO))
    assert folder.versions("placement-policy") == ()


def test_a_token_that_is_none_is_refused_without_being_said_back(monkeypatch, tmp_path):
    monkeypatch.setenv(TOKEN_VARIABLE, "s3cr3t")
    broken = SigstoreIdentity(WHO.identity, WHO.issuer, tmp_path / "nothing.json")
    with pytest.raises(DependencyUnavailable, match=r"nothing\.json: Sigstore's roots of trust cannot be read") as refused:
        SigstoreSigner(broken).sign(b"{}")
    assert "s3cr3t" not in str(refused.value)


def test_roots_of_trust_that_are_none_refuse_what_is_loaded(tmp_path, key_file, make_manifest):
    (tmp_path / "trust.json").write_text("{}")
    verifier = SigstoreVerifier(SigstoreIdentity(WHO.identity, WHO.issuer, tmp_path / "trust.json"))
    with pytest.raises(ArtifactRefused, match="roots of trust cannot be read"):
        verifier.verify(EcSigner.from_file(key_file).sign(statement_of(make_manifest())))


@pytest.fixture
def public_roots():
    """The public Sigstore's roots as the library carries them, if it can read them without a network."""
    try:
        WHO.trust_config(offline=True)
    except DependencyUnavailable as missing:
        pytest.fail(f"the library's own roots must do: {missing}")


@pytest.mark.parametrize("data", [b"", b"{}", b"no json"])
def test_what_is_no_bundle_is_refused(public_roots, data):
    with pytest.raises(ArtifactRefused, match="not signed by https://git"):
        SigstoreVerifier(WHO).verify(data)


def test_a_signature_by_a_key_is_none_of_an_identity(public_roots, key_file, make_manifest):
    signature = EcSigner.from_file(key_file).sign(statement_of(make_manifest()))
    with pytest.raises(ArtifactRefused, match="not signed by https://git"):
        SigstoreVerifier(WHO).verify(signature)


def test_with_keys_and_an_identity_each_signature_is_held_against_its_own(public_roots, key_file, make_manifest):
    signature = EcSigner.from_file(key_file).sign(statement_of(make_manifest()))
    check = check_of(trusted_keys_beside(key_file), WHO)
    assert check is not None
    assert check.signed_files(signature).signer == EcSigner.from_file(key_file).identity
    value = json.loads(signature)
    value["verificationMaterial"] = {"certificate": {"rawBytes": "MAA="}, "tlogEntries": []}
    with pytest.raises(ArtifactRefused, match="not signed by https://git"):
        check.signed_files(json.dumps(value).encode())
