"""Keeps the node table and workload profiles, and streams them."""
