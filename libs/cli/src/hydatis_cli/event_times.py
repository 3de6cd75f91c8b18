"""Event times as people type them: Unix seconds, or ISO 8601, which is UTC where it names no zone."""

from __future__ import annotations

from datetime import UTC, datetime

from hydatis_core.errors import InvalidValue

__all__ = ["event_time", "shown_time"]

#: The last moment that a date can show.
_LATEST_SECONDS = 253_402_300_799


def event_time(text: str, option: str) -> int:
    """Unix seconds of what was typed.

    Raises:
        InvalidValue: it is no time.
    """
    expected = "Unix seconds, or a time like 2026-03-01T12:00"
    try:
        seconds = int(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise InvalidValue(f"{text!r} is not a time", field=option, expected=expected) from None
        seconds = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    if not 0 <= seconds <= _LATEST_SECONDS:
        raise InvalidValue(f"{text!r} is out of range", field=option, expected=expected)
    return seconds


def shown_time(seconds: int) -> str:
    """A time as people read it, UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
