"""What the gateway looks at in a submit_sm: where it goes and came from, and whether a receipt is wanted.

A benchmark's simulator must not be slower than what it measures, and decoding was the larger part of it.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class Envelope(NamedTuple):
    """The outside of a message."""

    destination: bytes
    registered_delivery: int
    way: bytes
    """source and destination of its receipts as they stand in a deliver_sm: the message's own, exchanged"""


# service_type, source, destination, three integers, two times, registered_delivery; strings end at their NUL.
_OUTSIDE: Final = re.compile(
    rb"[^\0]*+\0(..[^\0]*+\0)(..([^\0]*+)\0)...[^\0]*+\0[^\0]*+\0(.)", re.DOTALL
).match


def opened(body: bytes) -> Envelope:
    """The outside of a body that was checked. Raises ValueError for one that cannot have been."""
    found = _OUTSIDE(body)
    if found is None:
        raise ValueError("a submit_sm body that was not checked ends within its mandatory fields")
    source, addressee, destination, registered_delivery = found.groups()
    return Envelope(destination, registered_delivery[0], addressee + source)
