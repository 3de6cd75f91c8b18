"""The features in Feast: definitions, offline and online store, point-in-time training sets, statistics.

Feast defines, keeps and joins; it never serves the decision path (``docs/decisions``), which reads the node table.
"""
