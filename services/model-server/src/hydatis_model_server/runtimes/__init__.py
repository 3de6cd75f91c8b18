"""One small module per kind of model: how its files become something that computes.

Each is imported only by the process that serves its kind, so that a Q-network never pays for a tree library.
"""
