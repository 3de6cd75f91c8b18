"""Isolation Forest, threshold calibration, confirmation over ticks."""
