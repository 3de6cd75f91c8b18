"""What the detector looks at."""

import numpy as np
import pytest
from hydatis_anomaly.inputs import INPUTS, Input, columns_of, engineer
from hydatis_core.errors import InvalidValue
from hydatis_features.schema import SCHEMA


def values(formula: str, a: list[float], b: list[float]) -> list[float]:
    rows = np.array([a, b], dtype=np.float32).T.copy()
    return engineer([Input(formula, "x", "y" if formula != "a" else "")], ["x", "y"], rows)[:, 0].tolist()


def test_formulas_give_what_they_say() -> None:
    assert values("a", [1.0], [9.0]) == [1.0]
    assert values("a - b", [3.0], [1.0]) == [2.0]
    assert values("a / b", [1.0], [4.0]) == [0.25]
    assert values("ln(1 + a / b)", [9.0], [1.0]) == pytest.approx([np.log(10.0)])


def test_nothing_of_nothing_is_nothing_and_something_of_nothing_is_unknown() -> None:
    nothing, impossible, unknown = values("a / b", [0.0, 1.0, np.nan], [0.0, 0.0, 1.0])
    assert nothing == 0.0
    assert np.isnan(impossible)
    assert np.isnan(unknown)


def test_every_column_is_of_the_schema_and_none_is_capacity_or_calendar_but_as_a_divisor() -> None:
    assert len(INPUTS) >= 50
    assert all(dict(zip(SCHEMA.names, SCHEMA.hashes, strict=True))[name] == known for name, known in columns_of(INPUTS))
    firsts = {one.a for one in INPUTS}
    assert not any(word in name for name in firsts for word in ("hour_of", "allocatable", "age", "limit_count"))
    assert len({(one.formula, one.a, one.b) for one in INPUTS}) == len(INPUTS)


def test_the_size_of_a_node_does_not_matter(fleet: np.ndarray) -> None:
    names = [name for name, _ in columns_of(INPUTS)]
    doubled = fleet.copy()
    for place, name in enumerate(names):
        if name == "cpu_allocatable_cores" or name.endswith("bytes_per_second"):
            doubled[:, place] *= 2
    assert engineer(INPUTS, names, doubled).tobytes() == engineer(INPUTS, names, fleet).tobytes()


def test_inputs_that_make_no_sense_are_refused() -> None:
    with pytest.raises(InvalidValue):
        Input("a * b", "x", "y")
    with pytest.raises(InvalidValue):
        Input("a - b", "x")
    with pytest.raises(InvalidValue, match="'nonsense' is no column"):
        columns_of([Input("a", "nonsense")])
