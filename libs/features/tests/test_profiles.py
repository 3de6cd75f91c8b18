"""The profile book: learns, forgets, backs off, and two ends that answer alike."""

import math

import numpy as np
import pytest
from hydatis_core.errors import InvalidValue, WrongShape
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_features.decaying_histograms import GROWTH
from hydatis_features.expected_use import UseSource
from hydatis_features.profile_summaries import ColdStart, ProfileChange, WorkloadProfile
from hydatis_features.profiles import ProfileBook
from hydatis_features.use_law import COLD_LAW, TAIL_WEIGHTS, effective_uses, hedged

DAY = 86400.0
START = 1_700_000_000.0
CLOSE = GROWTH - 1


def _pod(uid="u", workload="w", namespace="web", cpu=2.0, memory=4e9):
    return Pod(uid, namespace=namespace, workload=workload, requests=Resources(cpu, memory))


def _taught(pod, cpu, memory, samples=100, book=None, start=START, step=60.0):
    book = book or ProfileBook()
    for i in range(samples):
        book.observe([pod], np.array([[cpu, memory]], dtype=np.float32), start + i * step)
    return book


def test_a_workload_is_expected_to_use_what_it_used():
    book = _taught(_pod(), 0.5, 1e9)
    use = book.expect(_pod("another"), START + 6000)
    assert use.source is UseSource.PROFILE
    assert use.cpu_p50_cores == pytest.approx(0.5, rel=CLOSE)
    assert use.memory_p95_bytes == pytest.approx(1e9, rel=CLOSE)


def test_a_larger_pod_of_the_workload_is_expected_to_use_more_in_proportion():
    book = _taught(_pod(), 0.5, 1e9)
    assert book.expect(_pod(cpu=4.0), START).cpu_p50_cores == 2 * book.expect(_pod(), START).cpu_p50_cores


def test_a_few_samples_are_no_profile_yet():
    assert _taught(_pod(), 0.5, 1e9, samples=12).expect(_pod(), START).source is UseSource.REQUEST  # 11.99 after decay
    assert _taught(_pod(), 0.5, 1e9, samples=13).expect(_pod(), START).source is UseSource.PROFILE


@pytest.mark.parametrize(
    ("stranger", "share"),
    [
        (_pod(workload="new"), 0.1),  # same namespace and size
        (_pod(workload="new", namespace="batch", cpu=3.9, memory=8e9), 0.1),  # same size, other namespace
        (_pod(workload="new", namespace="batch", cpu=64.0), 0.1),  # nothing in common
    ],
)
def test_a_stranger_is_taken_for_those_it_looks_like(stranger, share):
    use = _taught(_pod(), 0.2, 0.4e9).expect(stranger, START)
    assert use.source is UseSource.COLD_START
    assert use.cpu_p50_cores == pytest.approx(share * stranger.requests.cpu_cores, rel=CLOSE)


def test_the_narrowest_class_with_enough_history_answers():
    book = _taught(_pod(namespace="web"), 0.2, 1e9)
    _taught(_pod("v", "x", namespace="batch"), 1.6, 1e9, book=book)
    assert book.expect(_pod(workload="new", namespace="web"), START).cpu_p50_cores == pytest.approx(0.2, rel=CLOSE)
    assert book.expect(_pod(workload="new", namespace="batch"), START).cpu_p50_cores == pytest.approx(1.6, rel=CLOSE)


def test_pods_without_requests_are_learned_against_the_nominal_ones():
    bare = Pod("u", workload="bare")
    use = _taught(bare, 0.75, 6e8).expect(bare, START)
    assert use.source is UseSource.PROFILE
    assert use.cpu_p50_cores == pytest.approx(0.75, rel=CLOSE)
    assert use.memory_p50_bytes == pytest.approx(6e8, rel=CLOSE)


def test_a_pod_without_a_workload_teaches_its_class_only():
    pod = _pod(workload="")
    book = _taught(pod, 0.2, 1e9)
    assert book.expect(pod, START).source is UseSource.COLD_START
    assert book.everything().profiles == ()


def test_samples_not_measured_and_all_zero_ones_teach_nothing():
    for cpu, memory in ((math.nan, math.nan), (0.0, 0.0)):
        assert not _taught(_pod(), cpu, memory).everything()


def test_an_idle_pod_teaches_zero_cpu():
    use = _taught(_pod(), 0.0, 1e9).expect(_pod(), START)
    assert use.source is UseSource.PROFILE
    assert use.cpu_p95_cores <= 0.005 * 2.0


def test_a_resource_never_measured_falls_back_alone():
    use = _taught(_pod(), 0.5, math.nan).expect(_pod(), START)
    assert use.source is UseSource.PROFILE
    assert use.memory_p50_bytes == 4e9


def test_the_law_of_a_workload_is_that_of_its_samples_hedged():
    book = ProfileBook()
    for i in range(200):
        cpu = 2.0 if i % 20 == 0 else 0.2
        book.observe([_pod()], np.array([[cpu, 1e9]], dtype=np.float32), START + i * 60.0)
    law = np.array(book.expect(_pod(), START).effective_use_ratio).reshape(2, -1)
    past = np.stack([effective_uses(np.array([0.1, 1.0]), np.array([19.0, 1.0])), np.full(TAIL_WEIGHTS.size, 0.25)])
    np.testing.assert_allclose(law, hedged(past, np.full(2, 200.0)), rtol=0.05)
    never_seen = ProfileBook().expect(_pod(), START)
    assert never_seen.effective_use_ratio == tuple(COLD_LAW.ravel().tolist())


def test_what_a_workload_did_once_a_week_ago_still_lifts_its_tail_and_hardly_its_mean():
    book = ProfileBook()
    for hour in range(8 * 24):
        cpu = 2.0 if hour < 6 else 0.1
        book.observe([_pod()], np.array([[cpu, 1e9]], dtype=np.float32), START + hour * 3600.0)
    law = book.expect(_pod(), START).effective_use_ratio
    assert law[0] < 0.1
    assert law[TAIL_WEIGHTS.size - 1] > 0.85


def test_the_hour_of_the_day_moves_the_median():
    book = ProfileBook()
    for i in range(2 * 96):
        cpu = 1.0 if (i // 4) % 24 < 12 else 0.2
        book.observe([_pod()], np.array([[cpu, 1e9]], dtype=np.float32), 20000 * DAY + i * 900.0)
    morning, night = (book.expect(_pod(), 20002 * DAY + hour * 3600.0) for hour in (6, 18))
    assert morning.cpu_p50_cores > 3 * night.cpu_p50_cores
    assert morning.cpu_p95_cores >= morning.cpu_p50_cores
    assert morning.memory_p50_bytes == night.memory_p50_bytes


def test_both_ends_answer_alike_after_every_change():
    learner, subscriber = ProfileBook(), ProfileBook()
    rng = np.random.default_rng(5)
    pods = [_pod(f"u{i}", f"w{i % 3}", namespace=f"n{i % 2}", cpu=float(i % 4)) for i in range(12)]
    strangers = [_pod("s", "none", namespace="n1"), Pod("t"), _pod("r", "w1", cpu=9.0)]
    for i in range(80):
        time = START + i * 300.0
        learner.observe(pods, (rng.random((12, 2)) * [1, 1e9]).astype(np.float32), time)
        subscriber.apply(learner.changed(), replace_all=False)
        assert [learner.expect(p, time) for p in pods + strangers] == [subscriber.expect(p, time) for p in pods + strangers]
    late = ProfileBook()
    late.apply(learner.everything(), replace_all=True)
    assert [late.expect(p, START) for p in pods] == [learner.expect(p, START) for p in pods]


def test_summaries_hold_float32_values_so_that_the_wire_changes_nothing():
    profile = _taught(_pod(), 0.37, 1.1e9).everything().profiles[0]
    for value in (
        profile.use_per_request_ratio + profile.effective_use_ratio + tuple(v for v in profile.cpu_hour_factor if not math.isnan(v))
    ):
        assert float(np.float32(value)) == value


def test_a_change_is_told_once_and_applying_it_twice_changes_nothing():
    learner = _taught(_pod(), 0.5, 1e9)
    change = learner.changed()
    assert [profile.key for profile in change.profiles] == ["web/w"]
    assert not learner.changed()
    subscriber = ProfileBook()
    for _ in range(2):
        subscriber.apply(change, replace_all=False)
        assert subscriber.expect(_pod(), START) == learner.expect(_pod(), START)


def test_a_steady_workload_is_not_told_at_every_sample():
    learner = _taught(_pod(), 0.5, 1e9, samples=300)
    learner.changed()
    told = 0
    for i in range(100):
        learner.observe([_pod()], np.array([[0.5, 1e9]], dtype=np.float32), START + (300 + i) * 60.0)
        told += bool(learner.changed().profiles)
    assert 0 < told <= 10


def test_replace_all_drops_what_was_held():
    book = ProfileBook()
    book.apply(ProfileChange((WorkloadProfile("web/w", 20.0, (0.1, 0.1, 0.1, 0.1)),)), replace_all=False)
    book.apply(ProfileChange(), replace_all=True)
    assert book.expect(_pod(), START).source is UseSource.REQUEST


def test_an_idle_workload_is_forgotten_on_both_ends_but_not_one_in_use():
    learner, subscriber = ProfileBook(), ProfileBook()
    enrolled = learner.enrol([_pod("a", "gone"), _pod("b", "stays")])
    for i in range(100):
        learner.observe_enrolled(enrolled, np.full((2, 2), [0.5, 1e9], dtype=np.float32), START + i * 60.0)
    subscriber.apply(learner.changed(), replace_all=False)
    learner.forget_idle(enrolled.workload_rows[1:], START + 20 * DAY)
    change = learner.changed()
    assert [(profile.key, profile.sample_weight) for profile in change.profiles] == [("web/gone", 0.0)]
    subscriber.apply(change, replace_all=False)
    for book in (learner, subscriber):
        assert book.expect(_pod(workload="gone"), START).source is UseSource.COLD_START
        assert book.expect(_pod(workload="stays"), START).source is UseSource.PROFILE


def test_a_crowded_book_drops_those_idle_longest():
    book = ProfileBook(workload_limit_count=10)
    for i in range(10):
        _taught(_pod(workload=f"w{i}"), 0.5, 1e9, samples=20, book=book, start=START + i * 3600)
    book.forget_idle(np.zeros(0, dtype=np.intp), START + 36000)
    assert [profile.key for profile in book.everything().profiles] == [f"web/w{i}" for i in range(2, 10)]
    use = _taught(_pod(workload="newcomer"), 0.1, 1e9, book=book).expect(_pod(workload="newcomer"), START)
    assert use.source is UseSource.PROFILE


def test_usage_of_another_shape_is_refused():
    with pytest.raises(WrongShape):
        ProfileBook().observe([_pod()], np.zeros((2, 2), dtype=np.float32), START)


@pytest.mark.parametrize(
    "make",
    [
        lambda: WorkloadProfile("", 1.0, (0.0,) * 4),
        lambda: WorkloadProfile("k", math.nan, (0.0,) * 4),
        lambda: WorkloadProfile("k", 1.0, (0.0,) * 3),
        lambda: WorkloadProfile("k", 1.0, (0.0, 0.0, 0.0, -1.0)),
        lambda: WorkloadProfile("k", 1.0, (0.0,) * 4, (1.0,) * 23),
        lambda: WorkloadProfile("k", 1.0, (0.0,) * 4, (math.inf,) * 24),
        lambda: WorkloadProfile("k", 1.0, (0.0,) * 4, (), (0.0,) * 23),
        lambda: WorkloadProfile("k", 1.0, (0.0,) * 4, (), (-0.5,) * 24),
        lambda: ColdStart("k", (0.0,) * 4, 1.0, (math.inf,) * 24),
        lambda: ColdStart("k", (math.inf,) * 4, 1.0),
        lambda: ColdStart("k", (0.0,) * 4, -1.0),
    ],
)
def test_summaries_that_cannot_be_are_refused(make):
    with pytest.raises(InvalidValue):
        make()
