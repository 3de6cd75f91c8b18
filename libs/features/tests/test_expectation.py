"""One formula in two forms: for one pod and for many, the same to the last bit."""

import math

import numpy as np
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources
from hydatis_features.enrolment import EnrolledPods
from hydatis_features.expectation import expect_laws, expect_many, expect_one, limit_amounts
from hydatis_features.expected_use import UseSource
from hydatis_features.profile_summaries import ColdStart, WorkloadProfile
from hydatis_features.request_classes import base_amounts
from hydatis_features.use_law import COLD_LAW, TAIL_WEIGHTS
from hypothesis import given
from hypothesis import strategies as st

NAN = math.nan
POD = Pod("u", workload="w", requests=Resources(2.0, 4e9))


LAW = tuple(float(np.float32(0.1 + 0.05 * i)) for i in range(TAIL_WEIGHTS.size))
UNKNOWN = (NAN,) * TAIL_WEIGHTS.size
COLD = tuple(COLD_LAW[0].tolist())


def _profile(ratios, hours=(), law=UNKNOWN + UNKNOWN):
    return WorkloadProfile("default/w", 50.0, ratios, hours, law)


def test_a_profile_is_scaled_by_the_request_and_by_the_hour():
    hours = (1.0,) * 3 + (2.0,) + (NAN,) * 20
    profile = _profile((0.25, 0.75, 0.5, 0.5), hours)
    at_three = expect_one(POD, profile, [], 3 * 3600.0)
    assert (at_three.cpu_p50_cores, at_three.cpu_p95_cores) == (1.0, 1.5)
    assert (at_three.memory_p50_bytes, at_three.memory_p95_bytes) == (2e9, 2e9)
    assert at_three.source is UseSource.PROFILE
    assert expect_one(POD, profile, [], 7 * 3600.0).cpu_p50_cores == 0.5  # an hour never seen


def test_an_hour_of_few_samples_does_not_run_away():
    profile = _profile((0.25, 0.3, 0.5, 0.5), (40.0,) + (0.001,) * 23)
    assert expect_one(POD, profile, [], 0.0).cpu_p50_cores == 2.0  # 4 x at most; p95 follows
    assert expect_one(POD, profile, [], 0.0).cpu_p95_cores == 2.0
    assert expect_one(POD, profile, [], 3600.0).cpu_p50_cores == 0.125


def test_each_resource_falls_back_on_its_own_and_the_source_is_that_of_cpu():
    cold = [None, ColdStart("*|c", (0.5, 0.6, 0.7, 0.8), 99.0)]
    use = expect_one(POD, _profile((0.25, 0.3, NAN, NAN)), cold, 0.0)
    assert (use.cpu_p50_cores, use.memory_p50_bytes, use.source) == (0.5, 0.7 * 4e9, UseSource.PROFILE)
    use = expect_one(POD, _profile((NAN, NAN, 0.1, 0.2)), cold, 0.0)
    assert (use.cpu_p50_cores, use.memory_p50_bytes, use.source) == (1.0, 0.1 * 4e9, UseSource.COLD_START)


def test_with_nothing_known_it_is_the_request():
    use = expect_one(POD, None, [None, None, None], 0.0)
    assert (use.cpu_p50_cores, use.cpu_p95_cores, use.memory_p95_bytes, use.source) == (2.0, 2.0, 4e9, UseSource.REQUEST)


def test_use_does_not_pass_a_limit():
    pod = Pod("u", requests=Resources(1.0, 1e9), limits=Resources(1.5, 0.5e9))
    use = expect_one(pod, _profile((2.0, 9.0, 1.0, 2.0)), [], 0.0)
    assert (use.cpu_p50_cores, use.cpu_p95_cores, use.memory_p50_bytes, use.memory_p95_bytes) == (1.5, 1.5, 0.5e9, 0.5e9)


def test_the_law_falls_back_for_each_resource_from_profile_to_classes_to_that_of_those_never_seen():
    half = tuple(value / 2 for value in LAW)
    cold = [None, ColdStart("*|c", (NAN,) * 4, 99.0, UNKNOWN + half), ColdStart("*|*", (NAN,) * 4, 99.0, half + LAW)]
    assert expect_one(POD, _profile((NAN,) * 4, law=LAW + UNKNOWN), cold, 0.0).effective_use_ratio == LAW + half
    assert expect_one(POD, None, cold, 0.0).effective_use_ratio == half + half
    assert expect_one(POD, _profile((NAN,) * 4, law=UNKNOWN + LAW), [None], 0.0).effective_use_ratio == COLD + LAW
    assert expect_one(POD, None, [], 0.0).effective_use_ratio == COLD + COLD


def test_no_effective_use_passes_a_limit_and_pods_without_one_share_their_law():
    profile = _profile((NAN,) * 4, law=LAW + LAW)
    assert expect_one(POD, profile, [], 0.0).effective_use_ratio is profile.effective_use_ratio
    pod = Pod("u", requests=Resources(1.0, 1e9), limits=Resources(0.25, 2e9))
    assert expect_one(pod, profile, [], 0.0).effective_use_ratio == tuple(min(value, 0.25) for value in LAW) + LAW


ratio = st.one_of(st.just(NAN), st.floats(0, 50).map(lambda value: float(np.float32(value))))
pair = st.one_of(st.just((NAN, NAN)), st.tuples(ratio, ratio).map(lambda two: two if not any(map(math.isnan, two)) else (NAN, NAN)))
ratios = st.tuples(pair, pair).map(lambda two: two[0] + two[1])
law = st.one_of(
    st.just(UNKNOWN), st.lists(st.floats(0, 2, width=32), min_size=len(LAW), max_size=len(LAW)).map(lambda all: tuple(sorted(all)))
)
laws = st.tuples(law, law).map(lambda two: two[0] + two[1])
amount = st.one_of(st.just(0.0), st.floats(1e-3, 1e12))


@given(
    profile=ratios,
    factor=ratio,
    classes=st.lists(ratios, min_size=3, max_size=3),
    profile_law=laws,
    class_laws=st.lists(laws, min_size=3, max_size=3),
    requests=st.tuples(amount, amount),
    limits=st.tuples(amount, amount),
    rows_missing=st.booleans(),
)
def test_one_and_many_agree_to_the_last_bit(profile, factor, classes, profile_law, class_laws, requests, limits, rows_missing):
    pod = Pod("u", workload="w", requests=Resources(*requests), limits=Resources(*limits))
    hours = (factor,) * 24
    many = EnrolledPods(
        np.array([-1 if rows_missing else 0]), np.array([[0, 1, 2]]), np.array([base_amounts(pod)]), np.array([limit_amounts(pod)])
    )
    found = expect_many(many, np.array([profile]), np.array([hours]), np.array(classes), 0.0)
    cold_starts = [ColdStart("c", one, 1.0, of_class) for one, of_class in zip(classes, class_laws, strict=True)]
    use = expect_one(pod, None if rows_missing else _profile(profile, hours, profile_law), cold_starts, 0.0)
    assert found[0].tolist() == [use.cpu_p50_cores, use.cpu_p95_cores, use.memory_p50_bytes, use.memory_p95_bytes]
    shape = (-1, 2, TAIL_WEIGHTS.size)
    found = expect_laws(many, np.array([profile_law]).reshape(shape), np.array(class_laws).reshape(shape))
    assert found[0].ravel().tolist() == list(use.effective_use_ratio)
