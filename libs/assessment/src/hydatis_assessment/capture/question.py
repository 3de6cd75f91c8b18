"""What is asked of a cluster's past: of whom, from when to when, how finely. A capture goes on only for what it began with."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec
from hydatis_core.errors import InvalidValue

from hydatis_assessment.cluster_use import DAY_SECONDS

__all__ = ["STEP_SECONDS", "Question", "question"]

STEP_SECONDS = 300.0
_MOST_DAYS = 400


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A range of a Prometheus."""

    prometheus: str
    """Its base URL, without credentials."""
    start_seconds: float
    """Unix seconds, whole steps."""
    days: int
    step_seconds: float = STEP_SECONDS
    matchers: str = ""
    """More label matchers for every series, such as ``cluster="a"``, as PromQL writes them."""

    @property
    def end_seconds(self) -> float:
        """End of the last day."""
        return self.start_seconds + self.days * DAY_SECONDS

    @property
    def steps_a_day(self) -> int:
        """Steps of a day."""
        return round(DAY_SECONDS / self.step_seconds)

    def differences(self, other: Question) -> dict[str, tuple[Any, Any]]:
        """Fields in which another one differs, with both values."""
        mine, its = msgspec.structs.asdict(self), msgspec.structs.asdict(other)
        return {name: (mine[name], its[name]) for name in mine if mine[name] != its[name]}


def question(url: str, end_seconds: float, days: int, *, step_seconds: float = STEP_SECONDS, matchers: str = "") -> Question:
    """A question about the last days before a time, cut to whole steps.

    Raises:
        InvalidValue: no URL, no days, or a step that is no part of a day.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidValue(f"{url!r} is no address", field="--prometheus", expected="a URL such as http://prometheus:9090")
    if not 1 <= days <= _MOST_DAYS:
        raise InvalidValue(f"{days} days", field="--days", expected=f"1 to {_MOST_DAYS}")
    if not 1 <= step_seconds <= DAY_SECONDS or DAY_SECONDS % step_seconds or step_seconds != int(step_seconds):
        raise InvalidValue(f"a step of {step_seconds!r} s", field="--step", expected="whole seconds that divide a day, such as 300")
    bare = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))
    end = end_seconds // step_seconds * step_seconds
    return Question(
        prometheus=bare, start_seconds=end - days * DAY_SECONDS, days=days, step_seconds=float(step_seconds), matchers=matchers
    )
