"""Forecast tables refuse what is not a forecast, and give the outlook."""

import numpy as np
import pytest
from hydatis_core.errors import InvalidValue, UnknownColumn, WrongShape
from hydatis_forecasting.forecast_table import ForecastTable
from hydatis_forecasting.outlook import outlook
from hydatis_forecasting.targets import COLUMNS


def values(n: int = 2) -> np.ndarray:
    return (np.arange(n * 24, dtype=np.float32) / 100).reshape(n, 24)


def test_a_column_is_found_by_name() -> None:
    table = ForecastTable(600, values())
    assert table.column("memory_p50_300s").tolist() == pytest.approx([0.12, 0.36])
    with pytest.raises(UnknownColumn):
        table.column("disk_p50_300s")


def test_the_outlook_is_the_maximum_of_the_next_hour() -> None:
    ahead = outlook(ForecastTable(600, values()))
    assert ahead.cpu_p50[0] == np.float32(COLUMNS.index("cpu_p50_max_3600s") / 100)
    assert ahead.cpu_p95[0] == np.float32(COLUMNS.index("cpu_p95_max_3600s") / 100)
    assert ahead.memory_p50[0] == np.float32(COLUMNS.index("memory_p50_max_3600s") / 100)
    assert ahead.memory_p95[0] == np.float32(COLUMNS.index("memory_p95_max_3600s") / 100)


def test_unknown_forecasts_are_allowed_and_stay_unknown() -> None:
    unknown = values()
    unknown[1] = np.nan
    assert np.isnan(outlook(ForecastTable(600, unknown)).cpu_p95[1])


def test_a_table_cannot_be_changed() -> None:
    table = ForecastTable(600, values())
    with pytest.raises(ValueError, match="read-only"):
        table.values[0, 0] = 1.0


@pytest.mark.parametrize("wrong", [np.inf, -0.1])
def test_infinite_and_negative_forecasts_are_refused_by_name(wrong: float) -> None:
    bad = values()
    bad[1, 3] = wrong
    with pytest.raises(InvalidValue, match="row 1, column cpu_p95_max_300s"):
        ForecastTable(600, bad)


def test_wrong_shapes_types_and_generations_are_refused() -> None:
    with pytest.raises(WrongShape):
        ForecastTable(600, values()[:, :23])
    with pytest.raises(WrongShape):
        ForecastTable(600, values().astype(np.float64))
    with pytest.raises(InvalidValue):
        ForecastTable(0, values())


def test_rows_name_versions_that_are_listed() -> None:
    versions = (("cpu-forecaster", "1.0.0"), ("cpu-forecaster", "1.1.0"), ("memory-forecaster", "1.0.0"))
    ForecastTable(600, values(), versions, np.array([[0, 2], [1, 2]], dtype=np.int32))
    with pytest.raises(InvalidValue):
        ForecastTable(600, values(), versions, np.array([[0, 3], [1, 2]], dtype=np.int32))
    with pytest.raises(WrongShape):
        ForecastTable(600, values(), versions, np.zeros((2, 1), dtype=np.int32))
