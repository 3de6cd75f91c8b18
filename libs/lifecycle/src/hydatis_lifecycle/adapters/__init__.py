"""Where the decisions of this room meet disks: the only modules of it that do input and output.

Apart from the rest, so that everything else of the room can be tested with values alone.
"""
