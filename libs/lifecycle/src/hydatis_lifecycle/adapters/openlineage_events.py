"""Lineage as OpenLineage events, for whoever collects those of many systems.

Our names in theirs: a step is a job, a run of a step is a run whose parent is the pipeline's run, and things are datasets whose
version is their digest. Run ids follow from the run, so an event that is sent again is known to be the same.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from openlineage.client import facet_v2 as facets
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState, set_producer

from hydatis_lifecycle.lineage.dataset_facts import DatasetFacts
from hydatis_lifecycle.lineage.record import Entity, StepRecord

__all__ = ["NAMESPACE", "BegunStep", "completed_event", "failed_event", "started_event", "step_events"]

#: Namespace of our jobs and datasets.
NAMESPACE = "hydatis"
#: Who tells: the specification asks for a URI.
PRODUCER = "urn:hydatis:ml-scheduler"

set_producer(PRODUCER)  # of facets, too: the client keeps it for the process
_IDS = uuid.uuid5(uuid.NAMESPACE_URL, PRODUCER)
_NO_FACTS = DatasetFacts()


@dataclass(frozen=True, slots=True)
class BegunStep:
    """A step that began: what is known of it before it made anything."""

    step: str
    run: str
    started_seconds: float
    """Unix time."""
    inputs: tuple[Entity, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """JSON values."""
    code_version: str = ""

    @classmethod
    def of(cls, record: StepRecord) -> BegunStep:
        """What a record says of the beginning."""
        return cls(record.step, record.run, record.started_seconds, record.inputs, record.parameters, record.code_version)

    @property
    def run_id(self) -> str:
        """UUID of this run of the step: the same for the same step, run, start and parameters."""
        told = json.dumps([self.run, self.step, self.started_seconds, dict(self.parameters)], sort_keys=True, default=str)
        return str(uuid.uuid5(_IDS, told))


def started_event(begun: BegunStep, facts: Mapping[str, DatasetFacts] | None = None) -> RunEvent:
    """START. ``facts``: of inputs, by digest."""
    return _event(RunState.START, begun, begun.started_seconds, facts=facts)


def completed_event(record: StepRecord, facts: Mapping[str, DatasetFacts] | None = None) -> RunEvent:
    """COMPLETE, with what was made. ``facts``: of inputs and outputs, by digest."""
    cached = {
        "tags": facets.tags_run.TagsRunFacet(tags=[_tag(facets.tags_run.TagsRunFacetFields, "cached", str(record.cached).lower())])
    }
    return _event(RunState.COMPLETE, BegunStep.of(record), record.ended_seconds, record.outputs, cached, facts)


def failed_event(begun: BegunStep, at_seconds: float, error: str) -> RunEvent:
    """FAIL, with what went wrong in one sentence."""
    message = facets.error_message_run.ErrorMessageRunFacet(message=error, programmingLanguage="Python")
    return _event(RunState.FAIL, begun, at_seconds, more={"errorMessage": message})


def step_events(record: StepRecord, facts: Mapping[str, DatasetFacts] | None = None) -> tuple[RunEvent, RunEvent]:
    """START and COMPLETE of a step that is over."""
    return started_event(BegunStep.of(record), facts), completed_event(record, facts)


def _event(
    state: RunState,
    begun: BegunStep,
    at_seconds: float,
    outputs: tuple[Entity, ...] = (),
    more: Mapping[str, Any] | None = None,
    facts: Mapping[str, DatasetFacts] | None = None,
) -> RunEvent:
    known = facts or {}
    return RunEvent(
        eventType=state,
        eventTime=datetime.fromtimestamp(at_seconds, UTC).isoformat(),
        run=Run(runId=begun.run_id, facets=_run_facets(begun) | dict(more or {})),
        job=Job(namespace=NAMESPACE, name=begun.step, facets={"jobType": _job_type()}),
        producer=PRODUCER,
        inputs=[_input(entity, known.get(entity.digest, _NO_FACTS)) for entity in begun.inputs],
        outputs=[_output(entity, known.get(entity.digest, _NO_FACTS)) for entity in outputs],
    )


def _run_facets(begun: BegunStep) -> dict[str, Any]:
    parent = facets.parent_run
    told = [
        facets.execution_parameters_run.ExecutionParameter(key=key, value=json.dumps(value, sort_keys=True, default=str))
        for key, value in sorted(begun.parameters.items())
    ]
    found: dict[str, Any] = {
        "parent": parent.ParentRunFacet(
            run=parent.Run(runId=str(uuid.uuid5(_IDS, begun.run))), job=parent.Job(namespace=NAMESPACE, name="pipeline")
        )
    }
    if told:
        found["executionParameters"] = facets.execution_parameters_run.ExecutionParametersRunFacet(parameters=told)
    if begun.code_version:
        found["processing_engine"] = facets.processing_engine_run.ProcessingEngineRunFacet(
            version=begun.code_version, name=NAMESPACE
        )
    return found


def _job_type() -> Any:
    return facets.job_type_job.JobTypeJobFacet(processingType="BATCH", integration="HYDATIS", jobType="TASK")


def _input(entity: Entity, facts: DatasetFacts) -> InputDataset:
    found: dict[str, Any] = {}
    if facts.rows_count is not None or facts.bytes_count is not None or facts.nulls_count:
        metrics = facets.data_quality_metrics_input_dataset
        columns = {column: metrics.ColumnMetrics(nullCount=count) for column, count in facts.nulls_count.items()}
        found["dataQualityMetrics"] = metrics.DataQualityMetricsInputDatasetFacet(
            columnMetrics=columns, rowCount=facts.rows_count, bytes=facts.bytes_count
        )
    if facts.assertions:
        asserted = facets.data_quality_assertions_dataset
        found["dataQualityAssertions"] = asserted.DataQualityAssertionsDatasetFacet(
            assertions=[
                asserted.Assertion(
                    assertion=one.rule,
                    success=one.passed,
                    column=one.column or None,
                    severity="error" if one.hard else "warn",
                    actual=one.actual or None,
                )
                for one in facts.assertions
            ]
        )
    return InputDataset(namespace=NAMESPACE, name=_name(entity), facets=_dataset_facets(entity, facts), inputFacets=found)


def _output(entity: Entity, facts: DatasetFacts) -> OutputDataset:
    found: dict[str, Any] = {}
    if facts.rows_count is not None or facts.bytes_count is not None:
        statistics = facets.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet
        found["outputStatistics"] = statistics(rowCount=facts.rows_count, size=facts.bytes_count)
    return OutputDataset(namespace=NAMESPACE, name=_name(entity), facets=_dataset_facets(entity, facts), outputFacets=found)


def _dataset_facets(entity: Entity, facts: DatasetFacts) -> dict[str, Any]:
    found: dict[str, Any] = {
        "version": facets.dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=entity.digest),
        "datasetType": facets.dataset_type_dataset.DatasetTypeDatasetFacet(datasetType=entity.kind.value.upper()),
    }
    if entity.version:
        tag = _tag(facets.tags_dataset.TagsDatasetFacetFields, "version", entity.version)
        found["tags"] = facets.tags_dataset.TagsDatasetFacet(tags=[tag])
    if facts.schema:
        fields = [facets.schema_dataset.SchemaDatasetFacetFields(name=name, type=kind) for name, kind in facts.schema.items()]
        found["schema"] = facets.schema_dataset.SchemaDatasetFacet(fields=fields)
    return found


def _tag(kind: Any, key: str, value: str) -> Any:
    return kind(key=key, value=value, source="HYDATIS")


def _name(entity: Entity) -> str:
    """A model, its evaluation and its artifact share a name among us; theirs is one for each."""
    return f"{entity.kind.value}/{entity.name}"
