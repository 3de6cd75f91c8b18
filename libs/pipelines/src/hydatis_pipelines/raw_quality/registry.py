"""The data sets that can be checked, by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hydatis_core.errors import InvalidValue
from hydatis_lifecycle.quality.rules import TableRules

from hydatis_pipelines.raw_quality import alibaba_2018, alibaba_pods, bitbrains, labelled, openb, planetlab
from hydatis_pipelines.raw_quality.collected import collected_tables

__all__ = ["COLLECTED", "RAW_RULES", "rules_of"]

RAW_RULES: Mapping[str, tuple[TableRules, ...]] = {
    "bitbrains": bitbrains.TABLES,
    "planetlab": planetlab.TABLES,
    "alibaba_2018": alibaba_2018.TABLES,
    "openb": openb.TABLES,
    "alibaba_dlrm_2025": alibaba_pods.DLRM_TABLES,
    "alibaba_genai_2026": alibaba_pods.GENAI_TABLES,
    "smd": labelled.SMD_TABLES,
    "asd": labelled.ASD_TABLES,
    "nab": labelled.NAB_TABLES,
}


#: What `hydatis collect` wrote.
COLLECTED = "collected"


def rules_of(name: str, folder: Path) -> tuple[TableRules, ...]:
    """The tables of a data set.

    Args:
        name: one of ``RAW_RULES``, or ``COLLECTED``.
        folder: of its files.

    Raises:
        InvalidValue: nobody has written rules for it.
        TraceRefused: the folder does not say what its tables are.
    """
    if name == COLLECTED:
        return collected_tables(folder)
    if name not in RAW_RULES:
        known = ", ".join((*RAW_RULES, COLLECTED))
        raise InvalidValue(f"nobody knows the data set {name!r}", field="trace", expected=f"one of {known}")
    return RAW_RULES[name]
