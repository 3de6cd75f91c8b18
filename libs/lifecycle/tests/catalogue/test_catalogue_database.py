"""The database is made and brought up to date once, whoever opens it first."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hydatis_core.errors import DependencyUnavailable
from hydatis_lifecycle.adapters.catalogue.catalogue import Catalogue
from hydatis_lifecycle.adapters.catalogue.database import open_database, reading, writing
from hydatis_lifecycle.adapters.catalogue.schema_upgrade import newest_revision
from hydatis_lifecycle.adapters.catalogue.tables import METADATA
from hydatis_lifecycle.datasets.access import owner_policy
from hydatis_lifecycle.versions import Change, next_version, version_key
from sqlalchemy import text

PROCESSES, REGISTRATIONS = 4, 5

REGISTER = """
import json, sys
from pathlib import Path
from hydatis_lifecycle.adapters.catalogue.catalogue import Catalogue
from hydatis_lifecycle.datasets.access import owner_policy
home, number, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
folder = home.parent / f"data-{number}"
print("ready", flush=True)
input()
catalogue = Catalogue(f"sqlite:///{home / 'catalogue.sqlite'}", home / "objects", owner_policy("alice"), "alice", busy_seconds=60.0)
for step in range(count):
    folder.mkdir(exist_ok=True)
    (folder / "a.csv").write_text(f"{number},{step}\\n")
    (folder / "same.csv").write_text("same\\n")
    made = catalogue.register("bitbrains", folder, time_seconds=1.0)
    print(json.dumps([made.version, made.digest, made.created]), flush=True)
same = catalogue.register("same", home.parent / "same", time_seconds=1.0)
print(json.dumps([same.version, same.digest, same.created]), flush=True)
"""


def test_the_scripts_make_the_tables_that_queries_name(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'c.sqlite'}")
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_object": lambda _one, name, kind, *_: kind != "table" or name in METADATA.tables}
        )
        assert compare_metadata(context, METADATA) == []
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == newest_revision()


def test_a_database_of_a_newer_release_is_left_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'c.sqlite'}"
    with writing(open_database(url)) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DependencyUnavailable, match="made by a newer HYDATIS"):
        open_database(url)


def test_a_transaction_that_raises_leaves_nothing(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'c.sqlite'}")
    with pytest.raises(DependencyUnavailable), writing(engine) as connection:
        connection.execute(text("INSERT INTO datasets VALUES (:name, 1.0)"), [{"name": "x"}, {"name": "x"}])
    with reading(engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM datasets")).scalar() == 0


def test_processes_that_open_and_register_at_once_get_a_version_each(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (tmp_path / "same").mkdir()
    (tmp_path / "same" / "a.csv").write_text("same for all\n")
    commands = [[sys.executable, "-c", REGISTER, home, str(number), str(REGISTRATIONS)] for number in range(PROCESSES)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for command in commands]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    told = [[json.loads(line) for line in process.communicate()[0].splitlines()] for process in processes]
    assert [process.returncode for process in processes] == [0] * PROCESSES
    made = [tuple(one) for each in told for one in each[:REGISTRATIONS]]
    assert len({version for version, _, _ in made}) == len({digest for _, digest, _ in made}) == PROCESSES * REGISTRATIONS
    catalogue = Catalogue(f"sqlite:///{home / 'catalogue.sqlite'}", home / "objects", owner_policy("alice"), "alice")
    versions = catalogue.versions("bitbrains")[::-1]
    assert [one.version for one in versions] == sorted((version for version, _, _ in made), key=version_key)
    for before, after in pairwise(versions):
        assert after.version == next_version([before.version], after.change)
    assert versions[0].change is Change.MAJOR
    assert all(catalogue.verify("bitbrains", one.version).passed for one in versions)
    same = [each[REGISTRATIONS] for each in told]
    assert sorted(created for _, _, created in same) == [False] * (PROCESSES - 1) + [True]
    assert {version for version, _, _ in same} == {"1.0.0"}
    assert len([one for one in catalogue.access_events(limit=100) if one.action == "register"]) == PROCESSES * (REGISTRATIONS + 1)
