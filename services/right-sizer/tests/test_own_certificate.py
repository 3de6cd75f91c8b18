"""One certificate follows another: both authorities are told before the second is served, and no key is shown."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

from hydatis_right_sizer.certificate_secret import NEXT_SINCE, SecretText, _Metadata, next_content
from hydatis_right_sizer.own_certificate import good_authorities, is_due, is_good, make_certificate

NOW = datetime(2026, 11, 23, tzinfo=UTC)
NAMES = ("right-sizer.hydatis-system.svc", "right-sizer")
LIFE, SETTLE = timedelta(days=90), timedelta(minutes=1)


def secret(content: dict[str, bytes], since: datetime | None = None) -> SecretText:
    notes = {NEXT_SINCE: since.isoformat()} if since else None
    return SecretText(_Metadata("1", notes), {name: base64.b64encode(text).decode() for name, text in content.items()})


def test_a_certificate_is_good_for_its_names_and_its_time() -> None:
    made = make_certificate(NAMES, LIFE, NOW)
    assert is_good(made.certificate, NAMES, NOW)
    assert not is_good(made.certificate, ("another",), NOW)
    assert not is_good(made.certificate, NAMES, NOW + LIFE)
    assert not is_good(b"no certificate", NAMES, NOW)
    assert [is_due(made.certificate, NOW + timedelta(days=days)) for days in (59, 61)] == [False, True]
    assert "PRIVATE" not in repr(made)


def test_one_follows_the_other_step_by_step() -> None:
    first = next_content(SecretText(), NAMES, LIFE, SETTLE, NOW)
    assert first is not None
    assert next_content(secret(first), NAMES, LIFE, SETTLE, NOW + timedelta(days=59)) is None
    due = NOW + timedelta(days=61)
    both = next_content(secret(first), NAMES, LIFE, SETTLE, due)
    assert both is not None
    assert both["tls.crt"] == first["tls.crt"], "still served"
    assert both["ca.crt"].count(b"BEGIN CERTIFICATE") == 2
    assert next_content(secret(both, due), NAMES, LIFE, SETTLE, due + SETTLE / 2) is None
    after = next_content(secret(both, due), NAMES, LIFE, SETTLE, due + SETTLE)
    assert after is not None
    assert (after["tls.crt"], after["tls.key"], "next.key" in after) == (both["next.crt"], both["next.key"], False)
    assert good_authorities(after["ca.crt"], NOW + timedelta(days=91)).count(b"BEGIN CERTIFICATE") == 1


def test_what_was_lost_or_spoilt_is_made_anew() -> None:
    first = next_content(SecretText(), NAMES, LIFE, SETTLE, NOW)
    assert first is not None
    for spoilt in ({"tls.crt": b"x"}, {"ca.crt": b""} | {"tls.key": first["tls.key"]}, {}):
        made = next_content(secret(dict(spoilt)), NAMES, LIFE, SETTLE, NOW)
        assert made is not None
        assert set(made) == {"tls.crt", "tls.key", "ca.crt"}
