"""Whether what somebody wants to be collected can be."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from hydatis_core.errors import InvalidValue

from hydatis_collection.ledger import Collection

__all__ = ["collection"]

_DAY_SECONDS = 86_400


def collection(url: str, *, step_seconds: int = 60, window_seconds: int = 3600, matchers: str = "") -> Collection:
    """A collection of a Prometheus; rates are taken over two steps, and at least over two minutes.

    Raises:
        InvalidValue: no URL, or steps and windows that do not fit into one another and into a day.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidValue(f"{url!r} is no address", field="--prometheus", expected="a URL such as http://prometheus:9090")
    if window_seconds < 60 or window_seconds % 60 or _DAY_SECONDS % window_seconds:
        shown = f"windows of {window_seconds} s"
        raise InvalidValue(shown, field="--window", expected="whole minutes that divide a day, such as 3600")
    if step_seconds < 1 or window_seconds % step_seconds:
        shown = f"a step of {step_seconds} s"
        raise InvalidValue(shown, field="--step", expected=f"seconds that divide a window of {window_seconds}")
    bare = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))
    return Collection(
        prometheus=bare,
        step_seconds=step_seconds,
        window_seconds=window_seconds,
        rate_window_seconds=max(2 * step_seconds, 120),
        most_age_seconds=max(step_seconds, 90),
        matchers=matchers,
    )
