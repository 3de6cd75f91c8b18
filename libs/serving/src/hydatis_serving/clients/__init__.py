"""Typed clients: the only way to call a service of ours.

Arrays and values in, arrays and values out, errors of our own tree; the generated stubs end here. Every call takes
``timeout_seconds``, because a call without a deadline is refused by the other side.
"""

from hydatis_serving.clients.anomaly import AnomalyClient
from hydatis_serving.clients.features import FeatureClient, ReplaySourceClient
from hydatis_serving.clients.forecast import ForecastClient
from hydatis_serving.clients.placement import PlacementClient
from hydatis_serving.events import BindDelta, PodEvent, PodEventKind
from hydatis_serving.ranking import AwaitedGeneration, RankAnswer, RankQuery

__all__ = [
    "AnomalyClient",
    "AwaitedGeneration",
    "BindDelta",
    "FeatureClient",
    "ForecastClient",
    "PlacementClient",
    "PodEvent",
    "PodEventKind",
    "RankAnswer",
    "RankQuery",
    "ReplaySourceClient",
]
