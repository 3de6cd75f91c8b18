"""The real defects of the published traces are found, and counted as their description counts them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydatis_lifecycle.quality.gates import DEFAULT_GATES
from hydatis_lifecycle.quality.report import QualityReport
from hydatis_pipelines.progress import untold
from hydatis_pipelines.validate_step import check_trace

NOW = 1_780_000_000.0

#: Of each trace: rows, and every finding as (table, rule) with its count.
TRACES: dict[str, tuple[int, dict[tuple[str, str], int]]] = {
    "bitbrains": (
        5_016_495,
        {
            ("bitbrains", "capacity_zero"): 222_167,
            ("bitbrains", "repeated"): 66_373,
            ("bitbrains", "memory_above_capacity"): 25_621,
            ("bitbrains", "range"): 75_184,  # cpu_usage_pct > 100
            ("bitbrains", "silence"): 2,  # a day between the months, twice
            ("bitbrains", "missing"): 190_249,
            ("bitbrains", "late"): 4_778,
            # what the description does not name
            ("bitbrains", "use_without_capacity"): 32_634,
            ("bitbrains", "half_off"): 64,
        },
    ),
    "planetlab": (2_424_672, {}),
    "alibaba_2018": (
        72_982,
        {
            ("alibaba_2018", "range"): 14,
            ("alibaba_2018", "marked_abnormal"): 14,
            ("alibaba_2018", "counters_absent"): 57_090,  # 78 % of the rows
            ("alibaba_2018", "missing"): 2_759,
            ("alibaba_2018", "late"): 549,
            ("alibaba_2018", "silence"): 1,
        },
    ),
    "openb": (
        150_659,
        {
            ("openb_pods", "range"): 17,  # memory 0: one pod of the production list, and its copies
            ("openb_pods", "pending_pod"): 14_029,
            ("openb_pods", "times_absent"): 25_893,
            ("openb_pods", "life_cut"): 404,
        },
    ),
    "alibaba_dlrm_2025": (
        19_516,
        {("alibaba_dlrm_2025", "creation_outside"): 6_125, ("alibaba_dlrm_2025", "deletion_outside"): 7_204},
    ),
    "alibaba_genai_2026": (
        393_805,
        {
            ("genai_memory_util_frac", "range"): 1,  # -0.000012
            ("genai_memory_util_frac", "missing"): 983,
            ("genai_memory_util_frac", "late"): 12,
            ("genai_gpu_util_pct", "missing"): 3_427,
            ("genai_gpu_util_pct", "late"): 1_411,
            ("genai_gpu_memory_used_bytes", "missing"): 983,
            ("genai_gpu_memory_used_bytes", "late"): 10,
        },
    ),
    "smd": (284_329, {}),
    "asd": (115_291, {}),
    "nab": (69_073, {("nab", "repeated"): 33, ("nab", "missing"): 49, ("nab", "late"): 17}),
}


def checked(trace: str, data_folder: Path) -> QualityReport:
    return check_trace(trace, data_folder, DEFAULT_GATES, untold, now_seconds=NOW)


@pytest.mark.parametrize("trace", list(TRACES))
def test_real_defects_are_counted_exactly(trace: str, data_folder: Path) -> None:
    report = checked(trace, data_folder)
    rows, counts = TRACES[trace]
    assert {(one.table, one.rule): one.rows_count for one in report.findings} == counts
    assert (report.rows_count, report.passed) == (rows, True)
    if trace != "bitbrains":
        return
    where = {one.rule: one for one in report.findings}
    assert (where["capacity_zero"].series_count, where["repeated"].series_count) == (42, 21)
    # the longest gaps are those of 31 hours inside July
    assert [example.values["missing_before"] for example in where["missing"].examples] == [377] * 3
    assert {name: f"{100 * score.ratio:.2f}" for name, score in report.scores.items()} == {
        "completeness": "96.30",
        "consistency": "99.35",
        "timeliness": "99.90",
        "accuracy": "97.99",
        "uniqueness": "98.68",
    }
    assert [sentence.split()[0] for sentence in report.soft_failures] == ["completeness", "accuracy", "uniqueness"]
