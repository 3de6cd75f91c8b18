"""Columns are known by name and definition."""

import re

import pytest
from hydatis_core.errors import UnknownColumn
from hydatis_features.schema import FEATURES, SCHEMA


def test_there_are_at_least_fifty_columns_each_named_once_and_explained():
    assert len(SCHEMA.names) >= 50
    assert len(set(SCHEMA.names)) == len(SCHEMA.names)
    assert all(feature.text.endswith(".") and feature.unit for feature in FEATURES)
    assert {feature.source for feature in FEATURES} == {"cluster", "usage", "io", "time"}


def test_a_hash_is_twelve_hexadecimal_digits_and_follows_the_revision():
    assert all(re.fullmatch("[0-9a-f]{12}", digest) for digest in SCHEMA.hashes)
    assert len(set(SCHEMA.hashes)) == len(SCHEMA.hashes)


def test_definitions_that_models_were_trained_on_do_not_change_unseen():
    assert SCHEMA.hashes[SCHEMA.index["cpu_used_ratio"]] == "2209de70347d"


def test_columns_are_found_by_name_and_definition():
    wanted = [(SCHEMA.names[5], SCHEMA.hashes[5]), (SCHEMA.names[2], SCHEMA.hashes[2])]
    assert SCHEMA.positions(wanted).tolist() == [5, 2]
    with pytest.raises(UnknownColumn, match="no_such_column"):
        SCHEMA.positions([("no_such_column", "0")])
    with pytest.raises(UnknownColumn, match="has definition"):
        SCHEMA.positions([(SCHEMA.names[0], "0")])
