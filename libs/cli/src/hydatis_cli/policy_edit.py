"""A change of the policy's text: the fields that change and nothing else, comments included, and only what the shim would take.

The text is judged by the shim's own reader, so that nobody switches with a text that the shim then refuses.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from hydatis_core.errors import InvalidValue
from hydatis_serving.policy_file import parse_policy
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

__all__ = ["changed_text", "differences", "off_text"]

#: A line of YAML is not broken, however long.
LONGEST_LINE = 4096


def changed_text(text: str, changes: Mapping[str, Any], judge: Callable[[bytes, str], object] = parse_policy) -> str:
    """The policy with some fields set.

    Args:
        text: the policy as it stands; it may be one that the shim refuses.
        changes: new values by field; "namespaces.include" is a field of a field.
        judge: refuses what would not be taken; the shims' reader, for the shims' policy.

    Raises:
        InvalidValue: the text is no YAML mapping, or what comes out is no policy.
    """
    yaml = YAML()
    yaml.width = LONGEST_LINE
    yaml.preserve_quotes = True
    try:
        found = yaml.load(text)
    except YAMLError as wrong:
        raise InvalidValue(
            f"the policy as it stands is not YAML: {wrong}"[:300], field="policy", expected="a YAML mapping"
        ) from None
    found = {} if found is None else found
    if not isinstance(found, dict):
        raise InvalidValue("the policy as it stands is no mapping", field="policy", expected="a YAML mapping")
    for field, value in changes.items():
        *above, last = field.split(".")
        place = found
        for name in above:
            place = place.setdefault(name, {})
        place[last] = value
    written = io.StringIO()
    yaml.dump(found, written)
    judge(written.getvalue().encode(), "after the change")
    return written.getvalue()


def off_text(broken: str) -> str:
    """A policy that switches off and keeps a text that is none as a comment: off must always work."""
    kept = "".join(f"# {line}\n" for line in broken.splitlines())
    return f"mode: off\n# What stood here was no policy:\n{kept}"


def differences(before: str, after: str) -> list[tuple[str, Any, Any]]:
    """(field, value before, value after) of each field that differs; a text that cannot be read has no values.

    Raises:
        InvalidValue: the text after is no policy.
    """
    new = _values(after)
    try:
        old = _values(before)
    except InvalidValue:
        old = dict.fromkeys(new, "?")
    return [(field, old[field], new[field]) for field in new if old[field] != new[field]]


def _values(text: str) -> dict[str, Any]:
    values: dict[str, Any] = msgspec.to_builtins(parse_policy(text.encode()))
    rules = values.pop("namespaces")
    return values | {f"namespaces.{name}": list(patterns) for name, patterns in rules.items()}
