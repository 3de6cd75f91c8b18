"""Forecasts every node once per tick through the model servers."""
