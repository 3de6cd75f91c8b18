"""Waiting for a generation, over the wire and back."""

from __future__ import annotations

import pytest
from hydatis.placement.v1 import placement_pb2
from hydatis_core.errors import InvalidValue
from hydatis_placement_policy.convert import awaited_from_proto, awaited_to_proto
from hydatis_serving.ranking import AwaitedGeneration


def test_what_is_waited_for_and_what_is_here():
    assert awaited_from_proto(placement_pb2.AwaitGenerationRequest(generation=60, with_risk=True)) == (60, True)
    answer = awaited_to_proto(AwaitedGeneration(120, "1.2.3"))
    assert (answer.generation, answer.model_version) == (120, "1.2.3")


@pytest.mark.parametrize("generation", [0, -60])
def test_no_generation_is_refused(generation):
    with pytest.raises(InvalidValue, match="generation"):
        awaited_from_proto(placement_pb2.AwaitGenerationRequest(generation=generation))
