"""Quantile forecasts of what nodes will use: targets, model, training, calibration, metrics and the baselines to beat.

Import the modules (``from hydatis_forecasting import outlook``). Only ``model`` and ``training`` touch xgboost, so that everything
else can live in processes that do not carry it.
"""
