"""Counts of events in the last minutes."""

from hydatis_features.recent_events import RecentEvents


def test_the_window_is_open_at_its_start_and_closed_at_its_end():
    events = RecentEvents(900.0)
    for time in (100.0, 100.5, 1000.0, 1000.5):
        events.add(time, 1)
    assert events.counts(1000.0, 3).tolist() == [0, 2, 0]


def test_events_follow_their_node_and_go_with_it():
    events = RecentEvents(900.0)
    for row in (0, 1, 2, 2):
        events.add(10.0, row)
    events.renumber([1, -1, 0])
    assert events.counts(20.0, 2).tolist() == [2, 1]


def test_what_is_forgotten_would_not_have_counted():
    events = RecentEvents(900.0)
    events.add(100.0, 0)
    events.add(5000.0, 0)
    events.forget_before(1000.0)
    assert events.to_list() == [(5000.0, 0)]
