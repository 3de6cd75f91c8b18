"""Nouns and rules of HYDATIS: resources, nodes, pods, event time, errors and seeds.

Pure values: nothing here reads a clock, an environment or a disk. Import the modules (``from hydatis_core import errors``), so that
every call site says where a thing comes from.
"""
