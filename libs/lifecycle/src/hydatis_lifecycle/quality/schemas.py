"""Columns, kinds, ranges and unknown values, as pandera sees them: the schema of a table, made of its rules.

The same schema is asked twice: of a file without rows, whether it has the columns that it should (a changed schema is found before
a row is read), and of every batch, which values are out of range.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pandera
from numpy.typing import NDArray
from pandera.errors import SchemaErrors

from hydatis_lifecycle.quality.rules import ColumnRule, Columns, TableRules

__all__ = ["ColumnFault", "batch_faults", "kind_of", "structure_faults", "table_schema"]


@dataclass(frozen=True, slots=True)
class ColumnFault:
    """What is wrong with a column."""

    column: str
    rule: str
    """"column_missing", "column_unknown" or "column_kind" of a file; "range" or "unknown_value" of rows."""
    text: str
    rows: NDArray[np.intp]
    """Rows of the batch, ascending; none of a file."""


def kind_of(dtype: Any) -> str:
    """Which of ``KINDS`` a column of a data frame is; "" for none."""
    if isinstance(dtype, pd.CategoricalDtype):
        return kind_of(dtype.categories.dtype)
    if pd.api.types.is_bool_dtype(dtype):
        return ""
    if pd.api.types.is_integer_dtype(dtype):
        return "integer"
    if pd.api.types.is_float_dtype(dtype):
        return "number"
    return "text" if pd.api.types.is_string_dtype(dtype) or pd.api.types.is_object_dtype(dtype) else ""


def table_schema(rules: TableRules) -> pandera.DataFrameSchema:
    """The schema: exactly these columns, of these kinds, within these ranges."""
    return pandera.DataFrameSchema(
        {rule.name: pandera.Column(checks=_checks(rule), nullable=rule.nullable) for rule in rules.columns}, strict=True
    )


def _checks(rule: ColumnRule) -> list[pandera.Check]:
    allowed = {"number": ("number", "integer")}.get(rule.kind, (rule.kind,))
    if rule.nullable and rule.kind == "integer":
        allowed = ("number", "integer")  # unknown integers are stored as floating point in a data frame
    checks = [pandera.Check(lambda series: kind_of(series.dtype) in allowed)]
    if rule.kind == "number":
        checks.append(pandera.Check(lambda series: ~np.isinf(series), name="finite"))
    if rule.low is not None:
        checks.append(pandera.Check.ge(rule.low, name="range"))
    if rule.high is not None:
        checks.append(pandera.Check.le(rule.high, name="range"))
    return checks


_OF_A_FILE = {
    "column_in_dataframe": ("column_missing", "the column is missing"),
    "column_in_schema": ("column_unknown", "nobody knows this column"),
}


def structure_faults(rules: TableRules, empty: pd.DataFrame) -> list[ColumnFault]:
    """What a file has other columns or kinds than it should.

    Args:
        rules: of the table.
        empty: a data frame of the file's columns, without rows.
    """
    faults = []
    nobody = np.zeros(0, dtype=np.intp)
    for case in _cases(table_schema(rules), empty).itertuples():
        if told := _OF_A_FILE.get(str(case.check)):
            faults.append(ColumnFault(str(case.failure_case), *told, nobody))
            continue
        column = str(case.column)
        found = kind_of(empty[column].dtype) or str(empty[column].dtype)
        text = f"the column holds {found} values and not {rules.column(column).kind} ones"
        faults.append(ColumnFault(column, "column_kind", text, nobody))
    return faults


def batch_faults(rules: TableRules, schema: pandera.DataFrameSchema, batch: Columns) -> list[ColumnFault]:
    """Which rows of a batch hold values out of range, or none where there must be one.

    Args:
        rules: of the table.
        schema: made of them.
        batch: all its columns.
    """
    cases = _cases(schema, pd.DataFrame(dict(batch), copy=False))
    rows_of: dict[tuple[str, str], list[NDArray[np.intp]]] = {}
    for (column, check), found in cases.groupby(["column", "check"], sort=False):
        rule = "unknown_value" if check == "not_nullable" else "range"
        rows_of.setdefault((str(column), rule), []).append(found["index"].to_numpy(dtype=np.intp))
    return [
        ColumnFault(column, rule, _said(rules.column(column), rule), np.unique(np.concatenate(rows)))
        for (column, rule), rows in rows_of.items()
    ]


def _said(rule: ColumnRule, fault: str) -> str:
    if fault == "unknown_value":
        return "the value is unknown and must be known"
    bounds: Mapping[str, float | None] = {"below": rule.low, "above": rule.high}
    told = [f"{side} {bound:g}" for side, bound in bounds.items() if bound is not None]
    # of the greatest bound, infinite is above it
    return "the value is " + " or ".join(told if rule.high is not None or rule.kind != "number" else [*told, "infinite"])


def _cases(schema: pandera.DataFrameSchema, frame: pd.DataFrame) -> pd.DataFrame:
    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as errors:
        cases: pd.DataFrame = errors.failure_cases
        return cases
    return pd.DataFrame(columns=["schema_context", "column", "check", "failure_case", "index"])
