"""What the binder counts beside the path of the messages, for operators; since the process started."""

from __future__ import annotations

from collections.abc import Iterable

from smsfleet.config.clock import epoch_ms
from smsfleet.config.codes import APPENDIX_A
from smsfleet.ops.histogram import Histogram
from smsfleet.store.keys import LANES

OTHER = "other"
"""In place of a command_status that the guide does not list: a broken gateway could send any number."""

AMBIGUOUS = {"Q": "resent", "H": "held", "F": "failed"}
"""What became of a segment whose outcome nobody knows, by the letter of its state."""


class Counts:
    """Nothing here is done for every message, but for the time to its answer: a sample of those."""

    def __init__(self) -> None:
        self.errors: dict[str, int] = {}
        """submit_sm that were refused, by command_status"""
        self.ambiguous = dict.fromkeys(AMBIGUOUS.values(), 0)
        self.ambiguous_ms: int | None = None
        """when an outcome was unknown last"""
        self.response_s = Histogram()
        """from submit_sm to its answer"""
        self.outbound_s = {lane: Histogram() for lane in LANES}
        """from admission to the wire, of the first segment of each batch"""

    def refused(self, status: int) -> None:
        """A submit_sm was refused with this command_status."""
        code = f"0x{status:08X}" if status in APPENDIX_A else OTHER
        self.errors[code] = self.errors.get(code, 0) + 1

    def unknown(self, letters: Iterable[str]) -> None:
        """Segments that the gateway may have had were lost; the letters of their states now."""
        for letter in letters:
            if (what := AMBIGUOUS.get(letter)) is not None:
                self.ambiguous[what] += 1
                self.ambiguous_ms = epoch_ms()

    def begun(self, lane: int, entry_id: bytes) -> None:
        """A batch of a lane (1 to 3) goes to the wire; the entry of its first segment says since when."""
        waited_ms = epoch_ms() - int(entry_id.partition(b"-")[0])
        self.outbound_s[LANES[lane - 1]].add(max(0, waited_ms) / 1000)
