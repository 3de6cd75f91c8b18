"""Prices come from the user's file or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydatis_cli.prices import HOURS_A_MONTH, read_prices
from hydatis_core.errors import InvalidValue


def test_a_node_costs_what_it_costs_whatever_its_size(tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    file.write_text('{"currency": "EUR", "node_hour": 0.8}')
    prices = read_prices(file)
    assert prices.currency == "EUR"
    assert prices.node_month(64.0, 2.0**38) == prices.node_month(1.0, 1.0) == pytest.approx(0.8 * HOURS_A_MONTH)


def test_or_what_its_parts_cost(tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text("currency: USD\ncpu_core_hour: 0.03\nmemory_gib_hour: 0.004\n")
    assert read_prices(file).node_month(16.0, 64 * 2.0**30) == pytest.approx((0.48 + 0.256) * HOURS_A_MONTH)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Expected `object`"),
        ("node_hour: 1\n", "missing required field `currency`"),
        ("currency: EUR\n", "neither one nor the other"),
        ("currency: ''\nnode_hour: 1\n", "no currency"),
        ("currency: EUR\nnode_hour: -1\n", "node_hour is -1.0"),
        ("currency: EUR\nnode_hour: .nan\n", "node_hour is nan"),
        ("currency: EUR\nnode_hour: 1\ncpu_core_hour: 1\n", "neither one nor the other"),
        ("currency: EUR\ncpu_core_hour: 1\n", "neither one nor the other"),
        ("currency: EUR\nnode_hour: 1\nnode_day: 2\n", "unknown field `node_day`"),
        ("currency: EUR\nnode_hour: dear\n", "Expected `float | null`"),
        ("currency: [EUR\n", "neither YAML nor JSON"),
    ],
)
def test_a_malformed_file_is_refused_in_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(text)
    with pytest.raises(InvalidValue) as refused:
        read_prices(file)
    assert said in str(refused.value)
    assert "--prices" in str(refused.value)
    assert str(tmp_path) not in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match=r"none\.yaml cannot be read"):
        read_prices(tmp_path / "none.yaml")
