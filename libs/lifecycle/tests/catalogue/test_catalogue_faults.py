"""What goes wrong is told in a sentence, and nothing is half."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hydatis_core.errors import ArtifactRefused, DependencyUnavailable, HydatisError, InvalidValue, TraceRefused
from hydatis_lifecycle.adapters.catalogue.blobs import BlobStore, explained
from hydatis_lifecycle.adapters.catalogue.catalogue import Catalogue
from sqlalchemy import event

Write = Callable[..., Path]
Make = Callable[..., Catalogue]

#: A process of its own that does something to the catalogue of a home: told (home, folder).
CHILD = """
import os, resource, signal, sys
from pathlib import Path
from hydatis_lifecycle.adapters.catalogue import registration, version_rows
from hydatis_lifecycle.adapters.catalogue.blobs import BlobStore
from hydatis_lifecycle.adapters.catalogue.catalogue import Catalogue
from hydatis_lifecycle.datasets.access import owner_policy
home, folder = Path(sys.argv[1]), Path(sys.argv[2])
catalogue = Catalogue(f"sqlite:///{home / 'catalogue.sqlite'}", home / "objects", owner_policy("alice"), "alice")
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
def then_die(function):
    def run(*given, **told):
        function(*given, **told)
        die()
    return run
def register(progress=lambda *_: None):
    return catalogue.register("bitbrains", folder, time_seconds=2.0, progress=progress)
"""


def child(home: Path, folder: Path, does: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", CHILD + does, home, folder], capture_output=True, text=True, check=False)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def left_over(home: Path) -> set[str]:
    """Objects and half files of a store."""
    objects = home / "objects"
    return {str(path.relative_to(objects)) for path in objects.rglob("*") if path.is_file() and path.name != ".lock"}


def test_a_truncated_parquet_is_named_and_nothing_is_stored(catalogue: Catalogue, write_folder: Write, home: Path) -> None:
    folder = write_folder("data", {"good.parquet": {"x": [1, 2]}, "day/bad.parquet": {"x": [1, 2]}})
    whole = (folder / "day/bad.parquet").read_bytes()
    (folder / "day/bad.parquet").write_bytes(whole[:-20])
    with pytest.raises(TraceRefused, match=r"day/bad\.parquet: it is not a whole Parquet file"):
        catalogue.register("bitbrains", folder, time_seconds=1.0)
    assert left_over(home) == set()
    assert catalogue.versions("bitbrains") == ()


def test_a_parquet_whose_footer_is_good_and_whose_page_is_not_is_refused_too(catalogue: Catalogue, write_folder: Write) -> None:
    folder = write_folder("data", {})
    folder.mkdir()
    pq.write_table(pa.table({"x": list(range(10_000))}), folder / "bad.parquet", write_page_checksum=True)
    with (folder / "bad.parquet").open("r+b") as file:
        file.seek(2000)
        file.write(b"\xff")
    with pytest.raises(TraceRefused, match=r"bad\.parquet"):
        catalogue.register("bitbrains", folder, time_seconds=1.0)


def test_a_file_that_is_no_parquet_is_refused_before_a_difference_is_sought(catalogue: Catalogue, write_folder: Write) -> None:
    catalogue.register("bitbrains", write_folder("data", {"a.parquet": {"x": [1]}}), time_seconds=1.0)
    with pytest.raises(TraceRefused, match=r"a\.parquet"):
        catalogue.register("bitbrains", write_folder("data", {"a.parquet": "vm;cpu\n"}), time_seconds=2.0)
    assert [one.version for one in catalogue.versions("bitbrains")] == ["1.0.0"]


def test_a_disk_that_takes_no_more_leaves_the_state_as_before(catalogue: Catalogue, write_folder: Write, home: Path) -> None:
    catalogue.register("bitbrains", write_folder("data", {"a.txt": "1\n"}), time_seconds=1.0)
    before = left_over(home)
    folder = write_folder("data", {"a.txt": "2\n", "big.bin": "x" * 3_000_000})
    told = child(home, folder, "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\nregister()")
    assert "DependencyUnavailable" in told.stderr
    assert "File too large: nothing was stored (expected room on that disk, then the same command again)" in told.stderr
    assert left_over(home) == before
    assert [one.version for one in catalogue.versions("bitbrains")] == ["1.0.0"]


def test_a_check_out_on_a_disk_that_takes_no_more_leaves_no_folder(catalogue: Catalogue, write_folder: Write, home: Path) -> None:
    catalogue.register("bitbrains", write_folder("data", {"a.txt": "1\n", "big.bin": "x" * 3_000_000}), time_seconds=1.0)
    does = "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\ncatalogue.check_out('bitbrains', None, folder)"
    told = child(home, home.parent / "out", does)
    assert "nothing was checked out" in told.stderr
    assert {path.name for path in home.parent.iterdir()} == {"data", "home"}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_every_kind_of_full_disk_asks_for_room(number: int) -> None:
    with pytest.raises(DependencyUnavailable, match="room on that disk"), explained("objects", "nothing was stored"):
        raise OSError(number, os.strerror(number))


def test_a_full_disk_under_the_database_leaves_no_version(catalogue: Catalogue, write_folder: Write) -> None:
    catalogue.register("bitbrains", write_folder("data", {"a.txt": "1\n"}), time_seconds=1.0)
    engine = catalogue._engine
    engine.dispose()

    @event.listens_for(engine, "connect")
    def limited(connection: Any, _record: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    many = write_folder("data", {f"{number:0200}.txt": "the same\n" for number in range(100)})
    with pytest.raises(DependencyUnavailable, match="room on the disk; everything is as it was before"):
        catalogue.register("bitbrains", many, time_seconds=2.0)
    event.remove(engine, "connect", limited)
    engine.dispose()
    assert [one.version for one in catalogue.versions("bitbrains")] == ["1.0.0"]
    assert catalogue.collect_garbage().objects_count == 1


@contextmanager
def locked_by_another_process(file: Path) -> Iterator[None]:
    holds = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('BEGIN IMMEDIATE'); print('held', flush=True); input()"
    )
    with subprocess.Popen([sys.executable, "-c", holds, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield
        finally:
            process.stdin.close()


def test_a_locked_database_is_told_with_what_to_do(make_catalogue: Make, write_folder: Write, home: Path) -> None:
    catalogue = make_catalogue(busy_seconds=0.05)
    folder = write_folder("data", {"a.txt": "1\n"})
    with (
        locked_by_another_process(home / "catalogue.sqlite"),
        pytest.raises(DependencyUnavailable, match=r"database is locked.*expected the other process to end its transaction.*fuser"),
    ):
        catalogue.register("bitbrains", folder, time_seconds=1.0)
    assert catalogue.register("bitbrains", folder, time_seconds=1.0).version == "1.0.0"


KILLS = {
    "while files come in": "register(progress=die)",
    "after the first object has its name": "BlobStore.adopt = then_die(BlobStore.adopt)\nregister()",
    "before the transaction": "registration.compare = die\nregister()",
    "in the transaction": "version_rows.insert_version = then_die(version_rows.insert_version)\nregister()",
}


@pytest.mark.parametrize("moment", KILLS)
def test_kill_9_leaves_no_half_version_and_its_files_are_garbage(
    moment: str, catalogue: Catalogue, write_folder: Write, home: Path
) -> None:
    catalogue.register("bitbrains", write_folder("data", {"a.txt": "1\n"}), time_seconds=1.0)
    before = left_over(home)
    folder = write_folder("data", {"a.txt": "2\n", "b.txt": "3\n"})
    assert child(home, folder, KILLS[moment]).returncode == -signal.SIGKILL
    assert [one.version for one in catalogue.versions("bitbrains")] == ["1.0.0"]
    assert catalogue.verify("bitbrains").passed
    assert left_over(home) > before
    catalogue.collect_garbage()
    assert left_over(home) == before
    assert catalogue.register("bitbrains", folder, time_seconds=3.0).version == "1.1.0"
    assert catalogue.verify("bitbrains").passed


def test_kill_9_after_the_transaction_loses_nothing(catalogue: Catalogue, write_folder: Write, home: Path) -> None:
    folder = write_folder("data", {"a.txt": "2\n"})
    done = "registration.Registration._attempt = then_die(registration.Registration._attempt)\nregister()"
    assert child(home, folder, done).returncode == -signal.SIGKILL
    assert catalogue.verify("bitbrains", "1.0.0").passed
    assert not catalogue.register("bitbrains", folder, time_seconds=3.0).created


def test_kill_9_in_a_check_out_leaves_no_folder_of_that_name(catalogue: Catalogue, write_folder: Write, home: Path) -> None:
    catalogue.register("bitbrains", write_folder("data", {"a.txt": "1\n", "b.txt": "2\n"}), time_seconds=1.0)
    out = home.parent / "out"
    assert child(home, out, "catalogue.check_out('bitbrains', None, folder, progress=die)").returncode == -signal.SIGKILL
    assert not out.exists()
    catalogue.check_out("bitbrains", None, out)
    assert catalogue.verify("bitbrains", None, out).passed


def test_garbage_is_not_collected_while_files_come_in(catalogue: Catalogue, home: Path) -> None:
    with BlobStore(home / "objects").adding(), pytest.raises(DependencyUnavailable, match="in use by another process"):
        catalogue.collect_garbage(wait_seconds=0.05)


def test_an_object_that_is_gone_is_named(catalogue: Catalogue, write_folder: Write, home: Path) -> None:
    catalogue.register("bitbrains", write_folder("data", {"a.parquet": {"x": [1]}}), time_seconds=1.0)
    (entry,) = catalogue.manifest("bitbrains").files
    (home / "objects" / entry.sha256[:2] / entry.sha256).unlink()
    assert catalogue.verify("bitbrains").missing == ("a.parquet",)
    with pytest.raises(ArtifactRefused, match=f"{entry.sha256}.*missing"):
        catalogue.check_out("bitbrains", None, home.parent / "out")
    with pytest.raises(ArtifactRefused, match=f"{entry.sha256}.*missing"):
        catalogue.register("bitbrains", write_folder("data", {"a.parquet": {"x": [2]}}), time_seconds=2.0)


@pytest.mark.parametrize(
    ("url", "error", "words"),
    [
        ("nonsense", InvalidValue, "no address of a database"),
        ("sqlite://", InvalidValue, "in memory"),
        ("oracle+none://x/y", InvalidValue, "no address of a database"),
        ("postgresql://hydatis@127.0.0.1:1/none", DependencyUnavailable, "a database that answers"),
    ],
)
def test_an_address_that_leads_nowhere_is_refused(url: str, error: type[HydatisError], words: str, make_catalogue: Make) -> None:
    with pytest.raises(error, match=words):
        make_catalogue(url=url)


def test_a_password_is_in_no_error(make_catalogue: Make) -> None:
    with pytest.raises(DependencyUnavailable) as refused:
        make_catalogue(url="postgresql://hydatis:s3cret@127.0.0.1:1/none")
    assert "s3cret" not in str(refused.value)


def test_a_file_that_is_no_database_is_refused(make_catalogue: Make, home: Path) -> None:
    home.mkdir()
    (home / "catalogue.sqlite").write_text("nothing of the kind " * 1000)
    with pytest.raises(DependencyUnavailable, match="file is not a database"):
        make_catalogue()
