from __future__ import annotations

from hydatis_core.pods import Pod
from hydatis_simulator.policy import RandomPolicy, StockPolicy

NAMES = ["n0", "n1", "n2"]


def test_the_stock_policy_always_abstains():
    assert StockPolicy().filter_and_score(Pod("a"), NAMES, 0.0) is None


def test_chance_keeps_all_nodes_and_scores_one():
    kept, scores = RandomPolicy(1).filter_and_score(Pod("a"), NAMES, 0.0)
    assert kept == NAMES
    assert list(scores.values()) == [10]
    assert set(scores) <= set(NAMES)


def test_chance_follows_its_seed():
    def draws(seed):
        policy = RandomPolicy(seed)
        return [next(iter(policy.filter_and_score(Pod("a"), NAMES, 0.0)[1])) for _ in range(30)]

    assert draws(1) == draws(1) != draws(2)
