"""The bill of materials of a model, CycloneDX 1.6 as JSON: the model, its files, its data, and the packages that trained it.

Packages are those of the machine that asks, so a bill is true where it is made beside the training: pipelines log one with each
run. Asked for later, it says the packages of that later time, which is why the time stands in it.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from hydatis_lifecycle.cards.components import Asked, Installed, Package, closure
from hydatis_lifecycle.lineage.record import EntityKind, StepRecord
from hydatis_lifecycle.manifest import Manifest
from hydatis_lifecycle.signing.statement import artifact_digest

__all__ = ["bill_of_materials", "installed_packages"]


def installed_packages(*roots: str) -> tuple[Package, ...]:
    """The packages of this environment that some packages need, and themselves.

    Args:
        roots: names as in a requirement: ``hydatis-pipelines[lifecycle]``.
    """
    return closure([_asked(Requirement(root)) for root in roots], _installed)


def bill_of_materials(
    manifest: Manifest, packages: Sequence[Package], lineage: Sequence[StepRecord], *, time_seconds: float, signer: str = ""
) -> str:
    """The bill, as JSON. The same arguments give the same text.

    Args:
        manifest: of the version.
        packages: what trained it.
        lineage: steps that led to it: their datasets are listed; none: the dataset of the manifest is.
        time_seconds: when it is made, Unix time.
        signer: whose signature the version bears; empty: unknown.
    """
    digest = artifact_digest(manifest)
    model = Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        name=manifest.name,
        version=manifest.version,
        bom_ref=f"model:{manifest.name}@{manifest.version}",
        hashes=[_sha256(digest)],
        components=[_file(name, said["sha256"], said["bytes"]) for name, said in sorted(manifest.files.items())],
        properties=[
            Property(name=f"hydatis:{name}", value=value)
            for name, value in (("kind", manifest.kind), ("training-run", manifest.training_run), ("signer", signer or "unknown"))
        ],
    )
    made = datetime.fromtimestamp(time_seconds, UTC)
    bom = Bom(
        serial_number=uuid.uuid5(uuid.NAMESPACE_URL, f"{digest} {time_seconds}"),
        metadata=BomMetaData(component=model, timestamp=made),
    )
    libraries = {package.name: _library(package) for package in packages}
    datasets = _datasets(manifest, lineage)
    for component in (*datasets, *libraries.values()):
        bom.components.add(component)
    bom.register_dependency(model, [*datasets, *libraries.values()])
    for package in packages:
        bom.register_dependency(libraries[package.name], [libraries[need] for need in package.needs])
    return str(JsonV1Dot6(bom).output_as_string(indent=1)) + "\n"


def _installed(asked: Asked) -> Installed | None:
    name, extras = asked
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None
    wanted = map(Requirement, found.requires or ())
    # without any extra, markers are asked with an empty one
    chosen = [one for one in wanted if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in extras or {""})]
    return found.version, tuple(map(_asked, chosen))


def _asked(requirement: Requirement) -> Asked:
    return canonicalize_name(requirement.name), frozenset(requirement.extras)


def _datasets(manifest: Manifest, lineage: Sequence[StepRecord]) -> list[Component]:
    entities = {entity.digest: entity for record in lineage for entity in record.inputs if entity.kind is EntityKind.DATASET}
    if not entities:
        digest = manifest.dataset_version
        hashes = [_sha256(digest)] if digest.startswith("sha256:") else []
        return [Component(type=ComponentType.DATA, name="training-data", version=digest, bom_ref=f"data:{digest}", hashes=hashes)]
    return [
        Component(
            type=ComponentType.DATA,
            name=entity.name,
            version=entity.version or digest,
            bom_ref=f"data:{digest}",
            hashes=[_sha256(digest)],
        )
        for digest, entity in sorted(entities.items())
    ]


def _file(name: str, sha256: str, bytes_count: int) -> Component:
    size = Property(name="hydatis:bytes", value=str(bytes_count))
    return Component(type=ComponentType.FILE, name=name, bom_ref=f"file:{name}", hashes=[_sha256(sha256)], properties=[size])


def _library(package: Package) -> Component:
    purl = PackageURL("pypi", name=package.name, version=package.version)
    return Component(type=ComponentType.LIBRARY, name=package.name, version=package.version, purl=purl, bom_ref=str(purl))


def _sha256(digest: str) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=digest.removeprefix("sha256:"))
