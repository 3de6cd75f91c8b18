"""Serves one verified model by the Open Inference Protocol."""
