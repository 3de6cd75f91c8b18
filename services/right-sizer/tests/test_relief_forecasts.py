"""Tables and forecasts become ratios by node, in whatever order they come."""

import math

import numpy as np
from hydatis_features.schema import SCHEMA
from hydatis_features.table import NodeTable
from hydatis_forecasting.forecast_table import ForecastTable
from hydatis_forecasting.targets import COLUMNS
from hydatis_right_sizer.relief_forecasts import HeatBook


def table(generation, *names):
    return NodeTable(
        generation, names, SCHEMA.names, np.full((len(names), len(SCHEMA.names)), np.nan, dtype=np.float32), SCHEMA.hashes
    )


def forecast(generation, *cpu_and_memory):
    values = np.full((len(cpu_and_memory), len(COLUMNS)), 0.01, dtype=np.float32)
    for row, (cpu, memory) in enumerate(cpu_and_memory):
        values[row, COLUMNS.index("cpu_p95_max_3600s")] = cpu
        values[row, COLUMNS.index("memory_p95_max_3600s")] = memory
    return ForecastTable(generation, values)


def test_the_hotter_of_cpu_and_memory_counts_and_unknown_stays_unknown():
    book = HeatBook()
    book.take_table(table(60, "a", "b", "c"))
    assert book.newest is None
    book.take_forecast(forecast(60, (0.5, 0.25), (0.25, 1.5), (0.5, math.nan)))
    assert book.newest.made_at_seconds == 60.0
    assert (book.newest.ratios["a"], book.newest.ratios["b"]) == (0.5, 1.5)
    assert math.isnan(book.newest.ratios["c"])


def test_a_forecast_may_come_before_its_table_and_waits_for_no_other():
    book = HeatBook()
    book.take_forecast(forecast(120, (0.5, 0.1)))
    book.take_table(table(60, "a"))
    assert book.newest is None
    book.take_table(table(120, "b"))
    assert book.newest.ratios == {"b": 0.5}


def test_a_forecast_of_other_rows_than_its_table_is_nobodys():
    book = HeatBook()
    book.take_table(table(60, "a", "b"))
    book.take_forecast(forecast(60, (0.5, 0.1)))
    assert book.newest is None


def test_generations_that_nothing_came_of_are_let_go():
    book = HeatBook()
    for generation in range(60, 660, 60):
        book.take_table(table(generation, "a"))
    book.take_forecast(forecast(60, (0.5, 0.1)))
    assert book.newest is None
    book.take_forecast(forecast(600, (0.75, 0.1)))
    assert book.newest.ratios == {"a": 0.75}
