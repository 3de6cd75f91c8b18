"""The data sets that can be checked, by name."""

from __future__ import annotations

from collections.abc import Mapping

from hydatis_core.errors import InvalidValue
from hydatis_lifecycle.quality.rules import TableRules

from hydatis_pipelines.raw_quality import alibaba_2018, bitbrains, labelled, openb, planetlab

__all__ = ["RAW_RULES", "rules_of"]

RAW_RULES: Mapping[str, tuple[TableRules, ...]] = {
    "bitbrains": bitbrains.TABLES,
    "planetlab": planetlab.TABLES,
    "alibaba_2018": alibaba_2018.TABLES,
    "openb": openb.TABLES,
    "smd": labelled.SMD_TABLES,
    "asd": labelled.ASD_TABLES,
    "nab": labelled.NAB_TABLES,
}


def rules_of(name: str) -> tuple[TableRules, ...]:
    """The tables of a data set.

    Raises:
        InvalidValue: nobody has written rules for it.
    """
    if name not in RAW_RULES:
        raise InvalidValue(f"nobody knows the data set {name!r}", field="trace", expected=f"one of {', '.join(RAW_RULES)}")
    return RAW_RULES[name]
