"""What pods should ask for, from what they used, and how far such advice is followed.

Import the modules (``from hydatis_sizing import bounds``). ``rivals`` holds the published methods that ours are judged beside.
"""
