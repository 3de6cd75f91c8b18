"""A small lineage that the tests of lineage share: from raw data to a deployment."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hydatis_lifecycle.lineage.deployment import deployment_record
from hydatis_lifecycle.lineage.record import Entity, EntityKind, StepRecord


class Story:
    """Raw data, a workload, features, two models, one of them judged, published and deployed."""

    def __init__(self) -> None:
        self.raw = self.thing(EntityKind.DATASET, "bitbrains", "1.0.0")
        self.workload = self.thing(EntityKind.WORKLOAD, "bitbrains")
        self.features = self.thing(EntityKind.FEATURES, "node-table")
        self.cpu, self.memory = (self.thing(EntityKind.MODEL, f"{name}-forecaster") for name in ("cpu", "memory"))
        self.judged = self.thing(EntityKind.EVALUATION, "cpu-forecaster")
        self.artifact = self.thing(EntityKind.ARTIFACT, "cpu-forecaster", "1.0.0")
        self.records = (
            self.step("make-workload", (self.raw,), (self.workload,), 10.0),
            self.step("build-dataset", (self.workload,), (self.features,), 20.0),
            self.step("train-forecaster", (self.features,), (self.cpu,), 30.0, parameters={"resource": "cpu", "seed": 7}),
            self.step("train-forecaster", (self.features,), (self.memory,), 31.0, parameters={"resource": "memory", "seed": 7}),
            self.step("evaluate", (self.cpu, self.workload), (self.judged,), 40.0),
            self.step("publish", (self.cpu, self.judged), (self.artifact,), 50.0),
            deployment_record(self.artifact, "production", at_seconds=60.0, by="ada"),
        )
        self.deployment = self.records[-1].outputs[0]

    @staticmethod
    def thing(kind: EntityKind, name: str, version: str = "") -> Entity:
        return Entity(kind, name, f"sha256:{hashlib.sha256(f'{kind.value} {name} {version}'.encode()).hexdigest()}", version)

    @staticmethod
    def step(
        name: str, inputs: tuple[Entity, ...], outputs: tuple[Entity, ...], at: float, run: str = "run-1", **more: Any
    ) -> StepRecord:
        return StepRecord(name, run, inputs, outputs, at, at + 1.0, **more)


@pytest.fixture
def story() -> Story:
    return Story()
