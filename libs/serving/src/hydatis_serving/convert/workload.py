"""hydatis.workload.v1: what pods are expected to use, and the profiles behind it.

Both sides answer from the same summaries, so a profile that went over the wire must expect what it expected before; shares
travel as float32, and profile books round to float32 for that reason.
"""

from __future__ import annotations

from hydatis.workload.v1 import workload_pb2
from hydatis_core.errors import InvalidValue
from hydatis_features.expected_use import ExpectedUse, UseSource
from hydatis_features.profile_summaries import UNKNOWN_LAW, ColdStart, ProfileChange, WorkloadProfile

__all__ = ["expected_use_from_proto", "expected_use_to_proto", "profile_change_from_proto", "profile_update_to_proto"]

_TO_SOURCE = {
    UseSource.PROFILE: workload_pb2.USE_SOURCE_PROFILE,
    UseSource.COLD_START: workload_pb2.USE_SOURCE_COLD_START,
    UseSource.REQUEST: workload_pb2.USE_SOURCE_REQUEST,
}
_FROM_SOURCE = {number: source for source, number in _TO_SOURCE.items()}


def expected_use_to_proto(use: ExpectedUse) -> workload_pb2.ExpectedUse:
    """What a pod is expected to use."""
    return workload_pb2.ExpectedUse(
        cpu_p50_cores=use.cpu_p50_cores,
        cpu_p95_cores=use.cpu_p95_cores,
        memory_p50_bytes=use.memory_p50_bytes,
        memory_p95_bytes=use.memory_p95_bytes,
        source=_TO_SOURCE[use.source],
        effective_use_ratio=use.effective_use_ratio,
    )


def expected_use_from_proto(message: workload_pb2.ExpectedUse) -> ExpectedUse:
    """What a pod is expected to use; where it has no law, the one of those of whom nothing is known.

    Raises:
        InvalidValue: the source is not set or unknown, an amount is none, a 95th percentile is below its median, or the law is
            not 24 numbers >= 0.
    """
    source = _FROM_SOURCE.get(message.source)
    if source is None:
        raise InvalidValue(f"{message.source} is not a source", field="source", expected="profile, cold start or request")
    amounts = message.cpu_p50_cores, message.cpu_p95_cores, message.memory_p50_bytes, message.memory_p95_bytes
    law = tuple(message.effective_use_ratio)
    return ExpectedUse(*amounts, source, law) if law else ExpectedUse(*amounts, source)


def profile_update_to_proto(change: ProfileChange, generation: int, *, replace_all: bool) -> workload_pb2.ProfileUpdate:
    """A change of profiles, as made by the tick of ``generation``."""
    return workload_pb2.ProfileUpdate(
        generation=generation,
        replace_all=replace_all,
        profiles=[
            workload_pb2.WorkloadProfile(
                key=profile.key,
                sample_weight=profile.sample_weight,
                use_per_request_ratio=profile.use_per_request_ratio,
                cpu_hour_factor=profile.cpu_hour_factor,
                effective_use_ratio=profile.effective_use_ratio,
            )
            for profile in change.profiles
        ],
        cold_starts=[
            workload_pb2.ColdStart(
                key=start.key,
                use_per_request_ratio=start.use_per_request_ratio,
                sample_weight=start.sample_weight,
                effective_use_ratio=start.effective_use_ratio,
            )
            for start in change.cold_starts
        ],
    )


def profile_change_from_proto(message: workload_pb2.ProfileUpdate) -> tuple[ProfileChange, bool]:
    """A change of profiles, and whether all held before must be dropped first.

    Raises:
        InvalidValue: a profile is not one.
    """
    profiles = tuple(
        WorkloadProfile(
            p.key,
            p.sample_weight,
            tuple(p.use_per_request_ratio),
            tuple(p.cpu_hour_factor),
            tuple(p.effective_use_ratio) or UNKNOWN_LAW,
        )
        for p in message.profiles
    )
    cold_starts = tuple(
        ColdStart(s.key, tuple(s.use_per_request_ratio), s.sample_weight, tuple(s.effective_use_ratio) or UNKNOWN_LAW)
        for s in message.cold_starts
    )
    return ProfileChange(profiles, cold_starts), message.replace_all
