"""The last step of a lineage: a version becomes what servers are told to serve.

Whoever makes a version current records it with this, so that a deployment is found from the raw data and the raw data from it.
"""

from __future__ import annotations

import hashlib

from hydatis_core.errors import InvalidValue

from hydatis_lifecycle.lineage.record import Entity, EntityKind, StepRecord

__all__ = ["deployment_record"]


def deployment_record(
    artifact: Entity, target: str, *, at_seconds: float, run: str = "", by: str = "", code_version: str = ""
) -> StepRecord:
    """The record of an artifact's deployment.

    Each is a thing of its own, known by ``sha256`` of artifact, target and time: going back to an older version is a new deployment
    of it and no way back in time.

    Args:
        artifact: what is deployed; of kind ARTIFACT.
        target: where: ``production``, ``staging``, the name of a cluster.
        at_seconds: Unix time.
        run: identity of the run it was part of; empty: it is a run of its own.
        by: who did it.
        code_version: version of the packages that did it.

    Raises:
        InvalidValue: no artifact, or no target.
    """
    if artifact.kind is not EntityKind.ARTIFACT:
        raise InvalidValue(f"a {artifact.kind.value} cannot be deployed", field="artifact", expected="a published artifact")
    if not target:
        raise InvalidValue("a deployment to nowhere", field="target", expected="a name such as production")
    digest = hashlib.sha256(f"{artifact.digest}\n{target}\n{at_seconds!r}".encode()).hexdigest()
    made = Entity(EntityKind.DEPLOYMENT, f"{target}/{artifact.name}", f"sha256:{digest}", artifact.version)
    return StepRecord(
        step="deploy",
        run=run or f"deploy-{digest[:12]}",
        inputs=(artifact,),
        outputs=(made,),
        started_seconds=at_seconds,
        ended_seconds=at_seconds,
        parameters={"target": target} | ({"by": by} if by else {}),
        code_version=code_version,
    )
