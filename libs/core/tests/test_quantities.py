"""Quantities are read as Kubernetes reads them, and nonsense is refused by name."""

import pytest
from hydatis_core.errors import InvalidValue
from hydatis_core.quantities import cpu_quantity, memory_quantity, parse_quantity


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


@pytest.mark.parametrize(
    ("cores", "text"),
    [(0.12, "120m"), (0.1201, "121m"), (2.0, "2"), (0.1 + 0.02, "120m"), (0.0, "0"), (1e-9, "1m"), (33.3, "33300m")],
)
def test_cores_are_written_in_thousandths_rounded_up(cores, text):
    assert cpu_quantity(cores) == text
    assert parse_quantity(text) >= cores - 1e-9


@pytest.mark.parametrize(
    ("amount", "text"),
    [(700 * 2.0**20, "700Mi"), (2.0**31, "2Gi"), (1.5 * 2**30, "1536Mi"), (1500, "1500"), (0.0, "0"), (1023.5, "1Ki")],
)
def test_bytes_are_written_in_the_greatest_unit_that_says_them_exactly(amount, text):
    assert memory_quantity(amount) == text
    assert parse_quantity(text) >= amount


@pytest.mark.parametrize("write", [cpu_quantity, memory_quantity])
@pytest.mark.parametrize("amount", [-0.1, float("nan"), float("inf"), 2.0**61])
def test_nonsense_is_not_written(write, amount):
    with pytest.raises(InvalidValue, match="out of range"):
        write(amount)
