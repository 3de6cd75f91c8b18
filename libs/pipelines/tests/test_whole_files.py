import numpy as np
import pytest
from hydatis_core.errors import ArtifactRefused, InvalidValue
from hydatis_pipelines.whole_files import digest_of, new_folder, read_arrays, write_arrays, write_whole


def test_a_file_is_replaced_whole_and_known_by_its_digest(tmp_path):
    path = tmp_path / "deep" / "a.bin"
    write_whole(path, b"old")
    digest = write_whole(path, b"{}")
    assert path.read_bytes() == b"{}"
    assert digest == digest_of(path) == "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert [p.name for p in path.parent.iterdir()] == ["a.bin"]


def test_equal_arrays_give_equal_bytes(tmp_path):
    arrays = {"a": np.arange(3, dtype=np.float32), "names": np.array(["x", "yy"])}
    assert write_arrays(tmp_path / "1.npz", arrays) == write_arrays(tmp_path / "2.npz", dict(arrays))
    assert read_arrays(tmp_path / "1.npz", "dataset")["names"].tolist() == ["x", "yy"]


def test_objects_are_neither_written_nor_read(tmp_path):
    with pytest.raises(ValueError, match="allow_pickle"):
        write_arrays(tmp_path / "a.npz", {"a": np.array([{}])})
    np.savez(tmp_path / "b.npz", a=np.array([{}], dtype=object))
    with pytest.raises(ArtifactRefused, match="not a dataset"):
        read_arrays(tmp_path / "b.npz", "dataset")


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 no", b"text"])
def test_a_broken_file_is_refused(tmp_path, data):
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(ArtifactRefused, match="not a dataset"):
        read_arrays(tmp_path / "a.npz", "dataset")


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(ArtifactRefused, match="there is no dataset"):
        read_arrays(tmp_path / "a.npz", "dataset")


def test_a_folder_appears_when_it_is_filled_and_not_before(tmp_path):
    def fail_half_way():
        with new_folder(tmp_path / "model") as folder:
            (folder / "a").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert list(tmp_path.iterdir()) == []
    with new_folder(tmp_path / "model") as folder:
        assert not (tmp_path / "model").exists()
        (folder / "a").write_text("whole")
    assert (tmp_path / "model" / "a").read_text() == "whole"
    with pytest.raises(InvalidValue, match="exists"), new_folder(tmp_path / "model"):
        pass
