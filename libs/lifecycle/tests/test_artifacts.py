import pytest
from hydatis_core.errors import ArtifactRefused
from hydatis_lifecycle.artifacts import digest_files, verify


def test_files_that_match_pass(make_manifest, files):
    verify(make_manifest(), files)


def test_digests_are_sha256_of_the_bytes():
    assert digest_files({"a.json": b"{}"}) == {
        "a.json": {"sha256": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", "bytes": 2}
    }


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda f: f.update({"weights.npz": f["weights.npz"][:-1]}), "weights.npz: the file is truncated"),
        (lambda f: f.update({"weights.npz": f["weights.npz"] + b"x"}), "weights.npz: the file is longer"),
        (lambda f: f.update({"weights.npz": f["weights.npz"][:-1] + b"x"}), "weights.npz: the digest is"),
        (lambda f: f.pop("settings.json"), "settings.json: the file is missing"),
        (lambda f: f.update({"more.npz": b"PK"}), "more.npz: the file is not in the manifest"),
    ],
)
def test_files_that_differ_are_refused_with_the_reason(make_manifest, files, spoil, reason):
    manifest = make_manifest()
    spoil(files)
    with pytest.raises(ArtifactRefused) as refused:
        verify(manifest, files)
    assert reason in str(refused.value)


def test_a_file_that_is_not_of_its_format_is_refused_before_a_parser_sees_it(make_manifest):
    files = {"weights.npz": b"\x80\x04pickle"}
    with pytest.raises(ArtifactRefused, match="does not begin as its format"):
        verify(make_manifest(files=digest_files(files)), files)
