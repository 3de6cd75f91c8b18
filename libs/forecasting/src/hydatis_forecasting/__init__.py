"""Quantile forecasts of CPU and memory, calibration, baselines, metrics."""
