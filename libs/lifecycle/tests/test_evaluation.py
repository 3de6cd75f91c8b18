import math

import numpy as np
import pytest
from hydatis_core.errors import ArtifactRefused, InvalidValue, WrongShape
from hydatis_lifecycle.business_objective import Outcome
from hydatis_lifecycle.evaluation.business_check import check
from hydatis_lifecycle.evaluation.paired_bootstrap import Improvement, improvement
from hydatis_lifecycle.evaluation.verdict import ModelVerdict, Verdict, judge


def around(ratio, half):
    return Improvement(ratio, ratio - half, ratio + half, 1000, 20)


def paired(gain, hours=40, rows=50, seed=0):
    random = np.random.default_rng(seed)
    groups = np.repeat(np.arange(hours), rows)
    hard = random.gamma(2.0, 1.0, hours)[groups]
    rival = hard * random.gamma(4.0, 0.25, hours * rows)
    return rival * (1 - gain), rival, groups


def test_a_tenth_less_loss_on_every_row_is_an_improvement_of_a_tenth_without_doubt():
    found = improvement(*paired(0.1), seed=1)
    assert found.ratio == pytest.approx(0.1)
    assert (found.low, found.high) == pytest.approx((0.1, 0.1))
    assert (found.rows_count, found.groups_count) == (2000, 40)


def test_the_interval_rests_on_hours_and_not_on_rows():
    random = np.random.default_rng(3)
    groups = np.repeat(np.arange(30), 100)
    hourly = random.normal(0, 0.2, 30)[groups]
    rival = np.ones(3000)
    by_hour = improvement(1 + hourly, rival, groups, seed=1)
    by_row = improvement(1 + hourly, rival, np.arange(3000), seed=1)
    assert by_hour.high - by_hour.low > 5 * (by_row.high - by_row.low)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    held = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        groups = np.repeat(np.arange(40), 5)
        rival = 1 + random.normal(0, 0.1, 200)
        candidate = 0.95 + random.normal(0, 0.1, 40)[groups]
        found = improvement(candidate, rival, groups, seed=seed, draws=300)
        held += found.low <= 0.05 <= found.high
    assert 0.88 <= held / 200 <= 1.0


def test_the_same_seed_gives_the_same_interval():
    assert improvement(*paired(0.1), seed=4) == improvement(*paired(0.1), seed=4)


def test_rows_that_one_of_them_does_not_know_count_for_neither():
    found = improvement([1.0, math.nan, 1.0], [2.0, 9.0, math.nan], [0, 1, 2], seed=0)
    assert (found.ratio, found.rows_count) == (0.5, 1)


def test_nothing_lost_by_both_is_no_difference_and_by_the_rival_only_is_infinitely_worse():
    assert improvement([0.0, 0.0], [0.0, 0.0], [0, 1], seed=0).ratio == 0.0
    assert improvement([1.0], [0.0], [0], seed=0).ratio == -math.inf


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (([1.0], [1.0, 2.0], [0]), WrongShape),
        (([math.nan], [1.0], [0]), InvalidValue),
        (([-1.0], [1.0], [0]), InvalidValue),
    ],
)
def test_losses_that_cannot_be_paired_are_refused(arguments, error):
    with pytest.raises(error):
        improvement(*arguments, seed=0)


@pytest.mark.parametrize(
    ("champion", "baseline", "verdict"),
    [
        (around(0.10, 0.05), around(0.3, 0.1), Verdict.BETTER),
        (around(0.01, 0.02), around(0.3, 0.1), Verdict.NOT_WORSE),
        (around(0.01, 0.10), around(0.3, 0.1), Verdict.WORSE),
        (around(-0.10, 0.02), around(0.3, 0.1), Verdict.WORSE),
        (None, around(0.30, 0.10), Verdict.FIRST),
        (None, around(0.00, 0.01), Verdict.FIRST),
        (None, around(-0.20, 0.05), Verdict.WORSE),
    ],
)
def test_the_table_of_verdicts(champion, baseline, verdict):
    assert judge(champion, baseline)[0] is verdict


def test_what_is_registered_depends_on_what_the_run_is_for():
    def accepted(policy):
        return {verdict.value for verdict in Verdict if made(verdict).accepted(policy)}

    assert accepted("better") == {"first", "better"}
    assert accepted("not_worse") == {"first", "better", "not_worse"}


def made(verdict):
    losses = {"candidate": 1.0, "baseline": 2.0}
    return ModelVerdict("m", "sha256:0", verdict, "loss", "naive", "1.0.0", losses, None, around(0.5, 0.1), 0.02, "so")


def test_a_verdict_survives_json_and_anything_else_is_refused():
    verdict = made(Verdict.FIRST)
    assert ModelVerdict.from_json(verdict.to_json()) == verdict
    with pytest.raises(ArtifactRefused):
        ModelVerdict.from_json({"verdict": "perhaps"})


def test_candidates_hold_when_they_cost_no_more_than_the_champions_and_the_stock_scheduler():
    stock, champion = Outcome(100.0, 0.01, 1.0), Outcome(90.0, 0.01, 1.0)
    assert check(Outcome(85.0, 0.01, 1.0), champion, stock).passed
    worse = check(Outcome(99.0, 0.01, 1.0), champion, stock)
    assert not worse.passed
    assert "the champions" in worse.reason
    assert check(Outcome(99.0, 0.01, 1.0), None, stock).passed
    assert not check(Outcome(90.0, 0.05, 1.0), None, stock).passed
