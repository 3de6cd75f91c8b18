"""Risk tables refuse what is not a risk."""

import numpy as np
import pytest
from hydatis_anomaly.risk_table import FlaggedNode, RiskTable
from hydatis_core.errors import Duplicate, InvalidValue, WrongShape

RISK = np.array([0.1, np.nan, 0.9], dtype=np.float32)


def test_confirmed_nodes_are_found_by_row() -> None:
    table = RiskTable(600, RISK.copy(), 0.5, (FlaggedNode(2, 3, True), FlaggedNode(0, 1, False)))
    assert table.confirmed.tolist() == [False, False, True]


def test_unknown_risk_is_allowed_and_a_table_cannot_be_changed() -> None:
    table = RiskTable(600, RISK.copy(), 0.5)
    assert np.isnan(table.risk[1])
    assert not table.confirmed.any()
    with pytest.raises(ValueError, match="read-only"):
        table.risk[0] = 0.0


@pytest.mark.parametrize("wrong", [-0.1, 1.1, np.inf])
def test_a_risk_outside_0_to_1_is_refused(wrong: float) -> None:
    with pytest.raises(InvalidValue, match="row 1"):
        RiskTable(600, np.array([0.0, wrong], dtype=np.float32), 0.5)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(WrongShape):
        RiskTable(600, RISK.astype(np.float64), 0.5)
    with pytest.raises(InvalidValue):
        RiskTable(0, RISK.copy(), 0.5)
    with pytest.raises(InvalidValue):
        RiskTable(600, RISK.copy(), float("nan"))
    with pytest.raises(InvalidValue):
        RiskTable(600, RISK.copy(), 0.5, (FlaggedNode(3, 1, False),))
    with pytest.raises(Duplicate):
        RiskTable(600, RISK.copy(), 0.5, (FlaggedNode(2, 1, False), FlaggedNode(2, 1, False)))
