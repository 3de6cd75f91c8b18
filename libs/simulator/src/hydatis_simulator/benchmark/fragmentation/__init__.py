"""GPU fragmentation (E7): how much of a cluster's GPUs pods get when they come one at a time and none leaves.

The protocol, the peers and the published figures are those of Weng et al., "Beware of Fragmentation", USENIX ATC 2023. A
simulator that gives their figures with their protocol may be believed when it says something of ours.
"""
