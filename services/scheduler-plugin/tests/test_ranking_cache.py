"""Filter and prioritize of one pod share one ranking, and nothing else does by mistake."""

from __future__ import annotations

from hydatis_scheduler_plugin.ranking_cache import RankingCache, StateKey

STATE = StateKey(100, 1, 1)


def filled(*, for_prioritize: bool = True) -> RankingCache[str]:
    cache: RankingCache[str] = RankingCache(limit_count=2, expiry_seconds=10.0)
    cache.put("a", STATE, b"n1 n2", "ranking", now_seconds=0.0, for_prioritize=for_prioritize)
    return cache


def test_the_same_pod_state_and_candidates_have_one_ranking() -> None:
    assert filled().same("a", STATE, b"n1 n2", now_seconds=1.0) == "ranking"


def test_another_pod_state_or_candidates_have_not() -> None:
    cache = filled()
    assert cache.same("b", STATE, b"n1 n2", now_seconds=1.0) is None
    assert cache.same("a", StateKey(160, 1, 1), b"n1 n2", now_seconds=1.0) is None
    assert cache.same("a", StateKey(100, 2, 1), b"n1 n2", now_seconds=1.0) is None
    assert cache.same("a", StateKey(100, 1, 2), b"n1 n2", now_seconds=1.0) is None
    assert cache.same("a", STATE, b"n1", now_seconds=1.0) is None


def test_prioritize_is_handed_what_filter_ranked_once() -> None:
    cache = filled()
    assert cache.handed_over("a", now_seconds=1.0) == "ranking"
    assert cache.handed_over("a", now_seconds=1.0) is None
    assert cache.same("a", STATE, b"n1 n2", now_seconds=1.0) == "ranking"


def test_what_prioritize_ranked_itself_is_not_handed_over() -> None:
    assert filled(for_prioritize=False).handed_over("a", now_seconds=1.0) is None


def test_a_ranking_expires() -> None:
    cache = filled()
    assert cache.handed_over("a", now_seconds=10.5) is None
    assert len(cache) == 0


def test_the_oldest_goes_when_it_is_full() -> None:
    cache = filled()
    cache.put("b", STATE, b"", "second", now_seconds=0.0, for_prioritize=True)
    cache.put("c", STATE, b"", "third", now_seconds=0.0, for_prioritize=True)
    assert cache.handed_over("a", now_seconds=0.0) is None
    assert cache.handed_over("c", now_seconds=0.0) == "third"


def test_candidates_bound_the_memory_but_the_newest_ranking_stays() -> None:
    cache: RankingCache[str] = RankingCache(limit_bytes=10)
    for uid, candidates in (("a", b"12345"), ("b", b"12345"), ("b", b"1234"), ("c", b"123")):
        cache.put(uid, STATE, candidates, uid, now_seconds=0.0, for_prioritize=True)
    assert cache.handed_over("a", now_seconds=0.0) is None
    assert cache.handed_over("b", now_seconds=0.0) == "b"
    cache.put("d", STATE, b"1" * 100, "d", now_seconds=0.0, for_prioritize=True)
    assert cache.handed_over("d", now_seconds=0.0) == "d"
    assert len(cache) == 1
