"""The features in Feast: definitions, offline and online store, point-in-time training sets, statistics.

Feast defines, keeps and joins; it never serves the decision path (``docs/decisions/0002-feast-beside-the-decision-path.md``),
which reads the node table from memory. feast, pandas and pyarrow are imported where they are used: importing this room is cheap.
"""
