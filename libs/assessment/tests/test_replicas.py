"""Pods that follow each other are one replica; those that ran side by side are not."""

from __future__ import annotations

import math
from itertools import pairwise

from hydatis_assessment.capture.replicas import Life, chained

DAY, MINUTE = 86_400.0, 60.0


def test_a_deployment_rolled_out_daily_is_as_many_replicas_as_it_has() -> None:
    lives = [
        Life(day * DAY + replica * MINUTE, math.inf if day == 29 else (day + 1) * DAY + (replica + 3) * MINUTE)
        for day in range(30)
        for replica in range(3)
    ]
    chains = chained(lives)
    assert len(chains) == 3
    assert all(len(chain) == 30 for chain in chains)
    assert sorted(pod for chain in chains for pod in chain) == list(range(90))
    for chain in chains:
        assert all(lives[one].last_seconds <= lives[other].first_seconds + 15 * MINUTE for one, other in pairwise(chain))


def test_what_ran_side_by_side_stays_apart() -> None:
    assert chained([Life(0, DAY), Life(0, DAY), Life(0, math.inf)]) == [[0], [1], [2]]
    assert chained([Life(0, 600), Life(0, 600)]) == [[0], [1]], "also what was short"


def test_more_by_day_than_by_night_is_as_many_as_by_day() -> None:
    base = [Life(0, math.inf)]
    by_day = [Life(day * DAY + 8 * 3600, day * DAY + 20 * 3600) for day in range(5) for _ in range(2)]
    assert sorted(len(chain) for chain in chained(base + by_day)) == [1, 5, 5]


def test_a_cron_job_is_one_replica() -> None:
    assert chained([Life(day * DAY, day * DAY + 600) for day in range(30)]) == [list(range(30))]
