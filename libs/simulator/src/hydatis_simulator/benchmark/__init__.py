"""Experiments that compare placement policies with their peers, each runnable by one plain function."""
