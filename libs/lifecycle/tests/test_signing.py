"""Our signatures, and those of the reference implementation of OpenSSF Model Signing: each reads the other's."""

import base64
import json
import os
import stat
import threading

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hydatis_core.errors import ArtifactRefused, DependencyUnavailable, InvalidValue
from hydatis_lifecycle.adapters.artifact_folder import ArtifactFolder
from hydatis_lifecycle.adapters.ec_key import EcSigner, EcVerifier, trusted_keys_beside
from hydatis_lifecycle.artifacts import digest_files, manifest_to_json
from hydatis_lifecycle.signing.bundle import Bundle, pre_authentication_encoding, read_bundle, write_bundle
from hydatis_lifecycle.signing.check import SignatureCheck
from hydatis_lifecycle.signing.statement import artifact_digest, read_statement, root_digest, signed_digests, statement_of

NAME = "placement-policy"


@pytest.fixture
def key_file(tmp_path):
    return tmp_path / "keys" / "signing.pem"


@pytest.fixture
def signer(key_file):
    return EcSigner.from_file(key_file)


@pytest.fixture
def trusted(key_file):
    return trusted_keys_beside(key_file)


@pytest.fixture
def folder(tmp_path, signer, trusted):
    return ArtifactFolder(tmp_path / "models", SignatureCheck(EcVerifier(trusted)))


def test_the_encoding_that_is_signed_is_that_of_the_dsse_specification():
    assert pre_authentication_encoding(b"hello world") == b"DSSEv1 28 application/vnd.in-toto+json 11 hello world"


def test_a_statement_says_every_file_and_the_manifest_and_reads_back(make_manifest):
    manifest = make_manifest()
    digests = read_statement(statement_of(manifest))
    assert digests == signed_digests(manifest)
    assert sorted(digests) == ["manifest.json", "settings.json", "weights.npz"]
    assert artifact_digest(manifest) == f"sha256:{digests['manifest.json']}"
    assert artifact_digest(manifest) != artifact_digest(make_manifest(metrics={"reward": 0.5}))


def test_the_root_digest_is_over_the_digests_in_the_order_of_the_names():
    digests = {"z": "aa" * 32, "b": "bb" * 32}  # so: SHA-256 of 32 bytes 0xbb, then 32 bytes 0xaa
    assert root_digest(digests) == "sha256:0393ab96b890b91266b63c748c51063fc8d8b802d25382b203bb302bb8864bde"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda v: v.update(predicateType="https://model_signing/Digests/v0.1"), "another kind"),
        (lambda v: v["predicate"]["serialization"].update(method="shards"), "another kind"),
        (lambda v: v["predicate"]["resources"].pop(), "root digest"),
        (lambda v: v["predicate"]["resources"].append(v["predicate"]["resources"][0]), "twice"),
        (lambda v: v["predicate"]["resources"][0].update(algorithm="blake2b"), "without its SHA-256"),
        (lambda v: v["predicate"].update(resources=[]), "0 files"),
        (lambda v: v.update(subject=[]), "no statement"),
    ],
)
def test_a_statement_of_another_form_is_refused(make_manifest, change, reason):
    value = json.loads(statement_of(make_manifest()))
    change(value)
    with pytest.raises(ArtifactRefused, match=reason):
        read_statement(json.dumps(value).encode())


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff", b"[" * 5000, b'{"mediaType": 1}', b" " * (1 << 19)])
def test_bytes_that_are_no_bundle_are_refused(data):
    with pytest.raises(ArtifactRefused, match=r"model\.sig"):
        read_bundle(data)


def test_a_bundle_reads_back_and_holds_one_signature():
    bundle = Bundle(b"{}", b"\x00\x01", "ab" * 32)
    assert read_bundle(write_bundle(bundle)) == bundle
    value = json.loads(write_bundle(bundle))
    value["dsseEnvelope"]["signatures"] *= 2
    with pytest.raises(ArtifactRefused, match="2 signatures"):
        read_bundle(json.dumps(value).encode())


def test_a_key_is_made_once_and_only_its_owner_reads_it(key_file, trusted):
    signers, start = [], threading.Barrier(6)

    def make():
        start.wait()
        signers.append(EcSigner.from_file(key_file).identity)

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(signers) == 6
    assert len(set(signers)) == 1
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(key_file.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in trusted.iterdir()] == [f"{signers[0][:16]}.pem"]
    assert sorted(os.listdir(key_file.parent)) == ["signing.pem", "trusted"]


def test_a_signer_does_not_show_its_key(signer, key_file):
    secret = key_file.read_text().splitlines()[1]
    assert secret not in repr(signer) + str(signer) + signer.sign(b"{}").decode()
    assert "_key" not in repr(signer)


@pytest.mark.parametrize("content", ["", "no key", "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_key_is_refused_without_being_said_back(key_file, content):
    key_file.parent.mkdir()
    key_file.write_text(content)
    key_file.chmod(0o600)
    with pytest.raises(InvalidValue, match=r"no private key.*P-256") as refused:
        EcSigner.from_file(key_file)
    assert "c2VjcmV0" not in str(refused.value)


def test_a_key_of_another_curve_is_refused(key_file):
    key = ec.generate_private_key(ec.SECP384R1())
    key_file.parent.mkdir()
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    key_file.chmod(0o600)
    with pytest.raises(InvalidValue, match="P-256"):
        EcSigner.from_file(key_file)


def test_a_key_that_everybody_may_read_is_refused(signer, key_file):
    key_file.chmod(0o644)
    with pytest.raises(InvalidValue, match="chmod 600"):
        EcSigner.from_file(key_file)


def test_without_a_key_nothing_is_made_unless_it_may_be(key_file, tmp_path):
    with pytest.raises(DependencyUnavailable, match="No such file"):
        EcSigner.from_file(key_file, create=False)
    (tmp_path / "file").write_text("")
    with pytest.raises(DependencyUnavailable, match="cannot be used"):
        EcSigner.from_file(tmp_path / "file" / "signing.pem")


def test_what_is_published_signed_is_loaded_and_says_by_whom(folder, signer, make_manifest, files):
    path = folder.publish(make_manifest(), files, signer)
    assert sorted(os.listdir(path)) == ["manifest.json", "model.sig", "settings.json", "weights.npz"]
    artifact = folder.load(NAME)
    assert artifact.signer == signer.identity
    assert artifact.files == files


def test_who_asks_for_no_signature_takes_signed_and_unsigned_ones(folder, signer, make_manifest, files):
    folder.publish(make_manifest("1.0.0"), files, signer)
    folder.publish(make_manifest("1.0.1"), files)
    unasked = ArtifactFolder(folder.models_dir)
    assert [unasked.load(NAME, version).signer for version in ("1.0.0", "1.0.1")] == ["", ""]


def test_an_unsigned_version_is_refused_unless_it_is_accepted_and_a_bad_signature_always(
    folder, signer, trusted, make_manifest, files
):
    path = folder.publish(make_manifest(), files)
    with pytest.raises(ArtifactRefused, match=r"model\.sig: the version is not signed"):
        folder.load(NAME)
    lenient = ArtifactFolder(folder.models_dir, SignatureCheck(EcVerifier(trusted), unsigned="accept"))
    assert lenient.load(NAME).signer == ""
    (path / "model.sig").write_bytes(b"{}")
    with pytest.raises(ArtifactRefused, match="no signature bundle"):
        lenient.load(NAME)


def resign(path, change):
    value = json.loads((path / "model.sig").read_bytes())
    change(value["dsseEnvelope"])
    (path / "model.sig").write_text(json.dumps(value))


def _swap_payload(envelope):
    envelope["payload"] = base64.b64encode(base64.b64decode(envelope["payload"]).replace(b"1.0.1", b"1.0.2")).decode()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda d: (d / "model.sig").unlink(), "the version is not signed"),
        (lambda d: (d / "model.sig").write_bytes(b""), "no signature bundle"),
        (lambda d: resign(d, _swap_payload), "the signature is not by key"),
        (lambda d: resign(d, lambda e: e["signatures"][0].update(sig="MAA=")), "the signature is not by key"),
        (lambda d: (d / "weights.npz").write_bytes(b"PK\x03\x04" + b"\0" * 300), r"weights\.npz: "),
        (lambda d: (d / "manifest.json").write_bytes(b"{" * 99), r"manifest\.json: the digest is .* not the one that was signed"),
    ],
)
def test_a_spoiled_version_is_refused_and_the_one_before_is_served(folder, signer, make_manifest, files, spoil, reason):
    folder.publish(make_manifest("1.0.0"), files, signer)
    spoil(folder.publish(make_manifest("1.0.1"), files, signer))
    with pytest.raises(ArtifactRefused, match=reason):
        folder.load(NAME)
    assert folder.load_latest_good(NAME).artifact.manifest.version == "1.0.0"


def test_digests_made_to_match_do_not_help_who_has_no_key(folder, signer, make_manifest, files):
    """Somebody who may write the folder changes a file and the manifest with it: what digests alone would take."""
    path = folder.publish(make_manifest(), files, signer)
    forged = files | {"settings.json": b'{"a": 2}'}
    (path / "settings.json").write_bytes(forged["settings.json"])
    (path / "manifest.json").write_bytes(manifest_to_json(make_manifest(files=digest_files(forged))))
    assert ArtifactFolder(folder.models_dir).load(NAME).files == forged
    with pytest.raises(ArtifactRefused, match=r"manifest\.json: .* not the one that was signed"):
        folder.load(NAME)


def test_a_good_signature_of_another_version_does_not_carry_over(folder, signer, make_manifest, files):
    old = folder.publish(make_manifest("1.0.0"), files, signer)
    new = folder.publish(make_manifest("1.0.1"), files)
    (new / "model.sig").write_bytes((old / "model.sig").read_bytes())
    with pytest.raises(ArtifactRefused, match="not the one that was signed"):
        folder.load(NAME)
    (new / "manifest.json").write_bytes((old / "manifest.json").read_bytes())  # the whole old version under the new name
    with pytest.raises(ArtifactRefused, match=r"version: the manifest says 1\.0\.0"):
        folder.load(NAME)


def test_a_signature_of_fewer_files_is_refused(folder, signer, make_manifest, files):
    path = folder.publish(make_manifest(), files)
    statement = json.loads(statement_of(make_manifest()))
    resources = statement["predicate"]["resources"]
    resources[:] = [item for item in resources if item["name"] != "weights.npz"]
    root = root_digest({item["name"]: item["digest"] for item in resources}).removeprefix("sha256:")
    statement["subject"][0]["digest"]["sha256"] = root
    (path / "model.sig").write_bytes(signer.sign(json.dumps(statement).encode()))
    with pytest.raises(ArtifactRefused, match=r"weights\.npz: the signature is not of the file"):
        folder.load(NAME)


def test_a_key_that_is_not_trusted_is_refused_and_named(folder, trusted, make_manifest, files, tmp_path):
    other = EcSigner.from_file(tmp_path / "other" / "signing.pem")
    folder.publish(make_manifest(), files, other)
    with pytest.raises(ArtifactRefused, match=f"signed by key {other.identity[:16]}, which is not trusted"):
        folder.load(NAME)


def test_keys_are_changed_while_both_are_trusted(folder, signer, key_file, trusted, make_manifest, files):
    folder.publish(make_manifest("1.0.0"), files, signer)
    key_file.rename(key_file.with_name("old.pem"))
    new = EcSigner.from_file(key_file)
    folder.publish(make_manifest("1.0.1"), files, new)
    assert [folder.load(NAME, version).signer for version in ("1.0.0", "1.0.1")] == [signer.identity, new.identity]
    (trusted / f"{signer.identity[:16]}.pem").unlink()
    with pytest.raises(ArtifactRefused, match="not trusted"):
        folder.load(NAME, "1.0.0")
    folder.sign(NAME, "1.0.0", new)
    assert folder.load(NAME, "1.0.0").signer == new.identity
    assert sorted(os.listdir(folder.models_dir / NAME)) == [".lock", "1.0.0", "1.0.1", "CURRENT"]


def test_trusted_keys_that_cannot_be_read_refuse_everything(folder, signer, trusted, make_manifest, files):
    folder.publish(make_manifest(), files, signer)
    (trusted / "broken.pem").write_text("-----BEGIN PUBLIC KEY-----\n")
    with pytest.raises(ArtifactRefused, match=r"broken\.pem: a trusted key is no public key"):
        folder.load(NAME)
    for file in trusted.iterdir():
        file.unlink()
    with pytest.raises(ArtifactRefused, match="one of the keys none"):
        folder.load(NAME)
    trusted.rmdir()
    with pytest.raises(ArtifactRefused, match="trusted keys cannot be read"):
        folder.load(NAME)


def test_what_is_spoiled_is_not_signed(folder, signer, make_manifest, files):
    path = folder.publish(make_manifest(), files)
    (path / "settings.json").write_bytes(b'{"a": 9}')
    with pytest.raises(ArtifactRefused, match="the digest is"):
        folder.sign(NAME, "1.0.0", signer)
    assert not (path / "model.sig").exists()


def test_a_version_can_lie_there_without_being_served(folder, signer, make_manifest, files):
    folder.publish(make_manifest(), files, signer, make_current=False)
    assert folder.current(NAME) is None
    folder.set_current(NAME, "1.0.0")
    assert folder.load(NAME).manifest.version == "1.0.0"


def test_nothing_is_published_when_the_signer_cannot_sign(folder, make_manifest, files):
    class Broken:
        identity = "nobody"

        def sign(self, statement: bytes) -> bytes:
            raise DependencyUnavailable("no log answers")

    with pytest.raises(DependencyUnavailable):
        folder.publish(make_manifest(), files, Broken())
    assert folder.versions(NAME) == ()


def test_the_reference_implementation_verifies_what_we_sign(folder, signer, trusted, make_manifest, files):
    from model_signing import verifying

    path = folder.publish(make_manifest(), files, signer)
    (public,) = trusted.iterdir()
    check = verifying.Config().use_elliptic_key_verifier(public_key=public)
    check.verify(path, path / "model.sig")
    (path / "settings.json").write_bytes(b'{"a": 2}')
    with pytest.raises(ValueError, match=r"Hash mismatch for .*settings\.json"):
        verifying.Config().use_elliptic_key_verifier(public_key=public).verify(path, path / "model.sig")


def test_we_verify_what_the_reference_implementation_signs(folder, signer, key_file, make_manifest, files):
    from model_signing import signing

    path = folder.publish(make_manifest(), files)
    signing.Config().use_elliptic_key_signer(private_key=key_file).sign(path, path / "model.sig")
    assert folder.load(NAME).signer == signer.identity
    (path / "settings.json").write_bytes(b'{"a": 2}')
    with pytest.raises(ArtifactRefused, match=r"settings\.json: the digest is"):
        folder.load(NAME)
