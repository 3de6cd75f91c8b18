"""The arena: many policies place the same fleet of pods on the same nodes, fast enough to ask how many nodes each of them needs.

The replay (``hydatis_simulator.replay``) is exact and drives the running stack; the arena trades what no comparison of placements
needs (pods that end, filters of kube-scheduler that are not resources) for speed: arrays over nodes, no objects per pod.
"""
