"""Public records with labelled anomalies, read into plain arrays.

Labels are for judging alone: whoever fits or sets a threshold is handed the training part only.
"""
