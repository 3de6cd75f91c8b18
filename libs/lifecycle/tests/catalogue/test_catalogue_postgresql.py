"""The same catalogue on a real PostgreSQL server, by nothing but its address."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hydatis_core.errors import DependencyUnavailable, InvalidValue
from hydatis_lifecycle.adapters.catalogue.catalogue import Catalogue
from hydatis_lifecycle.adapters.catalogue.database import open_database, writing
from hydatis_lifecycle.adapters.lineage_store import LineageStore
from hydatis_lifecycle.lineage.record import Entity, EntityKind, StepRecord
from hydatis_lifecycle.versions import version_key
from sqlalchemy import text

Make = Callable[..., Catalogue]
Write = Callable[..., Path]

#: PostgreSQL refuses to run as root: the account that Debian makes for it, or nobody.
ACCOUNTS = ("postgres", "nobody")


@pytest.fixture(scope="module")
def server_url() -> Iterator[str]:
    """A server of its own on a socket, which ends with the tests."""
    program = shutil.which("postgres")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("postgres is not on PATH: needed where CI=true")
        pytest.skip("postgres is not on PATH")
    programs = Path(program).resolve().parent
    folder = Path(tempfile.mkdtemp(prefix="hydatis-pg-"))
    account = {}
    if os.getuid() == 0:
        user = next(name for name in ACCOUNTS if subprocess.run(["id", name], capture_output=True, check=False).returncode == 0)
        shutil.chown(folder, user)
        account = {"user": user}
    data = folder / "data"
    initdb = [programs / "initdb", "-D", data, "-U", "hydatis", "--auth", "trust", "--no-sync"]
    try:
        subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **account)
        command = [programs / "postgres", "-D", data, "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off"]
        with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True, **account) as server:
            assert server.stderr is not None
            for line in server.stderr:
                if "ready to accept connections" in line:
                    break
            reader = threading.Thread(target=server.stderr.read, daemon=True)
            reader.start()
            try:
                yield f"postgresql://hydatis@/postgres?host={folder}"
            finally:
                server.send_signal(signal.SIGINT)  # fast: SIGTERM would wait for the sessions of engines' pools
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_versions_are_made_found_given_back_and_retired(
    server_url: str, make_catalogue: Make, write_folder: Write, tmp_path: Path
) -> None:
    catalogue = make_catalogue(url=server_url)
    catalogue.register("bitbrains", write_folder("data", {"a.parquet": {"x": [1, 2]}}), time_seconds=1.0)
    made = catalogue.register("bitbrains", write_folder("data", {"a.parquet": {"x": [1, 2, 3]}}), time_seconds=2.0)
    assert (made.version, made.reasons[0]) == ("1.1.0", "1 row added")
    assert not catalogue.register("bitbrains", tmp_path / "data", time_seconds=3.0).created
    again = make_catalogue(url=server_url)
    assert [one.version for one in again.versions("bitbrains")] == ["1.1.0", "1.0.0"]
    assert [(one.version, count) for one, count in again.datasets()] == [("1.1.0", 2)]
    again.check_out("bitbrains", "1.1.0", tmp_path / "out")
    assert again.verify("bitbrains", None, tmp_path / "out").passed
    assert again.collect_garbage(keep_count=1).objects_count == 1
    assert [one.version for one in again.versions("bitbrains")] == ["1.1.0"]
    assert again.access_events("bitbrains", limit=2)[1].action == "delete"


def test_registrations_at_once_get_consecutive_versions(server_url: str, make_catalogue: Make, tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def register(number: int) -> None:
        try:
            catalogue = make_catalogue(url=server_url)
            for step in range(3):
                folder = tmp_path / f"{number}-{step}"
                folder.mkdir()
                (folder / "a.txt").write_text(f"{number} {step}\n")
                catalogue.register("at-once", folder, time_seconds=1.0)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=register, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    versions = [one.version for one in make_catalogue(url=server_url).versions("at-once")]
    assert versions == [f"1.0.{patch}" for patch in range(11, -1, -1)]
    assert versions == sorted(versions, key=version_key, reverse=True)


def test_a_row_that_another_session_holds_is_told_with_what_to_do(
    server_url: str, make_catalogue: Make, write_folder: Write
) -> None:
    catalogue = make_catalogue(url=server_url, busy_seconds=0.2)
    catalogue.register("held", write_folder("data", {"a.txt": "1\n"}), time_seconds=1.0)
    folder = write_folder("data", {"a.txt": "2\n"})
    with writing(open_database(server_url)) as connection:
        connection.execute(text("SELECT * FROM datasets WHERE name = 'held' FOR UPDATE"))
        with pytest.raises(DependencyUnavailable, match=r"lock timeout.*expected the other session to end"):
            catalogue.register("held", folder, time_seconds=2.0)
    assert [one.version for one in catalogue.versions("held")] == ["1.0.0"]


def test_lineage_lies_beside_it_and_is_walked_in_both_directions(server_url: str) -> None:
    raw, rows, model = (
        Entity(kind, kind.value, f"sha256:{number:064x}")
        for number, kind in enumerate((EntityKind.DATASET, EntityKind.FEATURES, EntityKind.MODEL))
    )
    records = (
        StepRecord("build", "run-1", (raw,), (rows,), 1.0, 2.0),
        StepRecord("train", "run-1", (rows,), (model,), 3.0, 4.0, {"seed": 1}),
    )
    failures: list[BaseException] = []

    def tell() -> None:
        try:
            store = LineageStore(server_url)
            for record in reversed(records):
                store.add(record)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=tell) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    store = LineageStore(server_url)
    assert store.records() == records
    assert tuple(store.upstream(model.digest).derivations.values()) == records
    assert tuple(store.downstream(raw.digest, limit=1).derivations.values()) == records[:1]
    assert store.find("model") == (model,)
    assert store.newest(limit=1) == ((model, 3.0),)
    with pytest.raises(InvalidValue, match="step tidy"):
        store.add(StepRecord("tidy", "run-2", (model,), (raw,), 5.0, 6.0))
