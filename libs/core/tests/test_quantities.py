"""Quantities are read as Kubernetes reads them, and nonsense is refused by name."""

import pytest
from hydatis_core.errors import InvalidValue
from hydatis_core.quantities import parse_quantity


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("0", 0),
        ("100m", 0.1),
        ("1.5", 1.5),
        (".5", 0.5),
        ("2Gi", 2**31),
        ("1k", 1000),
        ("1e3", 1000),
        ("1E", 1e18),
        ("12E2", 1200),
        (3, 3),
    ],
)
def test_reads_the_forms_kubernetes_writes(text, amount):
    assert parse_quantity(text) == pytest.approx(amount)


@pytest.mark.parametrize("text", ["", "1e30", "-1", "1 Gi", "abc", "1Kib", "nan", "inf", "1e999", True, float("nan"), "9" * 100])
def test_refuses_what_no_cluster_has(text):
    with pytest.raises(InvalidValue) as refused:
        parse_quantity(text, field="requests.cpu")

    assert refused.value.field == "requests.cpu"
    assert refused.value.expected
