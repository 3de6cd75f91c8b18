"""Right-sizing switched off in a cluster, and its running pods put back: what `hydatis off` does besides the shims."""

from __future__ import annotations

import dataclasses
import json

import typer
from hydatis_core.errors import InvalidValue, TooLate
from hydatis_serving.kube.api import KubernetesApi
from rich.table import Table

from hydatis_cli.console import out, progress_bar
from hydatis_cli.policy_edit import changed_text, off_text
from hydatis_cli.policy_in_cluster import RIGHT_SIZING, PolicyInCluster
from hydatis_cli.restore_in_cluster import WHY_NOT, Restored, restore

__all__ = ["put_back", "switch_off"]

ATTEMPTS = 5
MOST_SHOWN = 20


def switch_off(place: PolicyInCluster) -> str:
    """Switches the right-sizer's policy off and says so: no new pod is sized, no running one is touched, by it.

    Raises:
        DependencyUnavailable: there is no API server, or one may not change it.
        TooLate: somebody else changes it all the time.
    """
    policy = dataclasses.replace(place, config_map=RIGHT_SIZING)
    if not policy.is_there():
        return f"{policy.shown}: there is none, nobody right-sizes"
    for _ in range(ATTEMPTS):
        before = policy.read()
        try:
            after = changed_text(before, {"mode": "off"}, judge=lambda _text, _shown: None)
        except InvalidValue:
            after = off_text(before)
        if after == before or policy.write(after, before):
            return f"{policy.shown}: mode: off"
    raise TooLate(f"{policy.shown} is changed by somebody else all the time", field="policy", expected="one at a time")


def put_back(kubeconfig: str, context: str, most_per_second: float, wait_seconds: float, *, as_json: bool) -> bool:
    """Resizes all sized pods back, under a progress bar, and says what came of it; whether all of them are back.

    Raises:
        DependencyUnavailable: there is no API server, or it may not be asked.
    """
    with progress_bar("restoring") as bar:
        done = restore(KubernetesApi(kubeconfig, context), most_per_second, wait_seconds, bar)
    if as_json:
        typer.echo(json.dumps(_told(done), indent=2))
        return not done.not_restored
    counts = f"{done.restored_count} of {done.sized_count} sized pods have what their owners asked for"
    out.print(f"{counts} ({done.resized_count} resizes, {done.seconds:.1f} s)", highlight=False)
    table = _table(done)
    if table is not None:
        out.print(table)
    return not done.not_restored


def _table(done: Restored) -> Table | None:
    """The pods that are not restored and why, for people; None: there are none."""
    if not done.not_restored:
        return None
    table = Table("namespace", "pod", "why")
    for one in done.not_restored[:MOST_SHOWN]:
        table.add_row(one.namespace, one.pod, f"{WHY_NOT[one.code]}{f' ({one.detail})' if one.detail else ''}")
    if len(done.not_restored) > MOST_SHOWN:
        more = ", ".join(f"{count} {code}" for code, count in done.causes.most_common())
        table.add_row("...", f"{len(done.not_restored) - MOST_SHOWN} more", f"of all: {more} (--json names every one)")
    return table


def _told(done: Restored) -> dict[str, object]:
    """The same for programs."""
    return {
        "sized_count": done.sized_count,
        "resized_count": done.resized_count,
        "restored_count": done.restored_count,
        "not_restored": [dataclasses.asdict(one) | {"why": WHY_NOT[one.code]} for one in done.not_restored],
        "seconds": round(done.seconds, 2),
    }
