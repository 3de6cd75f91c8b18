"""Messages of the wire to values of the libs, and back, so that the generated code ends at this room's door.

One module per proto package, and ``asking`` for what several packages ask alike. Every ``*_from_proto`` refuses what the proto's
comments rule out, with the field that is wrong; every ``*_to_proto`` is its inverse.
"""
