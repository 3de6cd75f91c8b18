"""ExtenderArgs to values, and rankings back to the JSON that kube-scheduler expects.

Everything that can be wrong with a body is found here, before anything is decided: what comes out is a pod with sane amounts
and a list of candidates, and what goes out names exactly the candidates that came in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
from hydatis_core.errors import InvalidValue
from hydatis_core.pods import Pod
from hydatis_serving.kube.pod_json import PodJson
from hydatis_serving.kube.pod_resources import GPU_RESOURCES, GpuMeaning
from hydatis_serving.kube.pods import pod_of
from msgspec import Raw

from hydatis_scheduler_plugin.extender_api import ExtenderArgs, HostPriority, NodeHead

__all__ = [
    "PodRequest",
    "candidate_names",
    "candidates_json",
    "error_body",
    "filter_body",
    "names_json",
    "prioritize_body",
    "query_number",
    "read_args",
    "read_pod",
]

_ARGS = msgspec.json.Decoder(ExtenderArgs)
_NAMES = msgspec.json.Decoder(list[str] | None)
_NODE = msgspec.json.Decoder(NodeHead)
_ENCODE = msgspec.json.Encoder().encode
_NULL = Raw(b"null")
_EMPTY_LIST = Raw(b"[]")
_EMPTY_MAP = Raw(b"{}")


@dataclass(frozen=True, slots=True)
class PodRequest:
    """The pod that is asked about."""

    pod: Pod
    scheduler_name: str
    labels: Mapping[str, str]


class _FilterResult(msgspec.Struct, frozen=True):
    Nodes: Raw
    NodeNames: Raw
    FailedNodes: dict[str, str] | Raw
    FailedAndUnresolvableNodes: Raw = _NULL
    Error: str = ""


class _NodeListOut(msgspec.Struct, frozen=True):
    metadata: Raw
    items: list[Raw]


def read_args(body: bytes) -> ExtenderArgs:
    """The body of a request.

    Raises:
        InvalidValue: not JSON, not UTF-8, or not of the extender's types.
    """
    try:
        return _ARGS.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as wrong:
        raise InvalidValue(f"it is not ExtenderArgs: {_shown(wrong)}", field="body", expected="ExtenderArgs as JSON") from None


def read_pod(pod: PodJson, gpu_resources: Mapping[str, GpuMeaning] = GPU_RESOURCES) -> PodRequest:
    """The pod of a request, with its requests and limits summed.

    Raises:
        InvalidValue: it has no uid, or an amount that cannot be meant.
    """
    return PodRequest(pod_of(pod, gpu_resources), pod.spec.scheduler_name or "default-scheduler", pod.metadata.labels or {})


def candidate_names(args: ExtenderArgs) -> list[str]:
    """Names of the candidates, in the order offered; repeats stay.

    Raises:
        InvalidValue: a name is not a string, or a node has none.
    """
    try:
        names: list[str] | None = _NAMES.decode(args.NodeNames)
        if names is not None:
            return names
        items = args.Nodes.items if args.Nodes is not None else None
        return [_NODE.decode(item).metadata.name for item in items or ()]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as wrong:
        raise InvalidValue(
            f"the candidates are not nodes: {_shown(wrong)}", field="NodeNames or Nodes", expected="a list of names or a NodeList"
        ) from None


def candidates_json(args: ExtenderArgs, names: Sequence[str]) -> Raw:
    """The candidates' names as JSON: as they came, or for whole nodes as kube-scheduler would write them."""
    return args.NodeNames if args.NodeNames != _NULL else names_json(names)


def names_json(names: Sequence[str]) -> Raw:
    """Names as a JSON list, without white space, as kube-scheduler writes it."""
    return Raw(_ENCODE(names))


def filter_body(args: ExtenderArgs, kept: Sequence[bool] | None, kept_names: Raw, failed: Mapping[str, str]) -> bytes:
    """Answer to /filter: the kept candidates in the form and order they came in.

    Args:
        args: the request.
        kept: per candidate whether it stays; None: all stay.
        kept_names: names of those that stay, as JSON; read only where the request gave names.
        failed: why each rejected node was rejected. They are FailedNodes, never FailedAndUnresolvableNodes: taking pods off an
            overloaded node does resolve it, so kube-scheduler may try preemption.
    """
    reasons: dict[str, str] | Raw = dict(failed) if failed else _EMPTY_MAP
    if args.NodeNames != _NULL or args.Nodes is None:
        return _ENCODE(_FilterResult(_NULL, kept_names if args.NodeNames != _NULL else _EMPTY_LIST, reasons))
    items = args.Nodes.items or []
    if kept is not None:
        items = [item for item, keep in zip(items, kept, strict=True) if keep]
    return _ENCODE(_FilterResult(Raw(_ENCODE(_NodeListOut(args.Nodes.metadata, items))), _NULL, reasons))


def prioritize_body(names: Sequence[str], scores: Sequence[int]) -> bytes:
    """Answer to /prioritize: one entry per candidate in the order offered; scores 0..10, high = better."""
    return _ENCODE(list(map(HostPriority, names, scores)))


def error_body(message: str) -> bytes:
    """Body of an answer that is an error: the filter's Error field, set."""
    return _ENCODE(_FilterResult(_NULL, _NULL, _EMPTY_MAP, _NULL, message))


def query_number(query: Mapping[str, str], name: str, least: float, most: float, *, default: float | None = None) -> float:
    """A number of a URL's query.

    Args:
        query: the query's values by name.
        name: which one.
        least: smallest that is taken.
        most: largest that is taken.
        default: what an absent one means; None: it must be there.

    Raises:
        InvalidValue: it is absent, no number, or out of range.
    """
    text = query.get(name)
    if text is None and default is not None:
        return default
    try:
        value = float(text or "")
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        raise InvalidValue(f"{(text or '')[:40]!r} is not in range", field=name, expected=f"{least:g} to {most:g}")
    return value


def _shown(wrong: Exception) -> str:
    text = str(wrong)
    return text if len(text) <= 160 else text[:157] + "..."
