"""What comes out of Feast: bit-equal, as of its time, once."""

from __future__ import annotations

import numpy as np
import pytest
from hydatis_core.errors import ArtifactRefused, DependencyUnavailable, InvalidValue, UnknownColumn, WrongShape
from hydatis_feature_store.configuration import online_store
from hydatis_feature_store.registry_file import changed_registry
from hydatis_feature_store.repository import FeatureRepository
from hydatis_feature_store.stored_views import NODE_FEATURES, WORKLOAD_PROFILES

FIRST = 1_400_000_100
TICK = 300
NAMES = tuple(f"node-{i}" for i in range(7))
WIDTH = len(NODE_FEATURES.names)


def random_rows(ticks: int, seed: int = 1) -> np.ndarray:
    draws = np.random.default_rng(seed)
    rows = draws.normal(size=(ticks, len(NAMES), WIDTH)).astype(np.float32)
    rows[draws.random(rows.shape) < 0.2] = np.nan
    return rows


def ticks(count: int) -> list[int]:
    return [FIRST + TICK * i for i in range(count)]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_training_rows_are_bit_equal_wherever_the_machine_stands(repository, monkeypatch, zone) -> None:
    import time

    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        rows = random_rows(4)
        assert repository.write_offline(ticks(4), NAMES, rows) == 4
        order = np.random.default_rng(2).permutation(4 * len(NAMES))
        names, times = np.tile(NAMES, 4)[order], np.repeat(ticks(4), len(NAMES))[order]
        got = repository.training_rows(list(names), times + 299.5)
        assert got.dtype == np.float32
        assert got.tobytes() == rows.reshape(-1, WIDTH)[order].tobytes()
        assert repository.materialise(ticks(4)[-1]).generations_count == 4
        assert repository.online_rows(NAMES).tobytes() == rows[-1].tobytes()
    finally:
        monkeypatch.undo()
        time.tzset()


def test_what_becomes_known_later_is_not_joined(repository) -> None:
    before, after = (np.full((1, 1, 1), value, dtype=np.float32) for value in (1.0, 2.0))
    repository.write_offline([FIRST], ["a"], before, ["pod_count"])
    repository.write_offline([FIRST + 60], ["a"], after, ["pod_count"])
    moments = [FIRST - 1, FIRST, FIRST + 59.999999, FIRST + 60, FIRST + 61]
    got = repository.training_rows(["a"] * 5, moments, ["pod_count"])[:, 0]
    np.testing.assert_array_equal(got, [np.nan, 1, 1, 2, 2])


def test_a_value_that_goes_unknown_is_not_filled_from_the_past(repository) -> None:
    repository.write_offline([FIRST, FIRST + 60], ["a"], np.array([[[1.0]], [[np.nan]]], dtype=np.float32), ["pod_count"])
    assert np.isnan(repository.training_rows(["a"], [FIRST + 60], ["pod_count"])).all()


def test_a_row_older_than_the_view_keeps_it_is_not_joined(repository) -> None:
    repository.write_offline([FIRST], ["a"], np.ones((1, 1, 1), dtype=np.float32), ["pod_count"])
    kept = NODE_FEATURES.keep_seconds
    got = repository.training_rows(["a", "a"], [FIRST + kept, FIRST + kept + 1], ["pod_count"])[:, 0]
    np.testing.assert_array_equal(got, [1, np.nan])


def test_the_same_row_may_be_asked_for_twice_and_an_unheard_of_node_is_unknown(repository) -> None:
    repository.write_offline([FIRST], ["a"], np.ones((1, 1, 1), dtype=np.float32), ["pod_count"])
    got = repository.training_rows(["a", "nobody", "a"], [FIRST] * 3, ["pod_count"])[:, 0]
    np.testing.assert_array_equal(got, [1, np.nan, 1])
    assert repository.training_rows([], [], ["pod_count"]).shape == (0, 1)


def test_columns_come_in_the_order_asked_for(repository) -> None:
    rows = random_rows(1)
    repository.write_offline([FIRST], NAMES, rows)
    columns = ("pod_count", "cpu_used_ratio", "hour_of_day_sin")
    got = repository.training_rows(NAMES, [FIRST] * len(NAMES), columns)
    assert got.tobytes() == rows[0][:, NODE_FEATURES.positions(columns)].tobytes()


def test_materialising_again_brings_only_what_is_new(repository) -> None:
    rows = random_rows(3)
    repository.write_offline(ticks(2), NAMES, rows[:2])
    assert repository.materialise(FIRST + TICK).generations_count == 2
    assert repository.materialise(FIRST + TICK).generations_count == 0
    repository.write_offline(ticks(3), NAMES, rows)
    told = repository.materialise(FIRST + 2 * TICK)
    assert (told.generations_count, told.from_seconds) == (1, FIRST + TICK)
    assert repository.online_rows(NAMES).tobytes() == rows[2].tobytes()


def test_pushed_rows_are_online_and_again_changes_nothing(repository) -> None:
    rows = random_rows(1)[0]
    for _ in range(2):
        repository.push(FIRST, NAMES, rows, NODE_FEATURES.names)
    assert repository.online_rows(NAMES).tobytes() == rows.tobytes()
    assert np.isnan(repository.online_rows(["nobody"])).all()
    assert repository.online_times([*NAMES[:2], "nobody"]).tolist() == [FIRST, FIRST, 0]


def test_profiles_are_kept_for_weeks(repository) -> None:
    profiles = np.random.default_rng(5).random((2, len(WORKLOAD_PROFILES.names)), dtype=np.float32)
    keys = ("shop/web", "shop/cart")
    repository.offline(WORKLOAD_PROFILES).write(FIRST, keys, profiles, WORKLOAD_PROFILES.names)
    repository.push(FIRST, keys, profiles, WORKLOAD_PROFILES.names, WORKLOAD_PROFILES)
    names = WORKLOAD_PROFILES.names
    later = repository.training_rows(keys, [FIRST + 20 * 86_400] * 2, names, WORKLOAD_PROFILES)
    assert later.tobytes() == profiles.tobytes()
    assert repository.online_rows(keys, names, WORKLOAD_PROFILES).tobytes() == profiles.tobytes()


def test_what_cannot_be_joined_is_refused(repository) -> None:
    with pytest.raises(DependencyUnavailable, match="no node_features were written"):
        repository.training_rows(["a"], [FIRST], ["pod_count"])
    repository.write_offline([FIRST], ["a"], np.ones((1, 1, 1), dtype=np.float32), ["pod_count"])
    with pytest.raises(UnknownColumn):
        repository.training_rows(["a"], [FIRST], ["unheard_of"])
    with pytest.raises(WrongShape):
        repository.training_rows(["a", "b"], [FIRST], ["pod_count"])
    with pytest.raises(WrongShape):
        repository.training_rows(["a"], [float("nan")], ["pod_count"])
    with pytest.raises(WrongShape):
        repository.write_offline([FIRST], ["a"], np.ones((2, 1, 1), dtype=np.float32), ["pod_count"])


def test_a_corrupt_file_is_one_sentence(repository) -> None:
    repository.write_offline([FIRST], ["a"], np.ones((1, 1, 1), dtype=np.float32), ["pod_count"])
    (path,) = repository.offline().folder.iterdir()
    path.write_bytes(b"no Parquet")
    with pytest.raises(DependencyUnavailable, match="failed to join"):
        repository.training_rows(["a"], [FIRST], ["pod_count"])


def test_rows_are_never_joined_as_columns_of_another_meaning(repository, tmp_path) -> None:
    from dataclasses import replace

    repository.write_offline([FIRST], ["a"], np.ones((1, 1, 1), dtype=np.float32), ["pod_count"])
    first, *others = NODE_FEATURES.features
    revised = replace(NODE_FEATURES, features=(replace(first, revision=2), *others))
    assert repository.offline(revised).generations() == []


def test_a_registry_with_code_is_refused_before_it_is_read(repository) -> None:
    from feast.protos.feast.core.Registry_pb2 import Registry

    path = repository.folder / "registry.db"
    registry = Registry.FromString(path.read_bytes())
    registry.on_demand_feature_views.add().spec.user_defined_function.body = b"cposix\nsystem\n."
    path.write_bytes(registry.SerializeToString())
    with pytest.raises(ArtifactRefused, match="on_demand_feature_views"):
        FeatureRepository(repository.folder).online_rows(["a"], ["pod_count"])
    path.write_bytes(b"\xff\xff no registry")
    with pytest.raises(ArtifactRefused, match="is not a registry"):
        FeatureRepository(repository.folder).online_rows(["a"], ["pod_count"])


@pytest.mark.parametrize("online", ["postgres://db", "redis", "redis://", "redis://h:port/0"])
def test_an_online_store_that_is_none_is_refused(tmp_path, online) -> None:
    with pytest.raises(InvalidValue, match="is not an online store"):
        online_store(tmp_path, online)


def test_redis_is_configured_by_its_url(tmp_path) -> None:
    told = online_store(tmp_path, "rediss://me:p%40ss@redis.prod:6380/2?ssl_ca_certs=/ca.pem")["connection_string"]
    host, *settings = told.split(",")
    assert host == "redis.prod:6380"
    assert {"db=2", "ssl=true", 'username="me"', 'password="p@ss"', "ssl_ca_certs=/ca.pem"} <= set(settings)
    with pytest.raises(InvalidValue) as refused:
        online_store(tmp_path, "redis://me:se,cret@redis.prod/2")
    assert "cret" not in str(refused.value)


def test_redis_that_is_down_is_one_sentence(make_repository) -> None:
    with pytest.raises(DependencyUnavailable, match="failed to"):
        make_repository("redis://127.0.0.1:1/0").push(FIRST, NAMES, random_rows(1)[0], NODE_FEATURES.names)


def test_a_locked_database_is_one_sentence_and_the_next_push_succeeds(repository) -> None:
    import sqlite3

    rows = random_rows(1)[0]
    repository.push(FIRST, NAMES, rows, NODE_FEATURES.names)
    with sqlite3.connect(repository.folder / "online.sqlite", isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(DependencyUnavailable, match="database is locked"):
            repository.push(FIRST + TICK, NAMES, rows, NODE_FEATURES.names)
        other.execute("ROLLBACK")
    repository.push(FIRST + TICK, NAMES, rows, NODE_FEATURES.names)
    assert repository.online_times(NAMES).tolist() == [FIRST + TICK] * len(NAMES)


def test_an_apply_that_was_killed_half_way_is_undone_by_the_next(repository) -> None:
    path, before = repository.folder / "registry.db", repository.folder / ".registry.before"
    before.write_bytes(path.read_bytes())
    path.write_bytes(path.read_bytes()[:1000])
    again = FeatureRepository(repository.folder)
    again.apply()
    assert not before.exists()
    again.push(FIRST, NAMES, random_rows(1)[0], NODE_FEATURES.names)


def fail_half_way(repository: FeatureRepository) -> None:
    with changed_registry(repository.folder):
        (repository.folder / "registry.db").write_bytes(b"half")
        raise DependencyUnavailable("no room")


def test_a_change_that_fails_leaves_the_registry_as_it_was(repository) -> None:
    path = repository.folder / "registry.db"
    registry = path.read_bytes()
    with pytest.raises(DependencyUnavailable):
        fail_half_way(repository)
    assert path.read_bytes() == registry
    path.unlink()
    with pytest.raises(DependencyUnavailable):
        fail_half_way(repository)
    assert not path.exists()


def test_without_definitions_the_error_says_what_to_do(make_repository) -> None:
    made = make_repository()
    made.write_offline([FIRST], ["a"], np.ones((1, 1, 1), dtype=np.float32), ["pod_count"])
    with pytest.raises(DependencyUnavailable, match="hydatis features apply"):
        made.training_rows(["a"], [FIRST], ["pod_count"])
    with pytest.raises(DependencyUnavailable, match="hydatis features apply"):
        made.push(FIRST, NAMES, random_rows(1)[0], NODE_FEATURES.names)
