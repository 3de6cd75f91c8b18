"""What pods should ask for, from what they used: CPU by the bound on a node, memory by its maximum.

Import the modules (``from hydatis_sizing import cpu_request``). ``rivals`` holds the published methods that ours are judged beside.
"""
