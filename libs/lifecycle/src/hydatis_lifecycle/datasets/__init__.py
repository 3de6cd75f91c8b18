"""Datasets: what a version of one is, and what the next one is called."""
