"""Which differences of schemas break a reader."""

from __future__ import annotations

import pytest
from hydatis_lifecycle.datasets.difference import FileChanges, difference
from hydatis_lifecycle.datasets.row_marks import RowCounts
from hydatis_lifecycle.datasets.schema import Column, Columns, Schema, schema_from_json, schema_of, schema_to_json
from hydatis_lifecycle.datasets.schema_difference import CHANGE_OF, SchemaEvent, schema_differences
from hydatis_lifecycle.versions import Change

TIME = Column("timestamp_s", "int64", "s")
USE = Column("cpu_pct", "float", "pct")


def events(before: Columns, after: Columns) -> dict[str, SchemaEvent]:
    return {one.column: one.event for one in schema_differences(of(before), of(after))}


def of(columns: Columns, path: str = "a.parquet") -> Schema:
    return schema_of({path: columns})


@pytest.mark.parametrize(
    ("before", "after", "event"),
    [
        ("int32", "int64", SchemaEvent.TYPE_WIDENED),
        ("uint8", "int16", SchemaEvent.TYPE_WIDENED),
        ("float", "double", SchemaEvent.TYPE_WIDENED),
        ("string", "large_string", SchemaEvent.TYPE_WIDENED),
        ("int64", "int32", SchemaEvent.TYPE_CHANGED),
        ("uint32", "int32", SchemaEvent.TYPE_CHANGED),
        ("int8", "uint16", SchemaEvent.TYPE_CHANGED),
        ("double", "float", SchemaEvent.TYPE_CHANGED),
        ("int32", "double", SchemaEvent.TYPE_CHANGED),
        ("int64", "string", SchemaEvent.TYPE_CHANGED),
        ("timestamp[ms]", "timestamp[ns]", SchemaEvent.TYPE_CHANGED),
    ],
)
def test_a_type_that_holds_every_value_of_before_is_wider_and_any_other_breaks(before: str, after: str, event: SchemaEvent) -> None:
    assert events((Column("x", before),), (Column("x", after),)) == {"x": event}


def test_a_renamed_column_is_one_that_went_and_one_that_came() -> None:
    found = events((TIME, USE), (TIME, Column("cpu_ratio", "float", "ratio")))
    assert found == {"cpu_pct": SchemaEvent.COLUMN_REMOVED, "cpu_ratio": SchemaEvent.COLUMN_ADDED}


def test_another_unit_breaks_and_one_that_is_said_for_the_first_time_does_not() -> None:
    assert events((Column("cpu", "double", "mhz"),), (Column("cpu", "double", "cores"),)) == {"cpu": SchemaEvent.UNIT_CHANGED}
    assert events((Column("cpu", "double"),), (Column("cpu", "double", "mhz"),)) == {}


def test_values_that_may_be_absent_break_a_reader_that_never_met_one() -> None:
    always, sometimes = Column("x", "int64", nullable=False), Column("x", "int64")
    assert events((always,), (sometimes,)) == {"x": SchemaEvent.NULLS_ALLOWED}
    assert events((sometimes,), (always,)) == {"x": SchemaEvent.NULLS_EXCLUDED}


def test_the_order_of_columns_is_no_difference() -> None:
    assert events((TIME, USE), (USE, TIME)) == {}


def test_a_partition_that_went_removes_no_table_while_one_of_its_columns_is_left() -> None:
    months = schema_of({"2013-07.parquet": (TIME, USE), "2013-08.parquet": (TIME, USE)})
    assert schema_differences(months, of((TIME, USE), "2013-08.parquet")) == ()
    assert schema_differences(of((TIME, USE), "2013-08.parquet"), months) == ()


def test_the_last_file_with_its_columns_takes_its_table_along() -> None:
    both = schema_of({"nodes.parquet": (TIME,), "pods.parquet": (USE,)})
    (found,) = schema_differences(both, of((TIME,), "nodes.parquet"))
    assert (found.event, found.path) == (SchemaEvent.TABLE_REMOVED, "pods.parquet")
    assert CHANGE_OF[found.event] is Change.MAJOR


def test_an_event_that_many_partitions_share_stands_once() -> None:
    before = schema_of({f"{month}.parquet": (TIME, USE) for month in range(12)})
    after = schema_of({f"{month}.parquet": (TIME,) for month in range(12)})
    assert [one.event for one in schema_differences(before, after)] == [SchemaEvent.COLUMN_REMOVED]


def test_every_event_has_its_change() -> None:
    assert set(CHANGE_OF) == set(SchemaEvent)


def test_a_schema_survives_its_text() -> None:
    schema = schema_of({"b.parquet": (TIME, USE), "a.csv": ()})
    assert schema_from_json(schema_to_json(schema)) == schema
    assert schema.columns_of("b.parquet") == (TIME, USE)
    assert schema.columns_of("a.csv") == schema.columns_of("none") == ()


NOTHING = FileChanges((), (), ())
CHANGED = FileChanges((), (), ("a.parquet",))


@pytest.mark.parametrize(
    ("files", "rows", "grown", "change"),
    [
        (CHANGED, RowCounts(added=5, removed=0, changed=9), (), Change.MINOR),
        (CHANGED, RowCounts(added=0, removed=4, changed=9), (), Change.PATCH),
        (CHANGED, RowCounts(added=0, removed=0, changed=0), (), Change.PATCH),
        (FileChanges(("b.csv",), (), ()), None, (), Change.MINOR),
        (FileChanges((), ("b.csv",), ()), None, (), Change.PATCH),
        (FileChanges((), (), (), (("a.csv", "b.csv"),)), None, (), Change.PATCH),
        (FileChanges((), (), ("a.csv",)), None, ("a.csv",), Change.MINOR),
        (FileChanges((), (), ("a.csv",)), None, (), Change.PATCH),
    ],
)
def test_more_is_minor_and_other_is_a_patch(
    files: FileChanges, rows: RowCounts | None, grown: tuple[str, ...], change: Change
) -> None:
    same = of((TIME, USE))
    assert difference(same, same, files, rows, grown).change is change


def test_a_broken_schema_outweighs_new_rows_and_comes_first_in_the_reasons() -> None:
    found = difference(of((TIME, USE)), of((TIME, Column("z", "int8"))), CHANGED, RowCounts(7, 0, 1))
    assert found.change is Change.MAJOR
    assert found.reasons() == (
        "column removed cpu_pct of a.parquet",
        "column added z of a.parquet",
        "7 rows added",
        "1 row changed",
        "file changed: a.parquet",
    )


def test_nothing_is_no_difference() -> None:
    assert difference(of((TIME,)), of((TIME,)), NOTHING).is_empty
