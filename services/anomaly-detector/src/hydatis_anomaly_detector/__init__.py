"""Scores every node once per tick through the model server."""
