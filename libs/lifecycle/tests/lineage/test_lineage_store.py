import dataclasses
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap

import pytest
from hydatis_core.errors import DependencyUnavailable, InvalidValue
from hydatis_lifecycle.adapters.lineage_store import LineageStore
from hydatis_lifecycle.lineage.graph import LineageGraph
from hydatis_lifecycle.lineage.record import EntityKind
from hydatis_lifecycle.lineage.record_json import record_digest


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'catalogue.sqlite'}"


@pytest.fixture
def store(url, story):
    filled = LineageStore(url)
    for record in reversed(story.records):
        filled.add(record)
    return filled


def test_records_come_back_in_the_order_of_time(store, story):
    assert store.records() == story.records
    assert store.records("run-1") == story.records[:-1]
    assert store.records(limit=2) == story.records[-2:]
    assert store.records("run-2") == ()


def test_a_record_told_twice_is_kept_once(store, story):
    assert store.add(story.records[3]) == record_digest(story.records[3])
    assert store.records() == story.records


def test_walks_through_the_store_are_those_through_the_graph(store, story):
    graph = LineageGraph(story.records)
    for digest in graph.entities:
        assert store.upstream(digest).derivations == graph.upstream(digest).derivations
        assert store.downstream(digest).derivations == graph.downstream(digest).derivations


def test_nothing_is_known_of_a_stranger(store):
    assert store.upstream(f"sha256:{'0' * 64}").derivations == {}
    assert store.find("nobody") == ()


def test_things_are_found_by_name_version_and_beginning_of_the_digest(store, story):
    assert store.find("cpu-forecaster") == (story.artifact, story.judged, story.cpu)
    assert store.find("cpu-forecaster", "1.0.0") == (story.artifact,)
    assert store.find("cpu-forecaster", kind=EntityKind.MODEL) == (story.cpu,)
    assert store.find_digest(story.artifact.digest[:20]) == (story.artifact,)
    assert len(store.find_digest("sha256:")) == len(LineageGraph(story.records).entities)


def test_a_bounded_walk_takes_the_nearest(store, story):
    assert tuple(store.upstream(story.deployment.digest, limit=2).derivations.values()) == story.records[-2:]
    assert tuple(store.downstream(story.raw.digest, limit=2).derivations.values()) == story.records[:2]


def test_the_newest_things_come_first(store, story):
    assert [entity for entity, _ in store.newest(limit=2)] == [story.deployment, story.artifact]
    assert store.newest(EntityKind.FEATURES, limit=5) == ((story.features, 20.0),)


def test_the_same_content_under_two_names_is_found_by_both(store, story):
    copied = dataclasses.replace(story.raw, name="bitbrains-copy")
    store.add(story.step("make-workload", (copied,), (story.workload,), 99.0, run="run-9"))
    assert store.find("bitbrains-copy") == (copied,)
    assert store.upstream(story.workload.digest).derivations.keys() == LineageGraph(story.records[:1]).derivations.keys()


def test_a_thousand_cached_runs_are_one_derivation(store, story):
    for run in range(20):
        store.add(dataclasses.replace(story.records[0], run=f"again-{run}", cached=True))
    assert tuple(store.upstream(story.workload.digest).derivations.values()) == story.records[:1]
    assert len(store.records()) == len(story.records) + 20


def test_what_would_close_a_circle_is_refused_and_nothing_of_it_is_kept(store, story):
    with pytest.raises(InvalidValue, match="step tidy would have made what cpu-forecaster was made of"):
        store.add(story.step("tidy", (story.artifact,), (story.raw,), 70.0))
    with pytest.raises(InvalidValue, match="step tidy"):
        store.add(story.step("tidy", (story.raw,), (story.raw,), 70.0))
    assert store.records() == story.records


WRITER = """
    import sys
    from hydatis_lifecycle.adapters.lineage_store import LineageStore
    from hydatis_lifecycle.lineage.record import Entity, EntityKind, StepRecord

    url, who, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    store = LineageStore(url)
    for number in range(count):
        made = Entity(EntityKind.MODEL, f"model-{number}", f"sha256:{number:064x}")
        read = Entity(EntityKind.DATASET, "raw", f"sha256:{'f' * 64}")
        store.add(StepRecord("train", f"run-{who}", (read,), (made,), float(number), float(number)))
        print(number, flush=True)
"""


def writer(url, who, count):
    command = [sys.executable, "-c", textwrap.dedent(WRITER), url, who, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})


def test_processes_that_write_at_once_lose_nothing(url):
    writers = [writer(url, who, 25) for who in "abc"]
    for one in writers:
        assert one.communicate(timeout=120)[0].split() == [str(number) for number in range(25)]
        assert one.returncode == 0
    store = LineageStore(url)
    assert len(store.records()) == 75
    assert len(store.downstream(f"sha256:{'f' * 64}").derivations) == 25


def test_a_writer_that_is_killed_leaves_whole_records_and_those_it_told_of(url):
    killed = writer(url, "a", 100_000)
    for line in killed.stdout:
        if int(line) == 10:
            break
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=60)
    store = LineageStore(url)
    records = store.records()
    assert len(records) >= 11
    assert len(store.downstream(f"sha256:{'f' * 64}").derivations) == len(records)
    store.add(records[0])
    assert store.records() == records


def test_a_locked_database_is_said_and_nothing_is_half_there(url, story, tmp_path):
    from hydatis_lifecycle.adapters.catalogue.database import open_database

    open_database(url).dispose()
    store = LineageStore(url, busy_seconds=0.05)
    holder = sqlite3.connect(tmp_path / "catalogue.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(DependencyUnavailable, match="locked"):
        store.add(story.records[0])
    assert store.records() == ()
    holder.execute("ROLLBACK")
    holder.close()
    store.add(story.records[0])
    assert store.records() == story.records[:1]


FULL = """
    import resource, sys
    from hydatis_core.errors import DependencyUnavailable
    from hydatis_lifecycle.adapters.lineage_store import LineageStore
    from hydatis_lifecycle.lineage.record import Entity, EntityKind, StepRecord

    store = LineageStore(sys.argv[1])
    import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    made = Entity(EntityKind.MODEL, "model", f"sha256:{'0' * 64}")
    try:
        store.add(StepRecord("train", "run", (), (made,), 1.0, 1.0, {"text": "x" * 1_000_000}))
    except DependencyUnavailable as refused:
        print(refused)
"""


def test_a_full_disk_is_said_and_the_lineage_is_as_before(url, story, tmp_path):
    LineageStore(url).add(story.records[0])
    limit = (tmp_path / "catalogue.sqlite").stat().st_size + 100_000
    command = [sys.executable, "-c", textwrap.dedent(FULL), url, str(limit)]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    assert "the catalogue" in said
    assert "everything is as it was before" in said
    assert LineageStore(url).records() == story.records[:1]
