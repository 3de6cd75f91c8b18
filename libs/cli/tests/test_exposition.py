"""Counters are read as differences, by label, whatever restarts in between."""

import pytest
from hydatis_cli.exposition import differences, scrape, total_by
from hydatis_core.errors import DependencyUnavailable


def sample(name, value, **labels):
    return {(name, tuple(sorted(labels.items()))): value}


def test_the_difference_is_what_rose_between_two_scrapes():
    before = sample("d_total", 3.0, rung="full") | sample("d_total", 5.0, rung="load")
    after = sample("d_total", 10.0, rung="full") | sample("d_total", 5.0, rung="load") | sample("d_total", 2.0, rung="greedy")

    assert total_by(differences(before, after), "d_total", "rung") == {"full": 7.0, "greedy": 2.0}


def test_a_counter_that_was_reset_counts_from_zero():
    assert differences(sample("d_total", 30.0), sample("d_total", 4.0)) == sample("d_total", 4.0)


def test_an_endpoint_that_is_not_there_is_named():
    with pytest.raises(DependencyUnavailable, match="does not answer"):
        scrape("http://127.0.0.1:1/metrics")
