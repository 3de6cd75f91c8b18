import numpy as np
import pytest
from hydatis_core.errors import UnknownColumn
from hydatis_feature_store.profile_rows import profile_rows
from hydatis_feature_store.stored_views import NODE_FEATURES, VIEWS, WORKLOAD_PROFILES
from hydatis_features.profile_summaries import WorkloadProfile
from hydatis_features.schema import SCHEMA


def test_the_view_of_nodes_is_the_schema_that_serves() -> None:
    assert NODE_FEATURES.names == SCHEMA.names
    assert len(NODE_FEATURES.names) > 50


def test_names_of_columns_are_unique_in_each_view() -> None:
    for view in VIEWS:
        assert len(view.index) == len(view.features)


def test_a_changed_definition_changes_the_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    first, *others = NODE_FEATURES.features
    changed = replace(NODE_FEATURES, features=(replace(first, revision=2), *others))
    assert changed.digest != NODE_FEATURES.digest


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(UnknownColumn, match="'cpu_of_tomorrow'"):
        NODE_FEATURES.positions(("pod_count", "cpu_of_tomorrow"))


def test_fields_carry_unit_text_and_definition(repository) -> None:
    with_fields = repository._feast.get_feature_view("node_features")
    fields = {field.name: field for field in with_fields.features}
    assert tuple(fields) == SCHEMA.names
    assert not with_fields.online or with_fields.tags["schema_digest"] == NODE_FEATURES.digest
    for feature in SCHEMA.features:
        field = fields[feature.name]
        assert field.description == feature.text
        assert field.tags["unit"] == feature.unit
        assert field.tags["definition_hash"] == feature.definition_hash
        assert str(field.dtype) == "Float32"


def test_a_service_names_all_columns_of_a_view_and_a_source_takes_pushes(repository) -> None:
    feast = repository._feast
    assert {entity.name for entity in feast.list_entities()} >= {"node", "workload"}
    for view in VIEWS:
        (projection,) = feast.get_feature_service(view.name).feature_view_projections
        assert {feature.name for feature in projection.features} == set(view.names)
        assert feast.get_data_source(f"{view.name}_push") is not None


def test_profiles_become_rows_in_the_order_of_the_view() -> None:
    law = tuple(float(i) for i in range(24))
    known = WorkloadProfile("a/b", 7.0, (0.1, 0.2, 0.3, 0.4), tuple(float(i) for i in range(24)), law)
    bare = WorkloadProfile("a/c", 0.0, (float("nan"),) * 4)
    rows = profile_rows([known, bare])
    index = WORKLOAD_PROFILES.index
    assert rows.shape == (2, 53)
    assert rows[0, index["sample_weight"]] == 7
    assert rows[0, index["memory_used_p95_per_request_ratio"]] == np.float32(0.4)
    assert rows[0, index["cpu_hour_23_factor"]] == 23
    assert rows[0, index["cpu_effective_0_per_request_ratio"]] == 0
    assert rows[0, index["memory_effective_0_per_request_ratio"]] == 12
    assert rows[1, 0] == 0
    assert np.isnan(rows[1, 1:]).all()
    assert profile_rows([]).shape == (0, 53)
