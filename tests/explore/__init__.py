"""Breadth-first exploration of all interleavings of the store's scripts on a real server.

What lives in Redis is changed by the real scripts only. Everything else (the memory of the binders, both directions
of their sockets, the SMSC, slow relays) is an immutable tuple in `model.py`; `moves.py` says what may happen next,
`promises.py` what must hold after every move and at rest, `faults.py` breaks one thing at a time to show that the
promises notice.
"""
