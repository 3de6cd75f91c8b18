"""Search of hyper-parameters: six experiments from one specification, by Optuna here and by Katib in a cluster."""
