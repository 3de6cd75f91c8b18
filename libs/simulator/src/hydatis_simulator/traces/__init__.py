"""Readers of published traces: the one place of the simulator that reads files, each trace in a module of its own.

Every reader takes the Parquet form and the published raw layout, and counts each rule it applied to what was odd.
"""
