"""Appendix B: the message statuses of the gateway, their finality and their order.

Numbers and meanings are the guide's (§15); 014 is known from Clickatell's other interfaces and is accepted
as a final failure. A status only ever rises in `RANK`: the new status of a segment is the maximum of all
that is known, so the order and the number of facts do not matter.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MessageStatus:
    """One row of Appendix B."""

    number: int
    name: str
    final: bool
    charged: bool = True
    """False where the guide says that no charge applies."""

    @property
    def label(self) -> str:
        """Number and name as they are shown to people: `004 received by recipient`."""
        return f"{self.number:03d} {self.name}"


_ROWS = (
    MessageStatus(1, "message unknown", final=False),
    MessageStatus(2, "message queued", final=False),
    MessageStatus(3, "delivered to gateway", final=False),
    MessageStatus(4, "received by recipient", final=True),
    MessageStatus(5, "error with message", final=True),
    MessageStatus(6, "user cancelled message delivery", final=True),
    MessageStatus(7, "error delivering message", final=True),
    MessageStatus(8, "OK, received by gateway", final=False),
    MessageStatus(9, "routing error", final=True),
    MessageStatus(10, "message expired", final=True, charged=False),
    MessageStatus(11, "message queued for later delivery", final=False),
    MessageStatus(12, "out of credit", final=True),
    MessageStatus(14, "maximum MT limit exceeded", final=True),
)

APPENDIX_B: dict[int, MessageStatus] = {row.number: row for row in _ROWS}
"""Every status of guide §15 (and 014), by number."""

RANKED = (1, 8, 11, 2, 3, 12, 14, 10, 9, 7, 6, 5, 4)
"""The statuses from the weakest to the strongest; all after 3 are final; 4, positive evidence, beats all."""

RANK: dict[int, int] = {number: rank for rank, number in enumerate(RANKED, start=1)}
"""Rank of a status; a missing status ranks 0."""

RECEIPT_STATUS: dict[str, int] = {
    # `stat:` words of SMPP 3.4 Appendix B, as this project reads them; the guide gives no mapping.
    "ENROUTE": 8,
    "SCHEDULED": 11,
    "ACCEPTD": 3,
    "DELIVRD": 4,
    "UNDELIV": 7,
    "DELETED": 6,
    "REJECTD": 9,
    "EXPIRED": 10,
    "UNKNOWN": 1,
}

MESSAGE_STATE_WORD: dict[int, str] = {
    # message_state (SMPP 3.4 §5.2.28) -> the word that the same state has in a receipt's text.
    1: "ENROUTE",
    2: "DELIVRD",
    3: "EXPIRED",
    4: "DELETED",
    5: "UNDELIV",
    6: "ACCEPTD",
    7: "UNKNOWN",
    8: "REJECTD",
}


def message_status(number: int) -> MessageStatus:
    """The row of `number`; an unlisted number is an open status, because it proves nothing."""
    return APPENDIX_B.get(number) or MessageStatus(number, "not in the guide's Appendix B", final=False)
