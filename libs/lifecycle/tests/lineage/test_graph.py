import dataclasses

import pytest
from hydatis_core.errors import InvalidValue
from hydatis_lifecycle.lineage.graph import LineageGraph


def steps(graph):
    return [record.step for record in graph.derivations.values()]


def test_upstream_of_a_deployment_is_all_that_it_was_made_of(story):
    upstream = LineageGraph(story.records).upstream(story.deployment.digest)
    assert steps(upstream) == ["make-workload", "build-dataset", "train-forecaster", "evaluate", "publish", "deploy"]
    assert story.memory.digest not in upstream.entities


def test_downstream_of_a_model_is_all_that_was_made_of_it(story):
    downstream = LineageGraph(story.records).downstream(story.cpu.digest)
    assert steps(downstream) == ["evaluate", "publish", "deploy"]


def test_both_ways_joined_leave_what_is_beside(story):
    graph = LineageGraph(story.records)
    both = graph.upstream(story.memory.digest).joined(graph.downstream(story.memory.digest))
    assert steps(both) == ["make-workload", "build-dataset", "train-forecaster"]


def test_nothing_is_known_of_a_thing_that_no_record_names(story):
    assert LineageGraph(story.records).upstream(f"sha256:{'0' * 64}").derivations == {}


def test_layers_go_from_raw_data_to_what_serves(story):
    graph = LineageGraph(story.records)
    named = [
        sorted(str(graph.entities[node].kind.value) if node in graph.entities else graph.derivations[node].step for node in layer)
        for layer in graph.layers()
    ]
    assert named == [
        ["dataset"],
        ["make-workload"],
        ["workload"],
        ["build-dataset"],
        ["features"],
        ["train-forecaster", "train-forecaster"],
        ["model", "model"],
        ["evaluate"],
        ["evaluation"],
        ["publish"],
        ["artifact"],
        ["deploy"],
        ["deployment"],
    ]


def test_cached_runs_do_not_multiply_what_is_drawn(story):
    again = [dataclasses.replace(story.records[0], run=f"run-{run}", cached=True) for run in range(2, 9)]
    graph = LineageGraph([*again, *story.records])
    assert len(graph.derivations) == len(story.records)
    assert next(iter(graph.derivations.values())).run == "run-1"


def test_a_cached_step_whose_first_run_is_not_known_stands_for_itself(story):
    cached = dataclasses.replace(story.records[0], cached=True)
    assert LineageGraph([cached]).upstream(story.workload.digest).derivations


def test_going_back_to_an_older_version_is_no_circle(story):
    from hydatis_lifecycle.lineage.deployment import deployment_record

    again = deployment_record(story.artifact, "production", at_seconds=90.0)
    graph = LineageGraph([*story.records, again])
    assert len({again.outputs[0].digest, story.deployment.digest} & graph.downstream(story.artifact.digest).entities.keys()) == 2


def test_only_artifacts_are_deployed_and_only_somewhere(story):
    from hydatis_lifecycle.lineage.deployment import deployment_record

    with pytest.raises(InvalidValue, match="a model cannot be deployed"):
        deployment_record(story.cpu, "production", at_seconds=1.0)
    with pytest.raises(InvalidValue, match="nowhere"):
        deployment_record(story.artifact, "", at_seconds=1.0)


def test_a_thing_that_would_be_made_of_itself_is_refused(story):
    circle = story.step("tidy", (story.artifact,), (story.raw,), 70.0)
    with pytest.raises(InvalidValue, match="would have made what it was made of"):
        LineageGraph([*story.records, circle])
    with pytest.raises(InvalidValue, match="step tidy"):
        LineageGraph([story.step("tidy", (story.raw,), (story.raw,), 1.0)])


def test_a_step_that_read_nothing_is_a_source(story):
    graph = LineageGraph([story.step("generate", (), (story.workload,), 1.0)])
    assert graph.layers() == ((), tuple(graph.derivations), (story.workload.digest,))


def test_an_empty_graph_has_no_layers():
    assert LineageGraph([]).layers() == ()
