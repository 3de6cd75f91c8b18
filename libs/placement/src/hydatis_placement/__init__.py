"""Where a pod goes: the learned placement policy, its greedy and load-only fallbacks, the filter, the scores and the credits.

Pure values and arrays: nothing here reads a clock, an environment or a disk. The shim, placement-policy and the simulator call
the same functions, so that a replay thinks exactly as the running stack does.
"""
