"""Amounts add up, and what is no amount is refused."""

import pytest
from hydatis_core.errors import InvalidValue
from hydatis_core.nodes import Node
from hydatis_core.pods import Pod
from hydatis_core.resources import Resources


def test_amounts_add_by_resource():
    assert Resources(1, 2, 1, 500) + Resources(0.5, 3, 0, 0) == Resources(1.5, 5, 1, 500)


@pytest.mark.parametrize("amounts", [(-1, 0), (float("nan"), 0), (0, float("inf")), (0, 0, -1), (0, 0, 1, 1001)])
def test_refuses_what_is_no_amount(amounts):
    with pytest.raises(InvalidValue):
        Resources(*amounts)


def test_a_node_must_have_a_name_and_something_to_give():
    with pytest.raises(InvalidValue, match="no name"):
        Node("", Resources(1, 1))
    with pytest.raises(InvalidValue, match="no CPU or no memory"):
        Node("n", Resources(0, 1))


def test_a_pod_of_unknown_workload_has_no_profile_key():
    assert Pod("u").workload_key == ""
    assert Pod("u", namespace="shop", workload="web").workload_key == "shop/web"


def test_a_pod_must_have_a_uid():
    with pytest.raises(InvalidValue, match="no uid"):
        Pod("")
