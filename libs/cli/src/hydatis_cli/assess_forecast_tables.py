"""Tables of how well a cluster's use is foreseen."""

from __future__ import annotations

from typing import Any

from hydatis_cli.assess_words import Rows, percent, signed

__all__ = ["forecasts_rows", "law_rows", "worst_rows"]

Json = dict[str, Any]
_WORST_COUNT = 5


def forecasts_rows(forecasts: Json) -> Rows:
    """How well levels and courses were foreseen, of workloads and of nodes."""
    cells = []
    for of in ("workloads", "nodes"):
        for resource, found in (forecasts[of] or {}).items():
            low, median = (found["coverage_percentiles"] or [None] * 5)[0:3:2]
            cells.append(
                (
                    f"{of}, {'CPU' if resource == 'cpu' else resource}",
                    f"{found['series_count']:,}",
                    percent(found["coverage_ratio"], 1),
                    f"{percent(median, 1)}; {percent(low, 1)}",
                    percent(found["above_ratio"], 1),
                    *(
                        signed(found[f"{what}_skill_over_{rival}"])
                        for what in ("level", "course")
                        for rival in ("stays", "yesterday")
                    ),
                    f"{found['poor_count']:,}",
                )
            )
    return Rows(
        "How well use is foreseen, a day ahead",
        "The level is the 95th percentile of the last seven days: 95 % of the next day should lie below it. The course is their "
        "mean by hour. Skill: how much less loss than yesterday's level (or mean), and than yesterday's sample at the same time; "
        "above 0 is better.",
        (
            "of",
            "series",
            "below the level",
            "median; worst 5 %",
            "use above it",
            "level, over yesterday's",
            "over same time",
            "course, over yesterday's",
            "over same time",
            "poor",
        ),
        tuple(cells),
    )


def law_rows(law: Json) -> Rows:
    """Whether the law of use holds, by scale."""
    cells = [
        ("CPU" if resource == "cpu" else resource, scale, f"{one['foreseen_ratio']:.2f}", percent(one["above_ratio"], 1))
        for resource, scales in law.items()
        for scale, one in scales.items()
    ]
    return Rows(
        "Whether the law of use holds",
        "What HYDATIS places by: effective loads by each pod's history, over those of what came. Scale 10 looks at means, 40 at "
        "tails. Above 1 is careful, below 1 too little was foreseen over all pods.",
        ("", "scale", "foreseen over what came", "pods above what was foreseen"),
        tuple(cells),
    )


def worst_rows(workloads: Json) -> Rows:
    """Workloads whose use was most above their level."""
    cells = [
        (
            one["namespace"],
            one["workload"],
            "CPU" if resource == "cpu" else resource,
            percent(one["coverage_ratio"], 1),
            percent(one["above_ratio"], 1),
        )
        for resource, found in workloads.items()
        for one in found["worst"][:_WORST_COUNT]
    ]
    return Rows(
        "Where most use was above what was foreseen",
        "Use above the level, over all use of the workload.",
        ("namespace", "workload", "", "below the level", "use above it"),
        tuple(cells),
        left_columns_count=3,
    )
