"""How well detectors find what somebody labelled, and what their false alarms cost.

Every detector sees the same: the training part of a machine to be fitted and calibrated on, then the test part row by row. Labels
meet risks in ``judging`` alone.
"""
