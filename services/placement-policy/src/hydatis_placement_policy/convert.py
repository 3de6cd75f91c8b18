"""What placement-policy is asked beyond a ranking, as values. (Rankings are converted in ``hydatis_serving.convert.placement``.)

Waiting for a generation has rules of its own: which one, and whether its risk must be there too.
"""

from __future__ import annotations

from hydatis.placement.v1 import placement_pb2
from hydatis_core.errors import InvalidValue
from hydatis_serving.ranking import AwaitedGeneration

__all__ = ["awaited_from_proto", "awaited_to_proto"]


def awaited_from_proto(request: placement_pb2.AwaitGenerationRequest) -> tuple[int, bool]:
    """Which generation is waited for, and whether with its risk.

    Raises:
        InvalidValue: it is no generation.
    """
    if request.generation <= 0:
        raise InvalidValue(f"{request.generation} is not a generation", field="generation", expected="a tick time > 0")
    return request.generation, request.with_risk


def awaited_to_proto(awaited: AwaitedGeneration) -> placement_pb2.AwaitGenerationResponse:
    """The generation that is here."""
    return placement_pb2.AwaitGenerationResponse(generation=awaited.generation, model_version=awaited.model_version)
