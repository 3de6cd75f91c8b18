"""Ranks the candidates of a pod by the learned policy."""
