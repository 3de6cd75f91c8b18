"""Workload profiles: what pods of a workload really use of what they ask for, learned from their samples.

One class, two ends. feature-service learns with ``observe`` and sends ``changed()``; a subscriber holds a book of its own, takes
what comes by ``apply`` and answers ``expect`` from it. Both ends answer from the same rounded summaries, never from raw histograms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from hydatis_core.errors import WrongShape
from hydatis_core.event_time import DAY_SECONDS
from hydatis_core.pods import Pod
from numpy.typing import NDArray

from hydatis_features.decaying_histograms import HistogramBank
from hydatis_features.due_summaries import due_summaries
from hydatis_features.enrolment import EnrolledPods
from hydatis_features.expectation import expect_laws, expect_many, expect_one, limit_amounts
from hydatis_features.expected_use import ExpectedUse
from hydatis_features.hour_of_day_means import HOUR_COUNT, HourOfDayMeans
from hydatis_features.profile_summaries import ColdStart, ProfileChange, WorkloadProfile
from hydatis_features.request_classes import base_amounts, class_keys
from hydatis_features.row_tables import as_lists, with_rows
from hydatis_features.use_law import TAIL_WEIGHTS

__all__ = ["ProfileBook"]

#: Samples, after decay, below which a resource of a workload or class counts as unknown.
MIN_WORKLOAD_WEIGHT = 12.0
MIN_CLASS_WEIGHT = 60.0
#: Classes kept at most; a pod of one more class has its wider classes only.
CLASS_LIMIT_COUNT = 5_000
#: Age at which a sample weighs half. Long enough that what a workload does once a week is a fifth of its sample and lifts the tail
#: of its law; a day would leave 1 % of it. Short enough that a new release of a workload is known by most of its weight in a week.
HALF_LIFE_SECONDS = 3 * DAY_SECONDS
#: A workload without a sample for this long is forgotten: its newest sample weighs 4 %.
FORGET_AFTER_SECONDS = 14 * DAY_SECONDS
_LAW_SHAPE = (2, TAIL_WEIGHTS.size)


class ProfileBook:
    """Profiles of workloads and cold starts of classes.

    Args:
        half_life_seconds: age at which a sample weighs half, > 0, event time.
        workload_limit_count: workloads kept at most; when nearly full, those idle longest give way.
    """

    def __init__(self, half_life_seconds: float = HALF_LIFE_SECONDS, workload_limit_count: int = 20_000) -> None:
        self._profiles: dict[str, WorkloadProfile] = {}
        self._cold_starts: dict[str, ColdStart] = {}
        self._changed_profiles: dict[str, WorkloadProfile] = {}
        self._changed_cold_starts: dict[str, ColdStart] = {}
        self._workloads = HistogramBank(half_life_seconds, workload_limit_count)
        self._classes = HistogramBank(half_life_seconds, CLASS_LIMIT_COUNT, np.float64)
        self._hours = HourOfDayMeans(half_life_seconds)
        # The summaries again, by row: what expect_enrolled works from.
        self._workload_ratios = np.full((0, 4), np.nan)
        self._workload_laws = np.full((0, *_LAW_SHAPE), np.nan)
        self._hour_factors = np.full((0, HOUR_COUNT), np.nan)
        self._class_ratios = np.full((0, 4), np.nan)
        self._class_laws = np.full((0, *_LAW_SHAPE), np.nan)
        # Weight of each summary, and whether it is newer than its WorkloadProfile, by workload row.
        self._summary_weights = np.zeros(0)
        self._stale = np.zeros(0, dtype=bool)
        self._swept_seconds = -np.inf

    # --- asking

    def expect(self, pod: Pod, time_seconds: float) -> ExpectedUse:
        """What the pod will use if it starts at that event time. Always finite, p95 >= p50, within its limits."""
        key = pod.workload_key
        row = self._workloads.row_by_key.get(key, -1)
        if 0 <= row < len(self._stale) and self._stale[row]:
            self._write_profiles(np.array([row]))
        cold_starts = [self._cold_starts.get(name) for name in class_keys(pod)]
        return expect_one(pod, self._profiles.get(key) if key else None, cold_starts, time_seconds)

    def expect_enrolled(self, pods: EnrolledPods, time_seconds: float) -> NDArray[np.float64]:
        """The same for many pods of a learning book, shape (m, 4) in the order of ``ExpectedUse``'s fields."""
        return expect_many(pods, self._workload_ratios, self._hour_factors, self._class_ratios, time_seconds)

    def laws_enrolled(self, pods: EnrolledPods) -> NDArray[np.float64]:
        """The laws of use of the same pods, shape (m, 2, tail weights)."""
        return expect_laws(pods, self._workload_laws, self._class_laws)

    # --- learning

    def enrol(self, pods: Sequence[Pod]) -> EnrolledPods:
        """Gives pods their rows. The rows of a workload hold until it is forgotten, which never happens to one in use."""
        if not pods:
            return EnrolledPods.empty(0)
        row_of = self._classes.row_of
        return EnrolledPods(
            np.array([self._workloads.row_of(pod.workload_key) for pod in pods], dtype=np.intp),
            np.array([[row_of(key) for key in class_keys(pod)] for pod in pods], dtype=np.intp),
            np.array([base_amounts(pod) for pod in pods]),
            np.array([limit_amounts(pod) for pod in pods]),
        )

    def observe(self, pods: Sequence[Pod], usage: NDArray[np.float32], time_seconds: float) -> None:
        """Learns one sample of each pod.

        Args:
            pods: the pods that were sampled.
            usage: shape (pods, 2), columns ``usage.POD_METRICS``; NaN: not measured. A pod that reads exactly zero in both is
                taken for not measured: no running container uses no memory.
            time_seconds: event time of the samples.

        Raises:
            WrongShape: usage is not pods x 2.
        """
        if usage.shape != (len(pods), 2):
            raise WrongShape(f"usage of shape {usage.shape}", field="usage", expected=f"({len(pods)}, 2)")
        self.observe_enrolled(self.enrol(pods), usage, time_seconds)

    def observe_enrolled(self, pods: EnrolledPods, usage: NDArray[np.float32], time_seconds: float) -> None:
        """``observe`` for pods that were enrolled before."""
        amounts = usage.astype(np.float64)
        amounts[(amounts == 0).all(axis=1)] = np.nan
        shares = amounts / pods.base_amounts
        self._hours.add(pods.workload_rows, shares[:, 0], time_seconds)
        touched = self._workloads.add(pods.workload_rows, shares, time_seconds)
        self._summarise_workloads(touched, time_seconds)
        level_count = pods.class_rows.shape[1]
        touched = self._classes.add(pods.class_rows.reshape(-1), np.repeat(shares, level_count, axis=0), time_seconds)
        self._summarise_classes(touched, time_seconds)

    def forget_idle(self, in_use: NDArray[np.intp], time_seconds: float) -> None:
        """Makes room: drops workloads idle for 14 days (looked for once a day) and, when nearly full, those idle longest.

        Args:
            in_use: rows of the workloads of bound pods: never dropped. -1 is ignored.
            time_seconds: event time now.
        """
        bank = self._workloads
        crowded = len(bank.row_by_key) > 0.9 * bank.limit_count
        if not crowded and time_seconds - self._swept_seconds < DAY_SECONDS:
            return
        self._swept_seconds = time_seconds
        idle = np.ones(bank.row_count, dtype=bool)
        idle[in_use[in_use >= 0]] = False
        idle[[row for row, key in enumerate(bank.keys) if not key]] = False
        last = bank.last_seconds[: bank.row_count]
        drop = idle & (last < time_seconds - FORGET_AFTER_SECONDS)
        if crowded:
            excess = len(bank.row_by_key) - int(0.8 * bank.limit_count)
            oldest = np.flatnonzero(idle)[np.argsort(last[idle], kind="stable")][:excess]
            drop[oldest] = True
        rows = np.flatnonzero(drop)
        self._hours.drop(rows)
        for table in (self._workload_ratios, self._workload_laws, self._hour_factors):
            table[rows[rows < len(table)]] = np.nan
        self._stale[rows[rows < len(self._stale)]] = False
        for key in bank.drop(rows):
            if self._profiles.pop(key, None) is not None:
                self._changed_profiles[key] = WorkloadProfile(key, 0.0, (np.nan,) * 4)

    # --- sending and receiving

    def changed(self) -> ProfileChange:
        """What changed since the last call. A forgotten profile is in it with weight 0."""
        self._write_profiles(np.flatnonzero(self._stale))
        change = ProfileChange(tuple(self._changed_profiles.values()), tuple(self._changed_cold_starts.values()))
        self._changed_profiles, self._changed_cold_starts = {}, {}
        return change

    def everything(self) -> ProfileChange:
        """All that a new subscriber needs, to be applied with ``replace_all``."""
        self._write_profiles(np.flatnonzero(self._stale))
        return ProfileChange(tuple(self._profiles.values()), tuple(self._cold_starts.values()))

    def apply(self, change: ProfileChange, *, replace_all: bool) -> None:
        """Takes over summaries of another book. For a subscriber's book, which does not learn by itself.

        Args:
            change: what ``changed`` or ``everything`` of the other book gave.
            replace_all: drop what is held first.
        """
        if replace_all:
            self._profiles, self._cold_starts = {}, {}
        self._profiles.update((profile.key, profile) for profile in change.profiles)
        for profile in change.profiles:
            if profile.sample_weight == 0:
                del self._profiles[profile.key]
        self._cold_starts.update((cold.key, cold) for cold in change.cold_starts)

    # --- keeping

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Arrays for a snapshot. What ``changed`` would give is not in it: after a restart subscribers get ``everything``."""
        self._write_profiles(np.flatnonzero(self._stale))
        profiles, cold_starts = self._profiles.values(), self._cold_starts.values()
        hours = [profile.cpu_hour_factor or (np.nan,) * HOUR_COUNT for profile in profiles]
        held: dict[str, NDArray[np.generic]] = {
            "profile_weights": np.array([profile.sample_weight for profile in profiles]),
            "profile_ratios": np.array([profile.use_per_request_ratio for profile in profiles]).reshape(-1, 4),
            "profile_laws": np.array([profile.effective_use_ratio for profile in profiles]).reshape(-1, *_LAW_SHAPE),
            "profile_hours": np.array(hours).reshape(-1, HOUR_COUNT),
            "cold_start_weights": np.array([cold.sample_weight for cold in cold_starts]),
            "cold_start_ratios": np.array([cold.use_per_request_ratio for cold in cold_starts]).reshape(-1, 4),
            "cold_start_laws": np.array([cold.effective_use_ratio for cold in cold_starts]).reshape(-1, *_LAW_SHAPE),
            "swept_seconds": np.array(self._swept_seconds),
        }
        for name, part in self._parts().items():
            held |= {f"{name}.{key}": np.array(array) for key, array in part.arrays().items()}
        return held

    def names(self) -> dict[str, list[str]]:
        """The keys that belong to ``arrays``, for a snapshot: JSON-able."""
        return {
            "workloads": list(self._workloads.keys),
            "classes": list(self._classes.keys),
            "profiles": [profile.key for profile in self.everything().profiles],
            "cold_starts": list(self._cold_starts),
        }

    def restore(self, names: dict[str, list[str]], arrays: dict[str, NDArray[np.generic]]) -> None:
        """Takes over what ``names`` and ``arrays`` gave.

        Raises:
            InvalidValue: they do not belong together.
            KeyError, ValueError: something is missing.
        """
        for name, part in self._parts().items():
            own = {key.removeprefix(f"{name}."): array for key, array in arrays.items() if key.startswith(f"{name}.")}
            if isinstance(part, HistogramBank):
                part.restore(names[name], own)
            else:
                part.restore(own)
        laws, class_laws = (arrays[key].astype(np.float64) for key in ("profile_laws", "cold_start_laws"))
        rows = as_lists(*(arrays[key] for key in ("profile_weights", "profile_ratios", "profile_hours")), _flat(laws))
        for key, (weight, ratios, hours, law) in zip(names["profiles"], rows, strict=True):
            known = not all(map(math.isnan, hours))
            self._profiles[key] = WorkloadProfile(key, weight, tuple(ratios), tuple(hours) if known else (), tuple(law))
        rows = as_lists(arrays["cold_start_weights"], arrays["cold_start_ratios"], _flat(class_laws))
        for key, (weight, ratios, law) in zip(names["cold_starts"], rows, strict=True):
            self._cold_starts[key] = ColdStart(key, tuple(ratios), weight, tuple(law))
        self._swept_seconds = float(arrays["swept_seconds"].item())
        own_rows = _rows_of(self._workloads, names["profiles"])
        self._workload_ratios = with_rows(self._workload_ratios, own_rows, arrays["profile_ratios"].astype(np.float64))
        self._workload_laws = with_rows(self._workload_laws, own_rows, laws)
        self._hour_factors = with_rows(self._hour_factors, own_rows, arrays["profile_hours"].astype(np.float64))
        self._summary_weights = with_rows(self._summary_weights, own_rows, arrays["profile_weights"].astype(np.float64), 0.0)
        self._stale = np.zeros(len(self._summary_weights), dtype=bool)
        class_rows = _rows_of(self._classes, names["cold_starts"])
        self._class_ratios = with_rows(self._class_ratios, class_rows, arrays["cold_start_ratios"].astype(np.float64))
        self._class_laws = with_rows(self._class_laws, class_rows, class_laws)

    def _parts(self) -> dict[str, HistogramBank | HourOfDayMeans]:
        return {"workloads": self._workloads, "classes": self._classes, "hours": self._hours}

    # --- summaries

    def _summarise_workloads(self, touched: NDArray[np.intp], time_seconds: float) -> None:
        due, ratios, laws, weights = due_summaries(self._workloads, touched, MIN_WORKLOAD_WEIGHT, time_seconds)
        if not due.size:
            return
        factors = self._hours.factors(due).astype(np.float32).astype(np.float64)
        self._workload_ratios = with_rows(self._workload_ratios, due, ratios)
        self._workload_laws = with_rows(self._workload_laws, due, laws)
        self._hour_factors = with_rows(self._hour_factors, due, factors)
        self._summary_weights = with_rows(self._summary_weights, due, weights, 0.0)
        self._stale = with_rows(self._stale, due, np.ones(len(due), dtype=bool), False)

    def _write_profiles(self, rows: NDArray[np.intp]) -> None:
        """Makes profiles of the summaries of these rows. Put off until asked for: a tick has no time for thousands of objects."""
        factors = self._hour_factors[rows]
        known = np.asarray(~np.isnan(factors).all(axis=1))
        self._stale[rows] = False
        laws = _flat(self._workload_laws[rows])
        for row, ratio, hours, any_hour, law, weight in as_lists(
            rows, self._workload_ratios[rows], factors, known, laws, self._summary_weights[rows]
        ):
            key = self._workloads.keys[row]
            profile = WorkloadProfile(key, weight, tuple(ratio), tuple(hours) if any_hour else (), tuple(law))
            self._profiles[key] = self._changed_profiles[key] = profile

    def _summarise_classes(self, touched: NDArray[np.intp], time_seconds: float) -> None:
        due, ratios, laws, weights = due_summaries(self._classes, touched, MIN_CLASS_WEIGHT, time_seconds)
        if not due.size:
            return
        self._class_ratios = with_rows(self._class_ratios, due, ratios)
        self._class_laws = with_rows(self._class_laws, due, laws)
        for row, ratio, law, weight in as_lists(due, ratios, _flat(laws), weights):
            key = self._classes.keys[row]
            self._cold_starts[key] = self._changed_cold_starts[key] = ColdStart(key, tuple(ratio), weight, tuple(law))


def _rows_of(bank: HistogramBank, keys: list[str]) -> NDArray[np.intp]:
    return np.array([bank.row_by_key[key] for key in keys], dtype=np.intp)


def _flat(laws: NDArray[np.float64]) -> NDArray[np.float64]:
    """Laws of both resources side by side, as summaries hold them."""
    return laws.reshape(len(laws), 2 * TAIL_WEIGHTS.size)
