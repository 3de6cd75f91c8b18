"""`hydatis off`, `on`, `shadow` and `policy`: who is placed by us, from now on.

Off is one word, since whoever types it is in a hurry. Each command says what it changed, and waits until every shim that can be
asked has it in force.
"""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from hydatis_core.errors import InvalidValue, OperationalError, TooLate
from rich.table import Table

from hydatis_cli import right_sizing_off
from hydatis_cli.commands.up import running_stack
from hydatis_cli.console import EXIT_OPERATIONAL, err, out
from hydatis_cli.options import DEFAULT_STATE, JsonOption, StateOption
from hydatis_cli.policy_edit import changed_text, differences, off_text
from hydatis_cli.policy_in_cluster import PolicyInCluster
from hydatis_cli.policy_places import PolicyInFile, PolicyPlace, Report
from hydatis_cli.state_folder import StateFolder

__all__ = ["off", "on", "policy", "shadow"]

#: How long a shim may take to obey; it takes less than a second where it hears the API server.
OBEYING_SECONDS = 10.0
#: How often a change is tried that somebody else's change came before.
ATTEMPTS = 5

ClusterOption = Annotated[
    bool, typer.Option("--cluster", help="The policy of a cluster, found as kubectl finds it; without: of the stack in --state.")
]
KubeconfigOption = Annotated[str, typer.Option("--kubeconfig", help="A kubeconfig file; implies --cluster.")]
ContextOption = Annotated[str, typer.Option("--context", help="A context of the kubeconfig; implies --cluster.")]
KubeNamespaceOption = Annotated[str, typer.Option("--kube-namespace", "-n", help="The release's namespace.")]
ShimOption = Annotated[list[str] | None, typer.Option("--shim", help="URL of a shim to ask, for each; they are found without.")]
RampOption = Annotated[float | None, typer.Option("--ramp", min=0, max=100, help="Percent of the pods, by hash of their UID.")]
IncludeOption = Annotated[
    list[str] | None, typer.Option("--include", help="A namespace that takes part (shell pattern); for each. '*': all.")
]
ExcludeOption = Annotated[
    list[str] | None, typer.Option("--exclude", help="A namespace that does not, whatever is included; for each. '': none.")
]
LabelOption = Annotated[
    list[str] | None, typer.Option("--pod-label", help="KEY=VALUE that a pod must have to take part; for each. '': none.")
]
RestoreOption = Annotated[bool, typer.Option("--restore", help="Resize right-sized pods that run back, too; with --cluster.")]
RateOption = Annotated[float, typer.Option("--rate", min=1, max=1000, help="Pods resized a second at most, with --restore.")]
WaitOption = Annotated[
    float, typer.Option("--wait", min=0, max=3600, help="Seconds that nodes are given to make room, with --restore.")
]
RELEASE = "hydatis-system"


def off(
    state: StateOption = DEFAULT_STATE,
    cluster: ClusterOption = False,
    kubeconfig: KubeconfigOption = "",
    context: ContextOption = "",
    namespace: KubeNamespaceOption = RELEASE,
    shim: ShimOption = None,
    restore: RestoreOption = False,
    rate: RateOption = 100.0,
    wait: WaitOption = 60.0,
    json_: JsonOption = False,
) -> None:
    """Switch off: from now on kube-scheduler places as if we were not there, and nobody's requests are changed.

    Everything else of the policies stays as it is. With --restore running pods that were right-sized are resized back in place;
    what cannot be is listed, and the exit code is 1 then. Examples: hydatis off --cluster, hydatis off --cluster --restore
    """
    place = _place(state, cluster, kubeconfig, context, namespace, shim)
    if not isinstance(place, PolicyInCluster):
        if restore:
            raise InvalidValue("a stack on this machine sizes no pods", field="--restore", expected="--cluster with it")
        _change(place, {"mode": "off"})
        return
    problems = []
    # Each of the three is done whatever becomes of the others.
    try:
        _say(right_sizing_off.switch_off(place))
    except OperationalError as failure:
        _say(f"right-sizing goes on as it was: {failure}")
        problems += [failure] if restore else []  # who may change the shims' policy alone may not have that of the right-sizer
    try:
        _change(place, {"mode": "off"})
    except OperationalError as failure:
        problems.append(failure)
    is_back = not restore or right_sizing_off.put_back(kubeconfig, context, rate, wait, as_json=json_)
    if problems:
        raise problems[0]
    if not is_back:
        raise typer.Exit(EXIT_OPERATIONAL)


def on(
    state: StateOption = DEFAULT_STATE,
    cluster: ClusterOption = False,
    kubeconfig: KubeconfigOption = "",
    context: ContextOption = "",
    namespace: KubeNamespaceOption = RELEASE,
    shim: ShimOption = None,
    ramp: RampOption = None,
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    pod_label: LabelOption = None,
) -> None:
    """Switch on, for whom the policy says; options say anew for whom.

    Example: hydatis on --cluster --include 'team-*' --ramp 25
    """
    place = _place(state, cluster, kubeconfig, context, namespace, shim)
    _change(place, {"mode": "on"} | _whom(ramp, include, exclude, pod_label))


def shadow(
    state: StateOption = DEFAULT_STATE,
    cluster: ClusterOption = False,
    kubeconfig: KubeconfigOption = "",
    context: ContextOption = "",
    namespace: KubeNamespaceOption = RELEASE,
    shim: ShimOption = None,
    ramp: RampOption = None,
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    pod_label: LabelOption = None,
) -> None:
    """Decide and record, and influence nothing.

    Example: hydatis shadow --cluster --include '*'
    """
    place = _place(state, cluster, kubeconfig, context, namespace, shim)
    _change(place, {"mode": "shadow"} | _whom(ramp, include, exclude, pod_label))


def policy(
    state: StateOption = DEFAULT_STATE,
    cluster: ClusterOption = False,
    kubeconfig: KubeconfigOption = "",
    context: ContextOption = "",
    namespace: KubeNamespaceOption = RELEASE,
    shim: ShimOption = None,
    json_: JsonOption = False,
) -> None:
    """Show the policy, and what each shim has in force and since when."""
    place = _place(state, cluster, kubeconfig, context, namespace, shim)
    text, reports = place.read(), place.reports()
    if json_:
        typer.echo(json.dumps({"place": place.shown, "digest": _digest(text), "text": text, "shims": reports}, indent=2))
        return
    out.print(f"[bold]{place.shown}[/bold]")
    out.print(text.rstrip(), markup=False, highlight=False)
    if reports:
        table = Table("shim", "in force", "since", "by", "problem")
        for name, report in reports.items():
            table.add_row(name, *_row(report, _digest(text)))
        out.print(table)


def _whom(ramp: float | None, include: list[str] | None, exclude: list[str] | None, pod_label: list[str] | None) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if ramp is not None:
        changes["ramp_pct"] = int(ramp) if ramp == int(ramp) else ramp
    if include is not None:
        changes["namespaces.include"] = include
    if exclude is not None:
        changes["namespaces.exclude"] = [pattern for pattern in exclude if pattern]
    if pod_label is not None:
        pairs = [pair.partition("=") for pair in pod_label if pair]
        if any(not key or not equals for key, equals, _ in pairs):
            raise InvalidValue(f"{pod_label} are no labels", field="--pod-label", expected="KEY=VALUE")
        changes["pod_labels"] = {key: value for key, _, value in pairs}
    return changes


def _place(state: Path, cluster: bool, kubeconfig: str, context: str, namespace: str, shims: list[str] | None) -> PolicyPlace:
    if cluster or kubeconfig or context:
        return PolicyInCluster.of(kubeconfig, context, namespace, tuple(shims or ()))
    stack = running_stack(state)
    found = (stack.extender_url,) if stack is not None else ()
    return PolicyInFile(StateFolder(state).policy_file, tuple(shims or found))


def _change(place: PolicyPlace, changes: dict[str, Any]) -> None:
    begin = time.monotonic()
    for _ in range(ATTEMPTS):
        before = place.read()
        try:
            after = changed_text(before, changes)
        except InvalidValue:
            if changes != {"mode": "off"}:
                raise
            after = off_text(before)
        if after == before or place.write(after, before):
            break
    else:
        raise TooLate(f"{place.shown} is changed by somebody else all the time", field="policy", expected="one at a time")
    _say(f"{place.shown}:")
    for field, old, new in differences(before, after) or [("nothing to change; mode", changes["mode"], changes["mode"])]:
        _say(f"  {field}: {old} -> {new}" if old != new else f"  {field}: {new}")
    if isinstance(place, PolicyInCluster) and after != before:
        _say("  `helm upgrade` writes the values' policy again: change them, too.")
    _await(place, _digest(after), begin)


def _await(place: PolicyPlace, digest: str, begin: float) -> None:
    """Waits until the shims that can be asked obey, and says so of each."""
    seen: set[str] = set()
    while True:
        reports = place.reports()
        behind = {name for name, report in reports.items() if not isinstance(report, str) and not _obeys(report, digest)}
        for name in sorted(reports.keys() - behind - seen):
            report = reports[name]
            told = report if isinstance(report, str) else f"in force {time.monotonic() - begin:.1f} s after the command"
            _say(f"  {name}: {told}")
            seen.add(name)
        if not reports:
            _say("  no shim runs: it counts from the start of one")
        if not behind:
            return
        if time.monotonic() - begin > OBEYING_SECONDS:
            problems = "; ".join(f"{name}: {_row(reports[name], digest)[-1] or 'another policy'}" for name in sorted(behind))
            raise TooLate(f"not in force after {OBEYING_SECONDS:.0f} s at {problems}", field="policy", expected="`hydatis policy`")
        time.sleep(0.1)


def _say(line: str) -> None:
    err.print(line, highlight=False, markup=False, soft_wrap=True)


def _obeys(report: dict[str, Any], digest: str) -> bool:
    return bool(report.get("policy", {}).get("digest") == digest)


def _row(report: Report, digest: str) -> tuple[str, str, str, str]:
    if isinstance(report, str):
        return "?", "", "", report
    told = report.get("policy", {})
    mode = f"{told.get('mode')}, {told.get('ramp_pct'):g} %" if told else "?"
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(told["since_seconds"])) if told else ""
    behind = "" if _obeys(report, digest) else " (not this text)"
    return mode + behind, since, str(told.get("source", "")), str(report.get("policy_problem", ""))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
