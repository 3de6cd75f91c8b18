"""The descheduler's policy says the same as the right-sizer's, in the file that is shipped and in what the chart renders."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from chart.rendered import FULL, ROOT, render
from hydatis_placement.relief import NodeRelief, ReliefRules, handed_ratio
from hydatis_right_sizer.policy import ReliefPolicy, parse_policy
from hydatis_right_sizer.relief_keeper import relief_rules
from hydatis_right_sizer.relief_metrics import ReliefMetrics
from prometheus_client import CollectorRegistry, generate_latest

SHIPPED = ROOT / "deploy" / "scheduler" / "descheduler-policy.yaml"


def thresholds(policy: dict[str, Any]) -> tuple[int, int]:
    (_, config) = policy["profiles"][0]["pluginConfig"]
    return config["args"]["thresholds"]["MetricResource"], config["args"]["targetThresholds"]["MetricResource"]


def rendered(**values: Any) -> dict[str, Any]:
    made = render(FULL, **values).one("ConfigMap", "hydatis-descheduler-policy")["data"]["policy.yaml"]
    found: dict[str, Any] = yaml.safe_load(made)
    return found


def test_the_chart_renders_what_is_shipped() -> None:
    assert rendered() == yaml.safe_load(SHIPPED.read_text())


def test_defaults_are_the_same_wherever_they_are_written() -> None:
    relief, rules = ReliefPolicy(), ReliefRules()
    assert (relief.hot_ratio, relief.cool_ratio) == (rules.enter_ratio, rules.leave_ratio)
    assert relief.node_share_ratio == rules.tainted_nodes_ratio_max


@pytest.mark.parametrize(("hot", "cool"), [(0.9, 0.75), (0.58, 0.29), (0.95, 0.6)])
def test_the_descheduler_takes_a_node_for_hot_exactly_where_relief_does(hot: float, cool: float) -> None:
    changes = {"rightSizer__policy__relief__hot_ratio": hot, "rightSizer__policy__relief__cool_ratio": cool}
    under, over = thresholds(rendered(**changes))
    rules = relief_rules(parse_policy(yaml.safe_dump({"relief": {"hot_ratio": hot, "cool_ratio": cool}}).encode()))
    for percent in range(100):
        ratio = (percent + 0.5) / 100.0  # it reads whole percents
        told = int(handed_ratio(rules, NodeRelief(tainted=True), ratio) * 100)  # as the descheduler reads it
        assert (told > over) == (ratio >= hot)
        assert told > under, "nobody is sent to a closed node"
        told = int(handed_ratio(rules, NodeRelief(tainted=False), ratio) * 100)
        assert told <= over, "nobody is taken from an open one"
        assert (told <= under) == (ratio < cool)


def test_the_metric_that_it_asks_for_is_one_that_there_is() -> None:
    registry = CollectorRegistry()
    ReliefMetrics(registry).show({"a": 0.5}, {"a": 0.5})
    (_, config) = yaml.safe_load(SHIPPED.read_text())["profiles"][0]["pluginConfig"]
    query = config["args"]["metricsUtilization"]["prometheus"]["query"]
    (name,) = [word for word in query.replace("(", " ").replace(")", " ").split() if word.startswith("hydatis_")]
    assert f'{name}{{node="a"}} 0.5' in generate_latest(registry).decode()
