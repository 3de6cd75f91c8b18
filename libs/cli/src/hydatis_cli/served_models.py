"""Which model versions took part: read from the newest decision record, because only it says who really computed."""

from __future__ import annotations

from hydatis_core.errors import HydatisError

from hydatis_cli.extender_client import ExtenderClient

__all__ = ["served_versions"]


def served_versions(extender_url: str, token: str = "") -> dict[str, str]:  # nosec B107  # empty: none
    """Version by model of the newest decision; empty when there is none yet."""
    client = ExtenderClient(extender_url, token=token)
    try:
        records = client.get_json("/decisions?limit=1", timeout_seconds=5)
    except HydatisError:
        return {}
    finally:
        client.close()
    found: dict[str, str] = {}
    for record in records["decisions"]:
        for text in record.get("model_versions", ()):
            name, _, version = text.partition(" ")
            found[name] = version
    return found
