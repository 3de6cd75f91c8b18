"""Files are there whole or not at all, and once."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hydatis_core.errors import DependencyUnavailable, Duplicate, InvalidValue, UnknownColumn, WrongShape
from hydatis_feature_store.offline_files import OfflineFiles
from hydatis_feature_store.stored_views import NODE_FEATURES

COLUMNS = ("cpu_used_ratio", "memory_used_ratio")
ROWS = np.array([[0.1, np.nan], [0.3, -0.0]], dtype=np.float32)


@pytest.fixture
def files(tmp_path: Path) -> OfflineFiles:
    return OfflineFiles(tmp_path, NODE_FEATURES)


def test_rows_come_back_bit_for_bit(files: OfflineFiles) -> None:
    assert files.write(600, ["a", "b"], ROWS, COLUMNS)
    keys, rows = files.read(600)
    assert keys == ("a", "b")
    back = rows[:, NODE_FEATURES.positions(COLUMNS)]
    assert back.tobytes() == ROWS.tobytes()
    assert np.isnan(np.delete(rows, NODE_FEATURES.positions(COLUMNS), axis=1)).all()


def test_a_generation_is_written_once(files: OfflineFiles) -> None:
    assert files.write(600, ["a", "b"], ROWS, COLUMNS)
    before = files._path(600).stat().st_mtime_ns
    assert not files.write(600, ["a", "b"], ROWS, COLUMNS)
    assert files._path(600).stat().st_mtime_ns == before
    assert files.generations() == [600]


def test_other_rows_of_the_same_generation_are_refused(files: OfflineFiles) -> None:
    files.write(600, ["a", "b"], ROWS, COLUMNS)
    for keys, rows in ((["a", "c"], ROWS), (["a", "b"], ROWS + 1)):
        with pytest.raises(Duplicate, match="generation 600 is there with other rows"):
            files.write(600, keys, rows, COLUMNS)
    assert files.read(600)[0] == ("a", "b")


def test_old_generations_are_dropped(files: OfflineFiles) -> None:
    for generation in (600, 900, 1200):
        files.write(generation, ["a", "b"], ROWS, COLUMNS)
    assert files.drop_before(1200) == 2
    assert files.generations() == [1200]


@pytest.mark.parametrize(
    ("generation", "keys", "rows", "columns", "error"),
    [
        (0, ["a", "b"], ROWS, COLUMNS, InvalidValue),
        (600, ["a", "a"], ROWS, COLUMNS, InvalidValue),
        (600, ["a"], ROWS, COLUMNS, WrongShape),
        (600, ["a", "b"], ROWS.astype(np.float64), COLUMNS, WrongShape),
        (600, ["a", "b"], np.full((2, 2), np.inf, dtype=np.float32), COLUMNS, InvalidValue),
        (600, ["a", "b"], ROWS, ("cpu_used_ratio", "unheard_of"), UnknownColumn),
    ],
)
def test_what_cannot_be_a_table_is_refused_and_leaves_nothing(files, generation, keys, rows, columns, error) -> None:
    with pytest.raises(error):
        files.write(generation, keys, rows, columns)
    assert files.generations() == []


def test_a_damaged_file_is_named(files: OfflineFiles) -> None:
    files.write(600, ["a", "b"], ROWS, COLUMNS)
    path = files._path(600)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DependencyUnavailable, match=path.name):
        files.read(600)


def _small_files_only() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


def test_a_full_disk_is_one_sentence_and_leaves_nothing(files: OfflineFiles, tmp_path: Path) -> None:
    script = (
        "import signal, sys, numpy as np; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from pathlib import Path\n"
        "from hydatis_core.errors import DependencyUnavailable\n"
        "from hydatis_feature_store.offline_files import OfflineFiles\n"
        "from hydatis_feature_store.stored_views import NODE_FEATURES\n"
        "try: OfflineFiles(Path(sys.argv[1]), NODE_FEATURES).write(600, ['a'], np.zeros((1, 1), np.float32), ['pod_count'])\n"
        "except DependencyUnavailable as full: print(full)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    said = subprocess.run(command, check=True, capture_output=True, text=True, preexec_fn=_small_files_only).stdout
    assert "000000000600.parquet cannot be written" in said
    assert "File too large" in said
    assert list(files.folder.iterdir()) == []
