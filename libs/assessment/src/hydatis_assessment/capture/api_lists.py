"""Lists of the API server, by GET alone and page by page: a cluster of thousands of pods is no one answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

import msgspec
from hydatis_core.errors import InvalidValue
from hydatis_serving.kube.api import KubernetesApi

__all__ = ["has_group", "listed", "read"]

T = TypeVar("T")
PAGE_COUNT, READ_SECONDS = "500", 60.0


class _Token(msgspec.Struct, frozen=True, gc=False):
    continue_: str = msgspec.field(default="", name="continue")


class _List(msgspec.Struct, frozen=True, gc=False):
    metadata: _Token = _Token()
    items: list[msgspec.Raw] | None = None


class _Named(msgspec.Struct, frozen=True, gc=False):
    name: str = ""


class _Groups(msgspec.Struct, frozen=True, gc=False):
    groups: list[_Named] = []


def listed(api: KubernetesApi, path: str, query: Mapping[str, str] | None = None) -> Iterator[msgspec.Raw]:
    """The objects of a list.

    Raises:
        DependencyUnavailable: there is no server, or one may not list this.
        InvalidValue: what it sends is no list.
    """
    next_page = ""
    while True:
        asked = {**(query or {}), "limit": PAGE_COUNT} | ({"continue": next_page} if next_page else {})
        page = read(_body(api, path, asked), _List, "list")
        yield from page.items or ()
        next_page = page.metadata.continue_
        if not next_page:
            return


def has_group(api: KubernetesApi, group: str) -> bool:
    """Whether the server knows an API group, "autoscaling.k8s.io"; anybody who is known to it may ask. Raises as ``listed``."""
    return any(found.name == group for found in read(_body(api, "/apis", {}), _Groups, "APIGroupList").groups)


def read(text: bytes | msgspec.Raw, kind: type[T], what: str) -> T:
    """An object.

    Raises:
        InvalidValue: it is none of this kind.
    """
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as wrong:
        raise InvalidValue(f"the API server sent no {what}: {wrong}"[:300], field="kubernetes", expected="Kubernetes") from None


def _body(api: KubernetesApi, path: str, query: Mapping[str, str]) -> bytes:
    with api.get(path, query, READ_SECONDS) as answer:
        return bytes(answer.read(decode_content=True))
