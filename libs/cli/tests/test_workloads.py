"""What trains and what is replayed never meet, and a wrong choice is refused in a sentence."""

import pytest
from hydatis_cli.workloads import CHOICES, evaluation_workload, training_workload
from hydatis_core.errors import InvalidValue, TraceRefused


def test_no_day_and_no_machine_of_a_real_trace_both_trains_and_is_replayed():
    for name in ("bitbrains", "planetlab", "alibaba_2018"):
        train, replay = CHOICES[name].train, CHOICES[name].replay
        assert train.start_day + train.days <= replay.start_day
    bitbrains = CHOICES["bitbrains"]
    assert bitbrains.train.machine_share[1] <= bitbrains.replay.machine_share[0]


def test_the_generator_makes_other_machines_for_training_than_for_replay():
    trained = training_workload("synthetic", None, seed=1, days=1).trace
    replayed = evaluation_workload("synthetic", None, seed=1, pod_count=20, days=1).trace
    assert trained.digest() != replayed.digest()
    assert (trained.cpu_used_cores[:20] != replayed.cpu_used_cores[:20]).any()


def test_the_same_choice_gives_the_same_workload():
    first = evaluation_workload("synthetic", None, seed=3, pod_count=20, node_count=2, days=1)
    second = evaluation_workload("synthetic", None, seed=3, pod_count=20, node_count=2, days=1)
    assert first.trace.digest() == second.trace.digest()
    assert first.nodes == second.nodes
    assert len(first.nodes) == 2


def test_a_trace_without_data_says_what_it_needs():
    with pytest.raises(InvalidValue, match=r"--data: bitbrains .* has to be read from a folder"):
        evaluation_workload("bitbrains", None, seed=1)


def test_unknown_traces_and_missing_folders_are_refused(tmp_path):
    with pytest.raises(InvalidValue, match="no trace named 'azure'"):
        training_workload("azure", None, seed=1)
    with pytest.raises(TraceRefused):
        evaluation_workload("bitbrains", tmp_path / "nowhere", seed=1)
