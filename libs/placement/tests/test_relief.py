"""Relief: a node is closed after several hot forecasts in a row, opened after several cool ones, and never on what is not known."""

import math

import pytest
from hydatis_core.errors import InvalidValue
from hydatis_placement.relief import NodeRelief, ReliefRules, handed_ratio, relieve

RULES = ReliefRules(enter_ratio=0.9, leave_ratio=0.7, dwell_ticks=2, tainted_nodes_ratio_max=0.25, cool_nodes_ratio_min=0.25)
COOL = {f"c{number}": 0.3 for number in range(7)}


def told(*series, rules=RULES, tick_seconds=60.0, states=None):
    """The last of several forecasts, one a minute, and all actions by tick."""
    states, actions, found = states or {}, [], None
    for tick, forecasts in enumerate(series):
        now = 1000.0 + tick * tick_seconds
        found = relieve(rules, states, forecasts, made_at_seconds=now, now_seconds=now)
        states = found.nodes
        actions.append([(action.node, action.tainted) for action in found.actions])
    return found, actions


def test_a_node_is_closed_when_it_is_hot_as_often_as_it_takes_and_opened_below_another_threshold():
    ratios = (0.95, 0.95, 0.95, 0.8, 0.6, 0.8, 0.6, 0.6)
    _, actions = told(*({**COOL, "a": ratio} for ratio in ratios))
    assert actions == [[], [("a", True)], [], [], [], [], [], [("a", False)]]


def test_a_moment_of_heat_closes_nothing():
    _, actions = told(*({**COOL, "a": ratio} for ratio in (0.95, 0.5, 0.95, 0.5, 0.95, 0.5)))
    assert actions == [[]] * 6


def test_at_the_thresholds_themselves_a_node_is_hot_and_not_cool():
    _, actions = told(*({**COOL, "a": ratio} for ratio in (0.9, 0.9, 0.7, 0.7)))
    assert actions == [[], [("a", True)], [], []]


def test_the_hottest_come_first_and_no_more_than_the_share():
    hot = {**COOL, "a": 0.91, "b": 0.99, "d": 0.95}
    found, actions = told(hot, hot)
    assert actions[-1] == [("b", True), ("d", True)], "a quarter of ten nodes"
    assert found.held_back == {"a": "25% of the nodes are closed already"}


def test_where_there_is_nowhere_to_go_nothing_is_closed():
    hot = {"a": 0.95, "b": 0.95, "c": 0.95, "d": 0.95, "e": 0.6}
    found, actions = told(hot, hot, hot)
    assert actions[-1] == []
    assert set(found.held_back) == {"a", "b", "c", "d"}
    assert "nowhere to go" in found.held_back["a"]


def test_one_node_alone_may_be_closed_however_small_the_share():
    hot = {"a": 0.95, "b": 0.2}
    _, actions = told(hot, hot, rules=ReliefRules(dwell_ticks=2, tainted_nodes_ratio_max=0.01))
    assert actions[-1] == [("a", True)]


def test_what_is_not_known_breaks_a_row_and_changes_nothing_else():
    _, actions = told(*({**COOL, "a": ratio} for ratio in (0.95, math.nan, 0.95, 0.95)))
    assert actions == [[], [], [], [("a", True)]]


def test_a_closed_node_is_opened_when_its_forecast_was_unknown_for_long_and_not_before():
    closed = {"a": NodeRelief(True, 0, 1000.0)}
    unknown = {**COOL, "a": math.nan}
    _, actions = told(*[unknown] * 16, states=closed)
    assert actions[:15] == [[]] * 15
    assert actions[15] == [("a", False)]


def test_an_old_forecast_is_not_known():
    found = relieve(RULES, {}, {"a": 0.95, "b": 0.1}, made_at_seconds=0.0, now_seconds=RULES.fresh_seconds + 1)
    assert found.actions == ()
    assert found.nodes["a"].ticks == 0


def test_a_taint_found_after_a_restart_is_kept_until_forecasts_speak_or_are_missing_for_long():
    found = relieve(
        RULES, {"a": NodeRelief(tainted=True, known_seconds=0.0)}, {"a": math.nan}, made_at_seconds=0.0, now_seconds=10.0
    )
    assert found.nodes["a"].tainted
    found = relieve(RULES, found.nodes, {"a": math.nan}, made_at_seconds=900.0, now_seconds=900.0)
    assert [action.reason for action in found.actions] == ["no fresh forecast for 900 s"]


def test_a_node_that_is_gone_is_forgotten_and_makes_room_for_another():
    found = relieve(RULES, {"gone": NodeRelief(True)}, {**COOL, "a": 0.95}, made_at_seconds=0.0, now_seconds=0.0)
    assert "gone" not in found.nodes


@pytest.mark.parametrize(
    ("tainted", "forecast", "handed"),
    [
        (True, 0.95, 0.95),  # pods may leave
        (True, 1.7, 1.0),  # the descheduler takes 0 to 1
        (False, 0.95, 0.8),  # hot, but not for long enough, or held back: nobody leaves
        (False, 0.3, 0.3),  # pods may come
        (True, 0.3, 0.8),  # cool, but closed still: nobody comes, nobody leaves
        (True, 0.75, 0.75),
        (False, math.nan, 0.8),
        (True, math.nan, 0.8),
    ],
)
def test_the_descheduler_is_told_of_heat_only_where_there_is_a_taint(tainted, forecast, handed):
    assert handed_ratio(RULES, NodeRelief(tainted), forecast) == pytest.approx(handed)


@pytest.mark.parametrize(
    "wrong",
    [{"enter_ratio": 0.5}, {"enter_ratio": 1.5}, {"dwell_ticks": 0}, {"tainted_nodes_ratio_max": 2.0}, {"leave_ratio": 0.0}],
)
def test_rules_that_make_no_sense_are_refused(wrong):
    with pytest.raises(InvalidValue):
        ReliefRules(**wrong)
