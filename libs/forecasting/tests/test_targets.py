"""The layout of forecasts."""

from hydatis_forecasting.targets import COLUMNS, CPU_COLUMNS, MEMORY_COLUMNS


def test_the_layout_is_the_one_others_were_built_against() -> None:
    assert CPU_COLUMNS == (
        "cpu_p50_300s", "cpu_p95_300s", "cpu_p50_max_300s", "cpu_p95_max_300s",
        "cpu_p50_900s", "cpu_p95_900s", "cpu_p50_max_900s", "cpu_p95_max_900s",
        "cpu_p50_3600s", "cpu_p95_3600s", "cpu_p50_max_3600s", "cpu_p95_max_3600s",
    )  # fmt: skip
    assert tuple(name.replace("cpu", "memory") for name in CPU_COLUMNS) == MEMORY_COLUMNS
    assert COLUMNS == CPU_COLUMNS + MEMORY_COLUMNS
