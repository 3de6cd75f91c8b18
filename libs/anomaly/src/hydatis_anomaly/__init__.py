"""How anomalous a node is: an Isolation Forest as plain arrays, its threshold, and confirmation over ticks.

Import the modules (``from hydatis_anomaly import forest``). Only ``training`` touches scikit-learn: scoring needs numpy alone.
Risk is high where a node is more anomalous, everywhere.
"""
