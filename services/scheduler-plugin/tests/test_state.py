"""What the streams bring is joined whichever comes first, also when feature-service came back with an older state."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hydatis_placement.credit_ledger import CreditLedger
from hydatis_scheduler_plugin.state import ClusterMemory


def three_ticks(make: Any) -> ClusterMemory:
    memory = ClusterMemory(CreditLedger())
    for generation in (make.G, make.G + make.TICK, make.G + 2 * make.TICK):
        memory.take_table(make.table(generation))
        memory.take_forecast(make.forecast(generation))
        memory.take_risk(make.risk(generation))
    return memory


@pytest.mark.parametrize("order", tuple(permutations(("table", "forecast", "risk"))), ids=" ".join)
def test_after_a_step_back_in_time_the_older_generation_is_whole_in_whatever_order_it_comes(make: Any, order: Any) -> None:
    memory = three_ticks(make)
    take = {
        "table": lambda: memory.take_table(make.table(make.G)),
        "forecast": lambda: memory.take_forecast(make.forecast(make.G)),
        "risk": lambda: memory.take_risk(make.risk(make.G)),
    }
    for what in order:
        take[what]()
    assert memory.footing is not None
    assert memory.footing.generation == make.G
    assert memory.missing() == ()


def test_an_answer_that_the_stream_overtook_changes_nothing(make: Any) -> None:
    memory = three_ticks(make)
    footing = memory.footing
    memory.take_forecast(make.forecast(make.G - make.TICK), fetched=True)
    memory.take_risk(make.risk(make.G - make.TICK), fetched=True)
    assert memory.footing is footing
    assert memory.forecasts.held() == memory.risks.held() == (make.G + 2 * make.TICK, make.G + make.TICK, make.G)
